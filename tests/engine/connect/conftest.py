"""A database to connect to, as settings would name it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.server import Server
from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Database


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database()


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    """Sessions of a source, of which two are kept."""
    made = Pool(Server("plant", "source", database.params, "here", 10.0), 2)
    yield made
    made.close()


@pytest.fixture
def limited(database: Database, make_role: MakeRole) -> Iterator[Pool]:
    """A pool whose role may have one connection."""
    role = make_role("limited", "LOGIN CONNECTION LIMIT 1")
    made = Pool(Server("plant", "source", database.as_role(role), "here", 10.0), 4)
    yield made
    made.close()

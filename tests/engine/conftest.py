"""Fixtures for syncs: sources and a warehouse, under exactly the roles `grants` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from tests.conftest import MakeDatabase, MakeRole
from tests.integration.link import Link


class MakeLink(Protocol):
    def __call__(
        self,
        *sources: str,
        source_encoding: str = "UTF8",
        warehouse_encoding: str = "UTF8",
    ) -> Link: ...


@pytest.fixture
def make_link(make_role: MakeRole, make_database: MakeDatabase) -> Iterator[MakeLink]:
    """Makes empty sources and an empty warehouse, each with a role of its own."""
    made: list[Link] = []

    def make(
        *sources: str, source_encoding: str = "UTF8", warehouse_encoding: str = "UTF8"
    ) -> Link:
        names = sources or ("plant",)
        roles = {name: make_role(name) for name in (*names, "warehouse")}
        databases = {name: make_database(name, encoding=source_encoding) for name in names}
        warehouse = make_database("warehouse", encoding=warehouse_encoding)
        made.append(Link(databases, warehouse, roles))
        return made[-1]

    yield make
    for link in made:
        link.close()


@pytest.fixture
def link(make_link: MakeLink) -> Link:
    """One source, `plant`, and a warehouse, both empty."""
    return make_link()

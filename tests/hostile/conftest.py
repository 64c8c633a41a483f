"""Fixtures of hostile tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.between import Between
from tests.hostile.thief import Thief, thief
from tests.hostile.wire import WireProxy
from tests.pairs import Pair
from tests.postgres import PostgresServer


@pytest.fixture
def here(home: Path) -> Path:
    """The working folder."""
    return home / "work"


@pytest.fixture(name="thief")
def a_thief() -> Iterator[Thief]:
    """A server that notes the password that it is sent."""
    with thief() as made:
        yield made


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def between(pair: Pair, server: PostgresServer) -> Iterator[Between]:
    """The pair over TCP, through one rewriting proxy a side."""
    address = ("127.0.0.1", server.tcp_port)
    source, warehouse = WireProxy(address), WireProxy(address)
    for role in (pair.source_role, pair.warehouse_role):
        server.admin.sql(f"ALTER ROLE \"{role}\" PASSWORD 'wire'")
    common = {"dsn": "sslmode=disable gssencmode=disable", "host": "127.0.0.1", "password": "wire"}
    pair.source_address = {**common, "port": source.port}
    pair.warehouse_address = {**common, "port": warehouse.port}
    yield Between(pair, source, warehouse)
    source.close()
    warehouse.close()

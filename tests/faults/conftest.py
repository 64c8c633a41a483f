"""A pair of databases reached through proxies that can be told to fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from elconsole.api import TableRun
from tests.faults.proxy import Proxy
from tests.pairs import Pair
from tests.postgres import PostgresServer

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Wire:
    """A pair behind two proxies."""

    pair: Pair
    source: Proxy
    warehouse: Proxy

    def proxy(self, side: str) -> Proxy:
        return self.source if side == "source" else self.warehouse

    def heal(self) -> None:
        self.source.heal()
        self.warehouse.heal()

    def assert_healed(self, table: str = "t") -> None:
        """The next sync succeeds and leaves source and raw equal, and nothing else."""
        self.heal()
        run = self.pair.run()
        assert [one.error for one in run.tables] == [None] * len(run.tables)
        assert self.pair.raw("id, v", table) == self.pair.rows("id, v", table)
        assert self.pair.leftovers() == []
        running = self.pair.warehouse.scalar(
            "SELECT count(*) FROM elconsole.table_runs t JOIN elconsole.runs r USING (run_id)"
            " WHERE t.status = 'running' AND r.status = 'running'"
        )
        assert running == 0
        self.pair.close()
        until(lambda: self.pair.advisory_locks() == 0)


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> float:
    """Wait for a condition, polling; returns the seconds it took, fails after `patience_s`."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < patience_s, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - started


def only(tables: tuple[TableRun, ...]) -> TableRun:
    (table,) = tables
    return table


@pytest.fixture
def wire(pair: Pair, server: PostgresServer) -> Iterator[Wire]:
    """The pair over TCP, through one proxy a side."""
    address = ("127.0.0.1", server.tcp_port)
    source, warehouse = Proxy(address), Proxy(address)
    for role in (pair.source_role, pair.warehouse_role):
        server.admin.sql(f"ALTER ROLE \"{role}\" PASSWORD 'wire'")
    common = {"host": "127.0.0.1", "password": "wire"}
    pair.source_address = {**common, "port": source.port}
    pair.warehouse_address = {**common, "port": warehouse.port}
    yield Wire(pair, source, warehouse)
    source.close()
    warehouse.close()
    pair.close()

"""A pair of databases reached through proxies that can be told to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from elconsole.core.results import RunDetail, TableRun
from elconsole.engine.connect.session import Session
from tests.faults.proxy import Proxy
from tests.pairs import Pair
from tests.postgres import PostgresServer
from tests.waiting import until


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


ROWS = 4000
GATE = 42
FILL = f"INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, {ROWS}) i"


def begin(pair: Pair, mode: str, **top: object) -> None:
    """One row is synced; the next sync would bring thousands, through a gate half-way.

    A refresh of a condition asks one thing after the other; the mode `at_once` is one that
    asks everything at once."""
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (0, 'first');"
        "CREATE FUNCTION gate(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        f" IF id = {ROWS // 2} THEN PERFORM pg_advisory_xact_lock_shared({GATE}); END IF;"
        " RETURN true; END $$"
    )
    block: dict[str, dict[str, object]] = {
        "t": {"mode": mode, "deletes": "sweep", "where": "public.gate(id)"}
    }
    if mode == "at_once":
        pair.source.sql(
            "ALTER TABLE t RENAME TO units; CREATE VIEW t AS SELECT * FROM units WHERE gate(id)"
        )
        block = {"t": {"mode": "full"}}
    pair.configure(block, plant={"tables": ["t"]}, **{"stall_timeout": 4, **top})
    pair.sync()
    pair.source.sql(FILL)


@contextmanager
def closed_gate(pair: Pair) -> Iterator[None]:
    """No copy of `t` gets past its middle before the block's end."""
    with pair.source.connect() as keeper:
        keeper.execute(f"SELECT pg_advisory_lock({GATE})".encode())
        yield


class Background:
    """A sync in a thread of its own."""

    def __init__(self, pair: Pair) -> None:
        self.stop = threading.Event()
        self.result: RunDetail | None = None
        self._pair = pair
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.result = self._pair.run(stop=self.stop)

    def join(self, patience_s: float = 40.0) -> RunDetail:
        self._thread.join(patience_s)
        assert self.result is not None, "the sync did not end"
        return self.result


def is_publishing(session: Session, query: object) -> bool:
    """Whether this is the COMMIT that shows a table's new rows."""
    return (
        session.server.role == "warehouse"
        and isinstance(query, bytes)
        and b"COMMIT" in query
        and b"elconsole.watermarks" in query
    )


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

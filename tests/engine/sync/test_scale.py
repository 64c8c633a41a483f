"""Many tables, many columns, many workers: counted, not timed, so that growth stays linear."""

from __future__ import annotations

import queue
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.models import Settings
from elconsole.core.errors import ElconsoleError
from elconsole.core.results import RunDetail, SyncRequest, TableRun
from elconsole.core.types import ErrorInfo
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.extract.pump import BLOCK_BYTES
from elconsole.engine.ledger import runs
from elconsole.engine.ledger.schema import prepare_warehouse
from elconsole.engine.service import PostgresEngine
from tests.benchmarks.wire import Wire, open_wire
from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Database

pytestmark = pytest.mark.integration

FEW_TABLES, MANY_TABLES = 200, 400
MANY_COLUMNS = 400
ROWS_OF_MANY_COLUMNS = 3_000
HELD_BYTES_MAX = 6 * BLOCK_BYTES
"""The pump's blocks, and what planning so many columns takes."""
MANY_WORKERS = 64
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """An empty source and warehouse behind a wire each."""

    source: Database
    warehouse: Database
    to_source: Wire
    to_warehouse: Wire
    blocks: dict[str, dict[str, Any]]

    def make_tables(self, numbers: range) -> None:
        self.source.sql(
            "; ".join(f"CREATE TABLE t{n} (id int PRIMARY KEY, name text)" for n in numbers)
        )

    @contextmanager
    def engine(self, *, wired: bool = True, **top: Any) -> Iterator[PostgresEngine]:
        address = {} if wired else {k: self.source.params[k] for k in ("host", "port")}
        settings = Settings(
            **top,
            warehouse={**self.blocks["warehouse"], **address},
            sources={"plant": {**self.blocks["source"], **address, "tables": ["*"]}},
        )
        self.source.sql(source_grants("plant", settings.sources["plant"]))
        self.warehouse.sql(warehouse_grants(settings.warehouse))
        self.take()
        engine = PostgresEngine(settings)
        try:
            yield engine
        finally:
            engine.close()

    def take(self) -> tuple[int, int]:
        """Connections and round trips since the last call, to both sides."""
        sides = (self.to_source.take(), self.to_warehouse.take())
        return sum(side[0] for side in sides), sum(side[1] for side in sides)


@pytest.fixture
def site(
    make_database: MakeDatabase, make_role: MakeRole, session_folder: Path, home: Path
) -> Iterator[Site]:
    roles = {name: make_role(name) for name in ("source", "warehouse")}
    source, warehouse = make_database("source"), make_database("warehouse")
    server = Path(source.params["host"]) / f".s.PGSQL.{source.params['port']}"

    def block(database: Database, role: str, wire: Wire) -> dict[str, Any]:
        through = {**database.as_role(role), **wire.parameters}
        return {**through, "port": int(through["port"])}

    with (
        open_wire(session_folder / f"s-{home.name}", server) as to_source,
        open_wire(session_folder / f"w-{home.name}", server) as to_warehouse,
    ):
        blocks = {
            "source": block(source, roles["source"], to_source),
            "warehouse": block(warehouse, roles["warehouse"], to_warehouse),
        }
        yield Site(source, warehouse, to_source, to_warehouse, blocks)


def sync(engine: PostgresEngine, *selection: str) -> RunDetail:
    return engine.sync(SyncRequest(selection), emit=lambda _event: None, stop=threading.Event())


def test_planning_asks_no_more_for_twice_as_many_tables(site: Site) -> None:
    trips = {}
    for numbers in (range(FEW_TABLES), range(FEW_TABLES, MANY_TABLES)):
        site.make_tables(numbers)
        with site.engine() as engine:
            planned = engine.plan(SyncRequest())
        assert len(planned.tables) == numbers.stop
        trips[numbers.stop] = site.take()
    assert trips[MANY_TABLES] == trips[FEW_TABLES]


def test_the_ledger_is_told_of_any_number_of_tables_at_once(site: Site) -> None:
    trips = []
    for number, count in enumerate((FEW_TABLES, MANY_TABLES)):
        with _ledger_session(site) as session:
            run_id = f"00000000-0000-4000-8000-{number:012}"
            session.execute(
                "INSERT INTO elconsole.runs (run_id, status, mode, host, pid, user_name,"
                " started_at) VALUES (%s, 'running', 'full', 'here', 1, 'me', now())",
                [run_id],
            )
            site.take()
            runs.enter_tables(session, run_id, [_page(n, "pending") for n in range(count)])
            runs.report_progress(session, run_id, [_page(n, "failed") for n in range(count)])
            trips.append(site.take()[1])
            written = session.execute(
                "SELECT count(*), min(error_message) FROM elconsole.table_runs"
                " WHERE run_id = %s AND status = 'failed'",
                [run_id],
            ).fetchone()
            assert written == (count, "no")
    assert trips[0] == trips[1]


@pytest.mark.slow
def test_four_hundred_columns_are_loaded_in_a_few_blocks_of_memory(site: Site) -> None:
    kinds = ("int", "text", "numeric(10,2)", "timestamptz")
    columns = ", ".join(f"c{n} {kinds[n % 4]}" for n in range(MANY_COLUMNS - 1))
    values = ("i", "'value ' || i", "i / 7.0", "now()")
    listed = ", ".join(values[n % 4] for n in range(MANY_COLUMNS - 1))
    site.source.sql(
        f"CREATE TABLE many (id int PRIMARY KEY, {columns});"
        f" INSERT INTO many SELECT i, {listed} FROM generate_series(1, {ROWS_OF_MANY_COLUMNS}) i"
    )
    # The wires hold what is under way, in this process.
    with site.engine(wired=False) as engine:
        # What is imported and cached once is not the table's.
        engine.plan(SyncRequest())
        tracemalloc.start()
        try:
            detail = sync(engine)
            _, held_most_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert detail.run.rows_written == ROWS_OF_MANY_COLUMNS
    assert detail.run.bytes > 4 * HELD_BYTES_MAX
    assert held_most_bytes < HELD_BYTES_MAX


def test_many_workers_open_no_more_connections_than_there_are_tables(site: Site) -> None:
    tables = 3
    site.make_tables(range(tables))
    with site.engine(workers=MANY_WORKERS) as engine:
        detail = sync(engine)
    assert [table.status for table in detail.tables] == ["succeeded"] * tables
    connections, _ = site.take()
    # Each table one on either side, and the ledger's.
    assert connections <= 2 * tables + 1


def test_workers_share_the_connections_that_a_role_may_have(
    site: Site, make_role: MakeRole
) -> None:
    tables = 12
    site.make_tables(range(tables))
    with site.engine(workers=MANY_WORKERS, retries=0) as engine:
        role = site.blocks["source"]["user"]
        site.source.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT 2')
        detail = sync(engine)
    assert [table.error for table in detail.tables] == [None] * tables


def test_a_source_that_pauses_holds_up_no_other_table(site: Site) -> None:
    """Its thread waits without the interpreter's lock: other tables, and this test, go on."""
    site.make_tables(range(1))
    site.source.sql(
        "CREATE TABLE large AS SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i"
    )
    site.to_source.stop_after_bytes = 1_000_000
    with site.engine() as engine:
        got = _in_thread(lambda: sync(engine, "plant.large").run.status)
        assert site.to_source.stopped.wait(PATIENCE_S)
        others = sync(engine, "plant.t0")
        site.to_source.go_on()
        assert others.run.status == "succeeded"
        assert got.get(timeout=PATIENCE_S) == "succeeded"


def _in_thread(act: Callable[[], object]) -> queue.SimpleQueue[object]:
    """What the call returns or raises, once it does."""
    outcome: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(act())
        except ElconsoleError as error:
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome


@contextmanager
def _ledger_session(site: Site) -> Iterator[Session]:
    with site.engine():
        parameters = {k: str(v) for k, v in site.blocks["warehouse"].items()}
        session = open_session(Server("warehouse", "warehouse", parameters, "here", 10.0))
        try:
            prepare_warehouse(session, ("raw",))
            yield session
        finally:
            session.abandon()


def _page(number: int, status: Any) -> TableRun:
    return TableRun(
        source="plant",
        table=f"t{number}",
        target=f"raw.t{number}",
        mode="full",
        strategy="full",
        status=status,
        error=ErrorInfo("server", "no", None, None) if status == "failed" else None,
    )

"""What the byte pump does per row, counted, not timed: a slow machine proves nothing."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from elconsole.core.errors import CountMismatch
from elconsole.core.types import Role
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.extract.pump import BLOCK_BYTES, Transferred, transfer
from tests.conftest import MakeDatabase
from tests.postgres import Database

pytestmark = pytest.mark.integration

FEW_ROWS, MANY_ROWS = 2_000, 22_000
COLUMNS = 26
CALLS_PER_ROW_MAX = 1.5
"""0.13 measured, by block; one more where the interpreter reports calls into Cython (libpq's
`get_copy_data`). Handling rows in Python would take several, decoding one a column."""
HELD_BYTES_MAX = 4 * BLOCK_BYTES


@pytest.fixture
def copy_rows(make_database: MakeDatabase) -> Iterator[Callable[[int], Transferred]]:
    """Pumps so many rows of 26 columns from one database into another."""
    source, warehouse = make_database("source"), make_database("warehouse")
    columns = ", ".join(f"c{n} varchar" for n in range(COLUMNS))
    warehouse.sql(f"CREATE TABLE rows ({columns})")
    with _session(source, "source") as reading, _session(warehouse, "warehouse") as writing:

        def copy(rows: int) -> Transferred:
            values = ", ".join(f"'value {n} of ' || i" for n in range(COLUMNS))
            query = f"COPY (SELECT {values} FROM generate_series(1, {rows}) i) TO STDOUT"
            return transfer(
                reading,
                f"{query} (FORMAT binary)".encode(),
                writing,
                b"COPY public.rows FROM STDIN (FORMAT binary)",
                stall_timeout_s=60.0,
                on_progress=lambda _rows, _bytes: None,
            )

        yield copy


@contextmanager
def _session(database: Database, name: str) -> Iterator[Session]:
    role: Role = "source" if name == "source" else "warehouse"
    session = open_session(Server(name, role, database.params, name, 10.0))
    try:
        yield session
    finally:
        session.abandon()


def test_the_pump_makes_no_call_per_column(copy_rows: Callable[[int], Transferred]) -> None:
    calls = {rows: _calls_during(copy_rows, rows) for rows in (FEW_ROWS, MANY_ROWS)}
    more = (calls[MANY_ROWS] - calls[FEW_ROWS]) / (MANY_ROWS - FEW_ROWS)
    assert more <= CALLS_PER_ROW_MAX


def test_the_pump_holds_a_block_however_many_rows_pass(
    copy_rows: Callable[[int], Transferred],
) -> None:
    copy_rows(FEW_ROWS)
    tracemalloc.start()
    try:
        moved = copy_rows(MANY_ROWS)
        _, held_most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert moved.bytes > 4 * HELD_BYTES_MAX
    assert held_most_bytes < HELD_BYTES_MAX


def test_rows_that_the_warehouse_loses_are_noticed(make_database: MakeDatabase) -> None:
    source, warehouse = make_database("source"), make_database("warehouse")
    warehouse.sql(
        "CREATE TABLE rows (n int); CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN CASE WHEN NEW.n <> 7 THEN NEW END; END';"
        "CREATE TRIGGER losing BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION lose()"
    )
    with (
        _session(source, "source") as reading,
        _session(warehouse, "warehouse") as writing,
        pytest.raises(CountMismatch, match="sent 9 rows, the warehouse stored 8"),
    ):
        transfer(
            reading,
            b"COPY (SELECT generate_series(1, 9)) TO STDOUT (FORMAT binary)",
            writing,
            b"COPY public.rows FROM STDIN (FORMAT binary)",
            stall_timeout_s=60.0,
            on_progress=lambda _rows, _bytes: None,
        )


def test_what_the_warehouse_remarks_during_a_copy_stops_nothing(
    make_database: MakeDatabase,
) -> None:
    source, warehouse = make_database("source"), make_database("warehouse")
    warehouse.sql(
        "CREATE TABLE rows (n int); CREATE FUNCTION remark() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.n % 1000 = 0 THEN RAISE WARNING ''row %'', NEW.n; END IF; RETURN NEW; END';"
        "CREATE TRIGGER remarking BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION remark()"
    )
    with _session(source, "source") as reading, _session(warehouse, "warehouse") as writing:
        moved = transfer(
            reading,
            b"COPY (SELECT generate_series(1, 200000)) TO STDOUT (FORMAT binary)",
            writing,
            b"COPY public.rows FROM STDIN (FORMAT binary)",
            stall_timeout_s=60.0,
            on_progress=lambda _rows, _bytes: None,
        )
    assert moved.rows == 200_000


def _calls_during(copy_rows: Callable[[int], Transferred], rows: int) -> int:
    """Python functions and built-ins that this thread called."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        moved = copy_rows(rows)
    finally:
        sys.setprofile(before)
    assert moved.rows == rows
    return calls

"""What a run's record holds, who hears of it, and when the ledger is told."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from elconsole.core.errors import Cancelled, PlanError, TableLocked, TransientFault, Vetoed
from elconsole.core.events import Emit, Event, SyncStarted, TableFailed
from elconsole.core.fold import begun, fold, pending
from elconsole.core.results import RunDetail, RunSummary
from elconsole.engine.publish.lock import TargetMoved
from elconsole.engine.sync.recorder import Recorder
from tests.pairs import Pair

REFUSED = PlanError("no such table")
LOST = TransientFault("the connection was lost")


def recorder(*tables: str, emit: Emit = lambda event: None) -> Recorder:
    run = RunSummary(
        run_id="11111111-1111-4111-8111-111111111111",
        run_number=7,
        status="running",
        mode="configured",
        host="plant",
        pid=1,
        started_at=datetime.now(UTC),
    )
    planned = RunDetail(run, tuple(pending("plant", table) for table in tables))
    return Recorder(planned, emit, None)


def folded(events: list[Event]) -> RunDetail:
    first, *others = events
    assert isinstance(first, SyncStarted)
    detail = begun(first)
    for event in others:
        detail = fold(detail, event)
    return detail


@pytest.mark.unit
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LOST, "failed"),
        (TableLocked("held by run 6"), "locked"),
        (TargetMoved("published meanwhile"), "locked"),
        (Vetoed("not on a Sunday"), "skipped"),
        (Cancelled("the sync was stopped"), "cancelled"),
    ],
)
def test_an_error_decides_how_a_table_ends(error: TransientFault, status: str) -> None:
    heard: list[Event] = []
    record = recorder("t", emit=heard.append)
    record.failed(("plant", "t"), error)
    (table,) = record.tables()
    (event,) = heard
    assert isinstance(event, TableFailed)
    assert event.status == table.status == status


@pytest.mark.unit
def test_an_observer_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(event: Event) -> None:
        raise ValueError(event.kind)

    record = recorder("t", emit=refuse)
    record.announced()
    record.failed(("plant", "t"), REFUSED)
    detail = record.completed(stopped=False)
    assert [table.status for table in detail.tables] == ["failed"]
    assert caplog.text.count("an observer failed on") == 3


@pytest.mark.unit
def test_the_ledger_is_told_once_of_each_change_and_again_of_what_it_could_not_take() -> None:
    record = recorder("a", "b", "c")
    assert record.take_changed() == ()
    for name in ("b", "a", "b"):
        record.failed(("plant", name), LOST, will_retry=True)
    taken = record.take_changed()
    assert [table.table for table in taken] == ["b", "a"]
    assert record.take_changed() == ()
    record.put_back(taken)
    record.failed(("plant", "a"), LOST)
    assert [(t.table, t.status) for t in record.take_changed()] == [
        ("b", "running"),
        ("a", "failed"),
    ]


@pytest.mark.unit
def test_only_a_beginning_and_an_end_are_urgent() -> None:
    record = recorder("t")
    key = ("plant", "t")
    urgent = []
    for will_retry in (True, True, False):
        record.urgent.clear()
        record.failed(key, LOST, will_retry=will_retry)
        urgent.append(record.urgent.is_set())
    assert urgent == [True, False, True]


@pytest.mark.unit
def test_a_fact_costs_the_same_among_thousands_of_tables() -> None:
    def seconds(tables: int) -> float:
        record = recorder(*(f"t{n}" for n in range(tables)))
        start = time.perf_counter()
        for _ in range(200):
            record.failed(("plant", f"t{tables - 1}"), LOST, will_retry=True)
        return time.perf_counter() - start

    few, many = (min(seconds(tables) for _ in range(5)) for tables in (2, 2000))
    assert many < 5 * few


@pytest.mark.integration
def test_the_events_of_a_sync_tell_its_result(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
        "CREATE TABLE broken (id int PRIMARY KEY); INSERT INTO broken VALUES (1);"
        "CREATE TABLE empty (id int PRIMARY KEY)"
    )
    pair.configure(
        {
            "t": {"mode": "incremental"},
            "broken": {"checks": {"accepted_values": {"id": ["2"]}}},
        },
        plant={"tables": ["*", "nowhere"]},
    )
    first = pair.run()
    assert folded(pair.events) == replace(first, unfed=None)
    ends = {table.table: table.status for table in first.tables}
    assert ends == {
        "t": "succeeded",
        "empty": "succeeded",
        "broken": "failed",
        "nowhere": "failed",
    }
    pair.source.sql("ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (3, 'c', 4)")
    again = pair.run()
    assert folded(pair.events) == replace(again, unfed=None)
    changed = next(table for table in again.tables if table.table == "t")
    assert changed.schema_changes
    assert changed.rows_written


@pytest.mark.integration
def test_the_ledger_holds_what_the_events_told(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    pair.configure(plant={"tables": ["t", "nowhere"]})
    told = pair.run()
    assert pair.engine is not None
    kept = pair.engine.run(told.run.run_id)
    for mine, theirs in zip(told.tables, kept.tables, strict=True):
        for name in ("status", "rows_read", "rows_written", "bytes", "attempts", "notes", "error"):
            assert getattr(mine, name) == getattr(theirs, name), name

"""A run told from its events alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Event,
    ProgressMade,
    QualitySignal,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableEvent,
    TableFailed,
    TableStarted,
)
from elconsole.core.fold import begun, fold, fold_table, pending
from elconsole.core.results import RunDetail, RunSummary, TableRun
from elconsole.core.types import ENDED, ErrorInfo, SchemaChange, TableStatus

pytestmark = pytest.mark.unit

RUN = "11111111-1111-4111-8111-111111111111"
BEGAN = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)
LOST = ErrorInfo("transient", "the connection was lost")
ADDED = SchemaChange("colour", "added", "text", None, "added to the raw table")


@dataclass(frozen=True)
class Script:
    """What happens to one table: the rows of each attempt as they are counted, and its end."""

    name: str
    attempts: tuple[tuple[int, ...], ...]
    end: TableStatus
    changed: bool = False

    @property
    def where(self) -> dict[str, Any]:
        return {"run_id": RUN, "at": BEGAN, "source": "plant", "table": self.name, "target": "t"}

    @property
    def planned(self) -> TableRun:
        return replace(pending("plant", self.name), target="t", rows_estimated=1)

    def events(self) -> list[TableEvent]:
        """In their order, all of the same time."""
        told: list[TableEvent] = []
        for number, counts in enumerate(self.attempts, 1):
            told.append(self.started(number))
            if self.changed and number == 1:
                told.append(SchemaChanged(**self.where, changes=(ADDED,)))
            told += [self.progress(rows) for rows in counts]
            if number < len(self.attempts):
                told.append(self.failed("failed", number, will_retry=True))
        ended = self.loaded() if self.end == "succeeded" else self.failed(self.end, number)
        return [*told, ended]

    def started(self, attempt: int) -> TableStarted:
        return TableStarted(
            **self.where,
            mode="incremental",
            strategy="xmin",
            attempt=attempt,
            rows_estimated=9,
            schema_changes=(ADDED,) if self.changed else (),
            notes=("planned",),
        )

    def progress(self, rows: int) -> ProgressMade:
        return ProgressMade(**self.where, rows_read=rows, bytes_total=rows * 8, rows_estimated=9)

    def failed(self, status: TableStatus, attempt: int, *, will_retry: bool = False) -> TableFailed:
        return TableFailed(
            **self.where, status=status, attempt=attempt, error=LOST, will_retry=will_retry
        )

    def loaded(self) -> DataLoaded:
        return DataLoaded(
            **self.where,
            mode="incremental",
            strategy="full",
            rows_read=100,
            rows_written=90,
            rows_deleted=5,
            bytes_total=800,
            extract_seconds=1.0,
            load_seconds=1.0,
            duration_seconds=2.5,
            generation=3,
            columns=("id",),
            notes=("planned", "full refresh: a reason"),
        )

    def outcome(self, began: datetime, ended: datetime) -> TableRun:
        """The table in the run's result, said without any event."""
        done = replace(
            self.planned,
            mode="incremental",
            status=self.end,
            rows_estimated=9,
            attempts=len(self.attempts),
            schema_changes=(ADDED,) if self.changed else (),
            started_at=began,
            finished_at=ended,
        )
        if self.end != "succeeded":
            rows = self.attempts[-1][-1] if self.attempts[-1] else 0
            return replace(
                done,
                strategy="xmin",
                rows_read=rows,
                bytes=rows * 8,
                duration_seconds=(ended - began).total_seconds(),
                notes=("planned",),
                error=LOST,
            )
        return replace(
            done,
            strategy="full",
            rows_read=100,
            rows_written=90,
            rows_deleted=5,
            bytes=800,
            duration_seconds=2.5,
            extract_seconds=1.0,
            load_seconds=1.0,
            notes=("planned", "full refresh: a reason"),
        )


COUNTS = st.lists(st.integers(0, 10**9), max_size=4).map(lambda rows: tuple(sorted(rows)))
SCRIPTS = st.lists(
    st.builds(
        Script,
        name=st.sampled_from([f"t{n}" for n in range(6)]),
        attempts=st.lists(COUNTS, min_size=1, max_size=3).map(tuple),
        end=st.sampled_from(sorted(ENDED)),
        changed=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda script: script.name,
)


def planned(scripts: list[Script]) -> RunDetail:
    run = RunSummary(
        run_id=RUN,
        run_number=7,
        status="running",
        mode="configured",
        host="plant",
        pid=4242,
        user="operator",
        started_at=BEGAN,
        tables_total=len(scripts),
    )
    return RunDetail(run, tuple(script.planned for script in scripts))


def started(detail: RunDetail) -> SyncStarted:
    names = tuple((table.source, table.table) for table in detail.tables)
    return SyncStarted(
        run_id=RUN, at=BEGAN, run_number=7, mode="configured", tables=names, planned=detail
    )


def completed(at: datetime) -> SyncCompleted:
    return SyncCompleted(
        run_id=RUN,
        at=at,
        run_number=7,
        status="failed",
        rows_read=11,
        rows_written=9,
        bytes_total=88,
        tables_failed=2,
        duration_seconds=3.5,
    )


def shuffled(data: st.DataObject, scripts: list[Script]) -> list[TableEvent]:
    """The tables' events as threads mix them, a second apart; each table's in their order."""
    left = [script.events() for script in scripts]
    mixed: list[TableEvent] = []
    while left:
        queue = data.draw(st.sampled_from(left))
        mixed.append(replace(queue.pop(0), at=BEGAN + timedelta(seconds=len(mixed))))
        left = [events for events in left if events]
    return mixed


def told(events: list[Event]) -> RunDetail:
    first, *others = events
    assert isinstance(first, SyncStarted)
    detail = begun(first)
    for event in others:
        detail = fold(detail, event)
    return detail


@given(scripts=SCRIPTS, data=st.data())
@pytest.mark.slow
def test_the_events_of_a_run_tell_its_result(scripts: list[Script], data: st.DataObject) -> None:
    events = shuffled(data, scripts)
    end = BEGAN + timedelta(seconds=len(events))
    detail = told([started(planned(scripts)), *events, completed(end)])
    times = [[event.at for event in events if event.table == script.name] for script in scripts]
    assert detail.tables == tuple(
        script.outcome(at[0], at[-1]) for script, at in zip(scripts, times, strict=True)
    )
    assert detail.run == replace(
        planned(scripts).run,
        status="failed",
        finished_at=end,
        duration_seconds=3.5,
        rows_read=11,
        rows_written=9,
        bytes=88,
        tables_failed=2,
    )


@given(scripts=SCRIPTS, data=st.data())
def test_lost_progress_loses_nothing_of_a_published_table(
    scripts: list[Script], data: st.DataObject
) -> None:
    published = [replace(script, end="succeeded") for script in scripts]
    events = shuffled(data, published)
    heard = [
        event
        for event in events
        if not isinstance(event, ProgressMade) or data.draw(st.booleans(), "heard")
    ]
    first = started(planned(published))
    assert told([first, *heard]) == told([first, *events])


def test_a_run_of_which_only_names_are_told_grows_with_its_events() -> None:
    script = Script("t", ((5,),), "succeeded")
    names_only = replace(started(planned([])), tables=(("plant", "t"),), planned=None)
    waiting = begun(names_only)
    assert [(table.table, table.status) for table in waiting.tables] == [("t", "pending")]
    assert waiting.run.tables_total == 1
    detail = told([names_only, *script.events()])
    assert detail.tables == (script.outcome(BEGAN, BEGAN),)


def test_a_table_that_the_run_did_not_name_is_added() -> None:
    detail = fold(planned([]), Script("t", ((),), "failed").started(1))
    assert [(table.table, table.status) for table in detail.tables] == [("t", "running")]


@pytest.mark.parametrize("end", sorted(ENDED))
def test_late_progress_does_not_reopen_a_table(end: TableStatus) -> None:
    script = Script("t", ((5,),), end)
    ended = script.outcome(BEGAN, BEGAN)
    late = DataExtracted(
        **script.where, rows_read=10**6, bytes_total=1, extract_seconds=1.0, columns=()
    )
    assert fold_table(ended, script.progress(10**6)) is ended
    assert fold_table(ended, late) is ended


def test_a_table_between_two_attempts_runs_and_shows_why() -> None:
    script = Script("t", ((5,), ()), "succeeded")
    table = fold_table(script.planned, script.started(1))
    table = fold_table(table, script.progress(5))
    waiting = fold_table(table, script.failed("failed", 1, will_retry=True))
    assert (waiting.status, waiting.error, waiting.finished_at) == ("running", LOST, None)
    again = fold_table(waiting, replace(script.started(2), at=BEGAN + timedelta(seconds=9)))
    assert (again.rows_read, again.error, again.started_at) == (0, None, BEGAN)


def test_a_signal_changes_no_table() -> None:
    script = Script("t", ((),), "succeeded")
    signal = QualitySignal(
        **script.where,
        dimension="line",
        value="2",
        period="2025-01-31",
        rule=1,
        pass_rate=0.5,
        finding="low",
    )
    table = script.planned
    assert fold_table(table, signal) is table

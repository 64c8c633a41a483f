"""A run as its events tell it, one folded into what was known before. Pure.

Counts are totals so far, so a lost event loses nothing; counts of an attempt never go back,
and no progress reopens a table that has ended. Who keeps thousands of tables in a mapping
folds each event into its table alone, with `fold_table`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Event,
    ProgressMade,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableEvent,
    TableFailed,
    TableStarted,
)
from elconsole.core.results import RunDetail, RunSummary, TableRun
from elconsole.core.types import ENDED


def begun(event: SyncStarted) -> RunDetail:
    """The run as it was planned, or as much of it as the event tells."""
    if event.planned is not None:
        return event.planned
    run = RunSummary(
        run_id=event.run_id,
        run_number=event.run_number,
        status="running",
        mode="full" if event.mode == "full" else "configured",
        host="",
        pid=0,
        started_at=event.at,
        tables_total=len(event.tables),
    )
    return RunDetail(run, tuple(pending(*names) for names in event.tables))


def pending(source: str, table: str) -> TableRun:
    """A table of which nothing but its name is known."""
    return TableRun(
        source=source, table=table, target="", mode="full", strategy="full", status="pending"
    )


def fold(detail: RunDetail, event: Event) -> RunDetail:
    """The run after the event. Looks through all its tables for the event's."""
    match event:
        case SyncCompleted():
            return RunDetail(fold_run(detail.run, event), detail.tables)
        case TableEvent():
            return RunDetail(detail.run, _folded(detail.tables, event))
    return detail


def fold_run(run: RunSummary, event: SyncCompleted) -> RunSummary:
    """The run's line of the history after its end."""
    return replace(
        run,
        run_number=event.run_number or run.run_number,
        status=event.status,
        finished_at=event.at,
        duration_seconds=event.duration_seconds,
        rows_read=event.rows_read,
        rows_written=event.rows_written,
        bytes=event.bytes_total,
        tables_failed=event.tables_failed,
    )


def fold_table(table: TableRun, event: TableEvent) -> TableRun:
    """The event's table after it; the same object where the event changes nothing."""
    match event:
        case TableStarted():
            return _started(table, event)
        case ProgressMade() | DataExtracted() if table.status not in ENDED:
            return replace(
                table,
                target=event.target,
                status="running",
                rows_read=max(table.rows_read, event.rows_read),
                bytes=max(table.bytes, event.bytes_total),
            )
        case DataLoaded():
            return _loaded(table, event)
        case TableFailed() if table.status != "succeeded":
            return _failed(table, event)
        case SchemaChanged():
            return replace(table, target=event.target, schema_changes=event.changes)
    return table


def _folded(tables: tuple[TableRun, ...], event: TableEvent) -> tuple[TableRun, ...]:
    for place, table in enumerate(tables):
        if table.table == event.table and table.source == event.source:
            return (*tables[:place], fold_table(table, event), *tables[place + 1 :])
    return (*tables, fold_table(pending(event.source, event.table), event))


def _started(table: TableRun, event: TableStarted) -> TableRun:
    return replace(
        table,
        target=event.target,
        status="running",
        mode=event.mode,
        strategy=event.strategy,
        attempts=event.attempt,
        rows_read=0,
        bytes=0,
        rows_estimated=event.rows_estimated,
        started_at=table.started_at or event.at,
        schema_changes=event.schema_changes,
        notes=event.notes,
        error=None,
    )


def _loaded(table: TableRun, event: DataLoaded) -> TableRun:
    return replace(
        table,
        target=event.target,
        status="succeeded",
        strategy=event.strategy,
        rows_read=event.rows_read,
        rows_written=event.rows_written,
        rows_deleted=event.rows_deleted,
        rows_marked=event.rows_marked,
        versions=event.versions,
        bytes=event.bytes_total,
        finished_at=event.at,
        duration_seconds=event.duration_seconds,
        extract_seconds=event.extract_seconds,
        load_seconds=event.load_seconds,
        notes=event.notes,
        error=None,
    )


def _failed(table: TableRun, event: TableFailed) -> TableRun:
    """A table that will be tried again is running, with the error of its last attempt."""
    known = replace(
        table,
        target=event.target,
        attempts=max(table.attempts, event.attempt),
        error=event.error,
    )
    if event.will_retry:
        return replace(known, status="running")
    return replace(
        known,
        status=event.status,
        finished_at=event.at,
        duration_seconds=_seconds(table.started_at, event.at),
    )


def _seconds(start: datetime | None, end: datetime) -> float:
    return 0.0 if start is None else max(0.0, (end - start).total_seconds())

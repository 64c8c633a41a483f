"""Folds the news of runs into the state. Pure.

An event is folded into its table as `elconsole.core.fold` tells; what else is here merges
snapshots of runs, which may be older than the events, and keeps the samples of rates.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from elconsole.core.events import Event, SyncCompleted, SyncStarted, TableEvent, TableStarted
from elconsole.core.fold import begun, fold_run, fold_table, pending
from elconsole.core.results import RunDetail, TableRun
from elconsole.core.types import ENDED
from elconsole.ui.state import journal
from elconsole.ui.state.answers import logged
from elconsole.ui.state.model import ConsoleState, RunState, TableProgress

SAMPLES_KEPT = 12
VALUES = attrgetter(*TableRun.__slots__)
"""Compares a run of thousands of tables in a fifth of the time that `==` takes."""


def run_seen(
    state: ConsoleState, detail: RunDetail, at: datetime, *, here: bool = False
) -> ConsoleState:
    """A run's new state, whoever runs it."""
    before = state.run(detail.run.run_id)
    if before is not None and not before.running and detail.run.status == "running":
        return state
    after = _merged(before, detail, at, here)
    state = _with_run(state, after)
    if after.here and before is not None:
        return state
    return logged(state, *journal.of_run(before.detail() if before else None, detail, at))


def event_seen(state: ConsoleState, event: Event) -> ConsoleState:
    """An event of a run that this console started."""
    before = state.run(event.run_id)
    match event:
        case SyncStarted():
            state = replace(_with_run(state, _begun(before, event)), starting=False)
        case SyncCompleted() if before is not None:
            state = _with_run(state, _completed(before, event))
        case TableEvent() if before is not None and before.running:
            state = _with_run(state, _with_table(before, event))
        case _ if before is None or not before.running:
            return state
    entry = journal.of_event(event)
    return logged(state, entry) if entry else state


def cancelling(state: ConsoleState) -> ConsoleState:
    """The run started here was told to stop."""
    run = state.running_here()
    return state if run is None else _with_run(state, replace(run, cancelling=True))


def _with_run(state: ConsoleState, run: RunState) -> ConsoleState:
    others = [item for item in state.runs if item.run.run_id != run.run.run_id]
    runs = sorted([run, *others], key=lambda item: item.run.started_at, reverse=True)
    kept, ended = [], 0
    for item in runs:
        ended += not item.running
        if item.running or ended <= 2:
            kept.append(item)
    return replace(state, runs=tuple(kept))


def _merged(before: RunState | None, detail: RunDetail, at: datetime, here: bool) -> RunState:
    known = {item.key: item for item in before.tables} if before else {}
    tables = tuple(
        _table_merged(known.get((table.source, table.table)), table, at) for table in detail.tables
    )
    return RunState(
        run=detail.run,
        tables=tables or (before.tables if before else ()),
        here=here or (before is not None and before.here),
        cancelling=before is not None and before.cancelling and detail.run.status == "running",
    )


def _table_merged(before: TableProgress | None, table: TableRun, at: datetime) -> TableProgress:
    if before is None:
        return TableProgress(table, _sampled((), at, table))
    old = before.table
    if old.status in ENDED and table.status not in ENDED:
        return before
    if table.status == "running" and table.attempts <= old.attempts:
        table = replace(
            table,
            rows_read=max(old.rows_read, table.rows_read),
            bytes=max(old.bytes, table.bytes),
            rows_estimated=table.rows_estimated or old.rows_estimated,
        )
    samples = _sampled(before.samples, at, table)
    if samples is before.samples and VALUES(table) == VALUES(old):
        return before
    return TableProgress(table, samples)


def _sampled(
    samples: tuple[tuple[datetime, int], ...], at: datetime, table: TableRun
) -> tuple[tuple[datetime, int], ...]:
    """Keep samples at least 0.4 s apart, so that a rate is told from some five seconds."""
    if table.status != "running":
        return samples
    rows = table.rows_read
    if samples and rows < samples[-1][1]:
        return ((at, rows),)
    if not samples or rows > samples[-1][1]:
        if len(samples) > 1 and (at - samples[-2][0]).total_seconds() < 0.4:
            return (*samples[:-1], (at, rows))
        return (*samples, (at, rows))[-SAMPLES_KEPT:]
    return samples


def _begun(before: RunState | None, event: SyncStarted) -> RunState:
    if before is not None:
        return replace(before, here=True)
    detail = begun(event)
    return RunState(detail.run, tuple(TableProgress(table) for table in detail.tables), here=True)


def _completed(before: RunState, event: SyncCompleted) -> RunState:
    return replace(before, run=fold_run(before.run, event), cancelling=False)


def _with_table(run: RunState, event: TableEvent) -> RunState:
    place = _place_of(run, event)
    known = (
        TableProgress(pending(event.source, event.table)) if place is None else run.tables[place]
    )
    after = _table_after(known, event)
    if place is None:
        return replace(run, tables=(*run.tables, after))
    return replace(run, tables=(*run.tables[:place], after, *run.tables[place + 1 :]))


def _place_of(run: RunState, event: TableEvent) -> int | None:
    """Of the event's table. Every event of a run of thousands of tables comes by here."""
    source, name = event.source, event.table
    for place, item in enumerate(run.tables):
        table = item.table
        if table.table == name and table.source == source:
            return place
    return None


def _table_after(before: TableProgress, event: TableEvent) -> TableProgress:
    table = fold_table(before.table, event)
    if isinstance(event, TableStarted):
        return TableProgress(table, ((event.at, 0),))
    return TableProgress(table, _sampled(before.samples, event.at, table))

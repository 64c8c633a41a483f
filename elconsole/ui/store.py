"""What the console knows: frozen state, and the functions that fold news into it. Pure.

Every count is a total so far, so a lost event loses nothing; counts of a running
table never go back; news of a table that has ended is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from elconsole.api import (
    AdviceReport,
    ConnectionHealth,
    ConnectionInfo,
    PlanReport,
    QualityReport,
    RawTable,
    RunDetail,
    RunSummary,
    SchemaReport,
    TableRun,
)
from elconsole.api_types import ErrorInfo, TableStatus
from elconsole.events import (
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
from elconsole.ui import journal
from elconsole.ui.journal import LogEntry

LATENCIES_KEPT = 120
SAMPLES_KEPT = 12
LOG_KEPT = 2000
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "skipped", "cancelled", "locked"})


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """A connection and its last probes."""

    info: ConnectionInfo
    health: ConnectionHealth | None = None
    latencies: tuple[float | None, ...] = ()
    """Milliseconds, oldest first; None where it did not answer."""
    asked_at: datetime | None = None
    """Since when a probe has been under way; None between probes."""
    changed_at: datetime | None = None
    """When the status last changed."""

    def usual_ms(self) -> float | None:
        """The median of the latencies before the last."""
        known = sorted(ms for ms in self.latencies[:-1] if ms is not None)
        return known[len(known) // 2] if known else None


@dataclass(frozen=True, slots=True)
class TableProgress:
    """One table of a run, with the samples its rate is told from."""

    table: TableRun
    samples: tuple[tuple[datetime, int], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Source and table."""
        return self.table.source, self.table.table

    def rows(self) -> int:
        """Rows so far: what was read while it runs, what was written once it ended."""
        table = self.table
        return table.records_loaded if table.status == "succeeded" else table.records_extracted

    def rate(self, now: datetime) -> float | None:
        """Rows a second: lately while it runs, on the whole once it ended."""
        if self.table.status in ENDED:
            seconds = self.table.duration_seconds
            return self.table.records_extracted / seconds if seconds > 0 else None
        if len(self.samples) < 2:
            return self._mean_rate(now)
        first, newest = self.samples[0], self.samples[-1]
        end = max(newest[0], now) if (now - newest[0]).total_seconds() > 3 else newest[0]
        seconds = (end - first[0]).total_seconds()
        return (newest[1] - first[1]) / seconds if seconds > 0 else None

    def _mean_rate(self, now: datetime) -> float | None:
        began, rows = self.table.started_at, self.table.records_extracted
        seconds = (now - began).total_seconds() if began is not None else 0.0
        return rows / seconds if seconds > 0.5 and rows else None

    def share(self) -> float | None:
        """How much is done, 0 to 1; None where the total is not known."""
        table = self.table
        if table.status == "succeeded":
            return 1.0
        if not table.rows_estimated:
            return None
        return min(table.records_extracted / table.rows_estimated, 0.99)

    def seconds_left(self, now: datetime) -> float | None:
        """From the estimate and the present rate; None where either is missing."""
        rate, total = self.rate(now), self.table.rows_estimated
        if self.table.status != "running" or not rate or not total:
            return None
        left = total - self.table.records_extracted
        return left / rate if left > 0 else None


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as far as it is known."""

    run: RunSummary
    tables: tuple[TableProgress, ...] = ()
    here: bool = False
    """Whether this console started it."""
    cancelling: bool = False

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.run.status == "running"

    def detail(self) -> RunDetail:
        """The run as the engine's own result type."""
        return RunDetail(self.run, tuple(item.table for item in self.tables))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleState:
    """Everything on the screen comes from here."""

    connections: tuple[ConnectionState, ...] = ()
    runs: tuple[RunState, ...] = ()
    """Runs going on and the last one that ended, newest first."""
    history: tuple[RunSummary, ...] | None = None
    raw_tables: tuple[RawTable, ...] = ()
    quality: QualityReport | None = None
    quality_at: datetime | None = None
    schema: SchemaReport | None = None
    plan: PlanReport | None = None
    advice: AdviceReport | None = None
    log: tuple[LogEntry, ...] = ()
    """Oldest first."""
    problems: tuple[tuple[str, ErrorInfo], ...] = ()
    """What could not be read, by the name of the question: `quality`, `runs`, …"""
    starting: bool = False
    """Between the key and the engine's first event."""

    def shown_run(self) -> RunState | None:
        """The run the dashboard shows: the newest going on, else the newest."""
        return next((run for run in self.runs if run.running), self.runs[0] if self.runs else None)

    def running_here(self) -> RunState | None:
        """The run that this console started and that still goes on."""
        return next((run for run in self.runs if run.running and run.here), None)

    def problem(self, question: str) -> ErrorInfo | None:
        """Why a question has no answer."""
        return dict(self.problems).get(question)


def started(connections: tuple[ConnectionInfo, ...]) -> ConsoleState:
    """The state before anything was asked."""
    return ConsoleState(connections=tuple(ConnectionState(info) for info in connections))


def logged(state: ConsoleState, *entries: LogEntry) -> ConsoleState:
    """Add entries, each key once, in order of time."""
    known = {entry.key for entry in state.log if entry.key}
    fresh = [entry for entry in entries if not entry.key or entry.key not in known]
    if not fresh:
        return state
    in_order = not state.log or all(entry.at >= state.log[-1].at for entry in fresh)
    log = (*state.log, *fresh)
    if not in_order or len(fresh) > 1:
        log = tuple(sorted(log, key=lambda entry: entry.at))
    return replace(state, log=log[-LOG_KEPT:])


def probe_started(state: ConsoleState, name: str, at: datetime) -> ConsoleState:
    """A connection is being asked."""
    return _with_connection(state, name, lambda known: replace(known, asked_at=at))


def probe_answered(state: ConsoleState, health: ConnectionHealth) -> ConsoleState:
    """A probe ended, with an answer or with the reason why there is none."""
    before = next((item for item in state.connections if item.info.name == health.name), None)
    if before is None:
        return state
    turned = before.health is None or before.health.status != health.status
    after = replace(
        before,
        health=health,
        asked_at=None,
        latencies=(*before.latencies, health.latency_ms)[-LATENCIES_KEPT:],
        changed_at=health.checked_at if turned else before.changed_at,
    )
    state = _with_connection(state, health.name, lambda _: after)
    entry = journal.of_health(before.health, health, after.usual_ms(), before.changed_at)
    return logged(state, entry) if entry else state


def run_seen(
    state: ConsoleState, detail: RunDetail, at: datetime, *, here: bool = False
) -> ConsoleState:
    """A run's new state, whoever runs it."""
    before = _run(state, detail.run.run_id)
    if before is not None and not before.running and detail.run.status == "running":
        return state
    after = _merged(before, detail, at, here)
    state = _with_run(state, after)
    if after.here and before is not None:
        return state
    return logged(state, *journal.of_snapshot(before.detail() if before else None, detail, at))


def event_seen(state: ConsoleState, event: Event) -> ConsoleState:
    """An event of a run that this console started."""
    before = _run(state, event.run_id)
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


def history_read(state: ConsoleState, runs: tuple[RunSummary, ...]) -> ConsoleState:
    """The history; its last runs also stand in the log."""
    state = _solved(replace(state, history=runs), "runs")
    return logged(state, *(journal.of_run_end(run) for run in runs[:5] if run.finished_at))


def failed(state: ConsoleState, question: str, error: ErrorInfo) -> ConsoleState:
    """A question has no answer; what was known before stays."""
    others = tuple(item for item in state.problems if item[0] != question)
    return replace(state, problems=(*others, (question, error)))


def answered(state: ConsoleState, question: str, **parts: object) -> ConsoleState:
    """A question was answered: its parts replace the old ones."""
    return _solved(replace(state, **parts), question)  # type: ignore[arg-type]


def cancelling(state: ConsoleState) -> ConsoleState:
    """The run started here was told to stop."""
    run = state.running_here()
    return state if run is None else _with_run(state, replace(run, cancelling=True))


def _solved(state: ConsoleState, question: str) -> ConsoleState:
    return replace(state, problems=tuple(item for item in state.problems if item[0] != question))


def _with_connection(
    state: ConsoleState, name: str, change: Callable[[ConnectionState], ConnectionState]
) -> ConsoleState:
    return replace(
        state,
        connections=tuple(
            change(item) if item.info.name == name else item for item in state.connections
        ),
    )


def _run(state: ConsoleState, run_id: str) -> RunState | None:
    return next((item for item in state.runs if item.run.run_id == run_id), None)


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
            records_extracted=max(old.records_extracted, table.records_extracted),
            bytes=max(old.bytes, table.bytes),
            rows_estimated=table.rows_estimated or old.rows_estimated,
        )
    return TableProgress(table, _sampled(before.samples, at, table))


def _sampled(
    samples: tuple[tuple[datetime, int], ...], at: datetime, table: TableRun
) -> tuple[tuple[datetime, int], ...]:
    """Keep samples at least 0.4 s apart, so that a rate is told from some five seconds."""
    if table.status != "running":
        return samples
    rows = table.records_extracted
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
    tables = tuple(
        TableProgress(
            TableRun(
                source=source,
                table=table,
                target="",
                mode="full",
                strategy="full",
                status="pending",
            )
        )
        for source, table in event.tables
    )
    return RunState(run, tables, here=True)


def _completed(before: RunState, event: SyncCompleted) -> RunState:
    run = replace(
        before.run,
        run_number=event.run_number or before.run.run_number,
        status=event.status,
        finished_at=event.at,
        duration_seconds=event.duration_seconds,
        records_extracted=event.records_extracted,
        records_loaded=event.records_loaded,
        bytes=event.bytes_total,
        tables_failed=event.tables_failed,
    )
    return replace(before, run=run, cancelling=False)


def _with_table(run: RunState, event: TableEvent) -> RunState:
    key = (event.source, event.table)
    known = next((item for item in run.tables if item.key == key), None)
    base = known or TableProgress(
        TableRun(
            source=event.source,
            table=event.table,
            target=event.target,
            mode="full",
            strategy="full",
            status="pending",
        )
    )
    after = _table_after(base, event)
    if known is None:
        return replace(run, tables=(*run.tables, after))
    return replace(run, tables=tuple(after if item.key == key else item for item in run.tables))


def _table_after(before: TableProgress, event: TableEvent) -> TableProgress:
    table = replace(before.table, target=event.target or before.table.target)
    samples = before.samples
    match event:
        case TableStarted():
            table = replace(
                table,
                status="running",
                mode=event.mode,
                strategy=event.strategy,
                attempts=event.attempt,
                rows_estimated=event.rows_estimated,
                started_at=event.at,
                records_extracted=0,
                bytes=0,
                error=None,
            )
            samples = ((event.at, 0),)
        case ProgressMade() | DataExtracted() if table.status not in ENDED:
            table = replace(
                table,
                status="running",
                records_extracted=max(table.records_extracted, event.rows_total),
                bytes=max(table.bytes, event.bytes_total),
            )
            samples = _sampled(samples, event.at, table)
        case DataLoaded():
            table = replace(
                table,
                status="succeeded",
                records_extracted=event.rows_extracted,
                records_loaded=event.rows_total,
                records_deleted=event.rows_deleted,
                bytes=event.bytes_total,
                duration_seconds=event.duration_seconds,
                finished_at=event.at,
                error=None,
            )
        case TableFailed():
            table = replace(
                table,
                status="running" if event.will_retry else _failed_status(event.status),
                attempts=event.attempt,
                error=event.error,
                finished_at=None if event.will_retry else event.at,
                duration_seconds=_seconds(table.started_at, event.at),
            )
        case SchemaChanged():
            table = replace(table, schema_changes=event.changes)
    return TableProgress(table, samples)


def _failed_status(status: str) -> TableStatus:
    known: dict[str, TableStatus] = {
        "locked": "locked",
        "skipped": "skipped",
        "cancelled": "cancelled",
    }
    return known.get(status, "failed")


def _seconds(start: datetime | None, end: datetime) -> float:
    return 0.0 if start is None else max(0.0, (end - start).total_seconds())

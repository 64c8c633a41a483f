"""The scripted engine behind `elconsole.core.engine.Engine`: no database, no clock, no chance.

It tells the pen plant's story (plant.md's counts) unless told otherwise: name what is
down, give a table an error, or hold a sync at a gate until the test lets it go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from elconsole.core.engine import StopFlag
from elconsole.core.errors import UsageError
from elconsole.core.events import Emit
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionHealth,
    ConnectionInfo,
    Finding,
    PlannedTable,
    PlanReport,
    Problem,
    QualityReport,
    QualityRequest,
    QualityTable,
    RawTable,
    ReconciledTable,
    ReconcileReport,
    RunDetail,
    RunSummary,
    SchemaReport,
    SyncRequest,
    TableDrift,
    TableRun,
    UnfedTable,
    UnitsPage,
)
from elconsole.core.targets import TargetChange, TargetInfo, TargetRequest, TargetsReport
from elconsole.core.types import ErrorInfo, RunStatus
from tests.fakes.plans import ADVICE, PLAN
from tests.fakes.plant import (
    CONNECTIONS,
    PEN_PLANT,
    RAW_TABLES,
    FakeTable,
    before,
    healthy,
)
from tests.fakes.quality import PEN_QUALITY, QUALITY, UNITS, chart_rows
from tests.fakes.runs import (
    FAILED,
    SUCCEEDED,
    completed,
    history,
    started,
    table_began,
    table_ended,
)

PlaySync = Callable[[SyncRequest, Emit, StopFlag], RunDetail]


@dataclass
class FakeEngine:
    """Answers from its script, records what it was asked; safe to call from many threads."""

    tables: tuple[FakeTable, ...] = PEN_PLANT
    """What a sync finds, table by table."""
    health: dict[str, ConnectionHealth] = field(default_factory=dict)
    """Connections that are not as they should be, by name."""
    hung: set[str] = field(default_factory=set)
    """Connections whose probe does not return before `release`."""
    history: tuple[RunDetail, ...] = ()
    """Runs of the past, newest first; each played sync adds one."""
    watched: tuple[RunDetail, ...] = ()
    """What is seen of other processes' runs."""
    quality_tables: tuple[QualityTable, ...] = PEN_QUALITY
    units: UnitsPage = UNITS
    planned: PlanReport | None = None
    """None: a full refresh of every table."""
    raw: tuple[RawTable, ...] | None = None
    """None: what a sync of the tables would have left."""
    drifts: tuple[TableDrift, ...] | None = None
    reconciled: tuple[ReconciledTable, ...] | None = None
    unfed: tuple[UnfedTable, ...] = ()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    unasked: tuple[tuple[str, ErrorInfo], ...] = ()
    on_sync: PlaySync | None = None
    """Where given, what a sync does instead of playing the tables."""
    gate: threading.Event | None = None
    """Where given, a sync waits in its first table until it is set or the sync is stopped."""
    raises: BaseException | None = None
    """Where given, every call that does I/O raises it, but probes."""

    requests: list[SyncRequest] = field(default_factory=list)
    quality_requests: list[QualityRequest] = field(default_factory=list)
    kept_seconds: list[float | None] = field(default_factory=list)
    """What each `prune_runs` was asked to keep."""
    cancelled: list[str] = field(default_factory=list)
    """Runs that were asked to stop."""
    stubborn: bool = False
    """Whether runs go on when they are asked to stop."""
    target_requests: list[TargetRequest] = field(default_factory=list)
    interrupts: int = 0
    closed: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    _ticks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _freed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.health = {info.name: healthy(info.name) for info in CONNECTIONS} | self.health

    def _now(self) -> datetime:
        """A minute before the present, and a second later with every event."""
        with self._lock:
            self._ticks += 1
            return before(60) + timedelta(seconds=self._ticks)

    def _io(self) -> None:
        if self.raises is not None:
            raise self.raises

    def connections(self) -> tuple[ConnectionInfo, ...]:
        known = {table.source for table in self.tables} | {"warehouse"}
        return tuple(info for info in CONNECTIONS if info.name in known)

    def probe(self, name: str) -> ConnectionHealth:
        if name in self.hung:
            self.release.wait(60)
        return self.health[name]

    def check(self) -> CheckReport:
        self._io()
        health = tuple(self.probe(connection.name) for connection in self.connections())
        reached = self.health["warehouse"].status != "down"
        if not reached:
            return CheckReport(health, ())
        unasked = tuple(one.name for one in health if one.status == "down")
        return CheckReport(
            health, self.raw_tables(), problems=self.problems, unfed=self.unfed, unasked=unasked
        )

    def _selected(self, request: SyncRequest) -> tuple[FakeTable, ...]:
        if not request.selection:
            return self.tables
        chosen = tuple(
            table
            for table in self.tables
            if table.source in request.selection
            or f"{table.source}.{table.table}" in request.selection
        )
        if not chosen:
            raise UsageError(
                f"no source or table is named {', '.join(request.selection)}",
                hint="`elconsole config` lists the sources",
            )
        return chosen

    def plan(self, request: SyncRequest) -> PlanReport:
        self._io()
        planned = self.planned or PlanReport(tuple(map(_full_refresh, self._selected(request))))
        return replace(planned, unfed=self.unfed)

    def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
        self.requests.append(request)
        if self.on_sync is not None:
            return self.on_sync(request, emit, stop)
        self._io()
        chosen = self._selected(request)
        run = self._begun(request, len(chosen))
        tables = tuple(TableRun(**_named(table), status="pending") for table in chosen)
        emit(started(run, tables, run.started_at))
        done = tuple(self._sync_table(run.run_id, table, emit, stop) for table in chosen)
        run = self._ended(run, done)
        emit(completed(run, run.finished_at or run.started_at))
        self.history = (RunDetail(run, done), *self.history)
        return self.history[0] if request.selection else replace(self.history[0], unfed=self.unfed)

    def _begun(self, request: SyncRequest, tables: int) -> RunSummary:
        newest = self.history[0].run.run_number if self.history else 0
        number = (newest or 0) + 1
        return RunSummary(
            run_id=f"00000000-0000-4000-8000-{number:012d}",
            run_number=number,
            status="running",
            mode="full" if request.full else "configured",
            host="plant",
            pid=4242,
            user="operator",
            started_at=self._now(),
            tables_total=tables,
        )

    def _ended(self, run: RunSummary, done: tuple[TableRun, ...]) -> RunSummary:
        finished_at = self._now()
        reached = not any(t.error and t.error.kind == "warehouse_unavailable" for t in done)
        return replace(
            run,
            run_number=run.run_number if reached else None,
            status=_run_status(done),
            finished_at=finished_at,
            duration_seconds=(finished_at - run.started_at).total_seconds(),
            rows_read=sum(table.rows_read for table in done),
            rows_written=sum(table.rows_written for table in done),
            bytes=sum(table.bytes for table in done),
            tables_failed=sum(table.status in ("failed", "locked") for table in done),
        )

    def _sync_table(self, run_id: str, script: FakeTable, emit: Emit, stop: StopFlag) -> TableRun:
        if stop.is_set():
            return TableRun(**_named(script), status="cancelled", attempts=0)
        begun = TableRun(
            **_named(script),
            status="running",
            attempts=1,
            rows_read=script.rows,
            bytes=script.bytes,
            started_at=self._now(),
        )
        for event in table_began(run_id, begun, self._now):
            emit(event)
        self._wait_at_gate(stop)
        if stop.is_set():
            return replace(begun, status="cancelled", rows_read=0, bytes=0, finished_at=self._now())
        ended = _outcome(begun, script)
        for event in table_ended(run_id, ended, self._now):
            emit(event)
        return replace(ended, finished_at=self._now())

    def _wait_at_gate(self, stop: StopFlag) -> None:
        if self.gate is None:
            return
        while not (self.gate.wait(0.005) or self._freed.is_set() or stop.is_set()):
            pass

    def interrupt(self) -> None:
        self.interrupts += 1
        self._freed.set()

    def watch(self, stop: StopFlag) -> Iterator[RunDetail]:
        self._io()
        yield from self.watched
        stop.wait()

    def runs(self, limit: int = 20) -> tuple[RunSummary, ...]:
        self._io()
        return tuple(detail.run for detail in self.history[:limit])

    def run(self, run_id: str) -> RunDetail:
        self._io()
        if run_id == "last" and self.history:
            return self.history[0]
        for detail in (*self.history, *self.watched):
            if detail.run.run_id.startswith(run_id) or str(detail.run.run_number) == run_id:
                return detail
        raise UsageError(f"no run is named {run_id}", hint="`elconsole runs` lists them")

    def cancel(self, run_id: str | None = None) -> RunSummary | None:
        """The newest run, where none is named; one that goes on ends when it is looked at."""
        self._io()
        going_on = next((one.run for one in self.history if one.run.status == "running"), None)
        run = going_on if run_id is None else self.run(run_id).run
        if run is not None and run.status == "running":
            self.cancelled.append(run.run_id)
            if not self.stubborn:
                ended = replace(run, status="cancelled", cancelled_by="ada@mill")
                self.history = tuple(
                    replace(one, run=ended) if one.run == run else one for one in self.history
                )
        return run

    def prune_runs(self, keep_seconds: float | None = None) -> int:
        """All of them but the newest, whatever their age."""
        self._io()
        self.kept_seconds.append(keep_seconds)
        removed = len(self.history[1:])
        self.history = self.history[:1]
        return removed

    def raw_tables(self) -> tuple[RawTable, ...]:
        self._io()
        return tuple(map(_published, self.tables)) if self.raw is None else self.raw

    def targets(self) -> TargetsReport:
        self._io()
        return TargetsReport(tuple(map(_target, self.tables)))

    def change_targets(self, request: TargetRequest) -> tuple[TargetChange, ...]:
        """Says that the one raw table of that name was changed, or would be."""
        self._io()
        self.target_requests.append(request)
        return tuple(
            TargetChange(one.target, one.source, one.table, f"{request.action} done", request.to)
            for one in self.targets().targets
            if request.name in (one.target, f"{one.source}.{one.table}")
        )

    def quality(self, request: QualityRequest) -> QualityReport:
        self._io()
        self.quality_requests.append(request)
        chosen = (
            table
            for table in self.quality_tables
            if (not request.sources or table.source in request.sources)
            and (request.by is None or table.dimension == request.by)
        )
        return QualityReport(tuple(chosen if request.period is None else map(_charted, chosen)))

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> UnitsPage:
        self._io()
        return self.units

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        self._io()
        return 1

    def schema(self) -> SchemaReport:
        self._io()
        if self.drifts is not None:
            return SchemaReport(self.drifts, self.unfed)
        return SchemaReport(
            tuple(
                TableDrift(source=table.source, table=table.table, target=table.target)
                for table in self.tables
            ),
            self.unfed,
        )

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> ReconcileReport:
        self._io()
        if self.reconciled is not None:
            return ReconcileReport(self.reconciled)
        return ReconcileReport(tuple(map(_equal, self._selected(SyncRequest(selection)))))

    def advise(self) -> AdviceReport:
        self._io()
        return AdviceReport(self.findings, self.unasked)

    def close(self) -> None:
        self.closed = True


def operated(**script: Any) -> FakeEngine:
    """The pen plant after days of syncs, as the console meets it; `script` says what differs."""
    usual: dict[str, Any] = {
        "history": history(SUCCEEDED, FAILED),
        "watched": (SUCCEEDED,),
        "quality_tables": QUALITY.tables,
        "planned": PLAN,
        "raw": RAW_TABLES,
        "findings": (ADVICE,),
    }
    return FakeEngine(**{**usual, **script})


def _named(script: FakeTable) -> dict[str, Any]:
    """What every result of a table says of it."""
    return {
        "source": script.source,
        "table": script.table,
        "target": script.target,
        "mode": "full",
        "strategy": "full",
        "rows_estimated": script.estimate,
    }


def _full_refresh(script: FakeTable) -> PlannedTable:
    return PlannedTable(**_named(script), error=script.error)


def _target(script: FakeTable) -> TargetInfo:
    known = _published(script)
    return TargetInfo(
        target=known.target,
        source=known.source,
        table=known.table,
        state="fed",
        rows=known.rows,
        bytes=known.bytes,
        last_synced_at=known.last_synced_at,
        generation=1,
    )


def _published(script: FakeTable) -> RawTable:
    return RawTable(
        target=script.target,
        source=script.source,
        table=script.table,
        rows=script.rows,
        bytes=script.bytes,
        last_synced_at=before(60),
        generation=1,
    )


def _charted(table: QualityTable) -> QualityTable:
    return replace(table, rows=tuple(day for row in table.rows for day in chart_rows(row.value)))


def _equal(script: FakeTable) -> ReconciledTable:
    return ReconciledTable(
        source=script.source,
        table=script.table,
        target=script.target,
        source_rows=script.rows,
        target_rows=script.rows,
        equal=True,
    )


def _outcome(begun: TableRun, script: FakeTable) -> TableRun:
    """How a table ends, but for the time."""
    if script.error is None:
        return replace(begun, status="succeeded", rows_written=script.rows, duration_seconds=0.5)
    return replace(
        begun, status=script.status, rows_read=0, bytes=0, duration_seconds=0.2, error=script.error
    )


def _run_status(tables: tuple[TableRun, ...]) -> RunStatus:
    if any(table.status == "cancelled" for table in tables):
        return "cancelled"
    if any(table.status in ("failed", "locked") for table in tables):
        return "failed"
    return "succeeded"

"""A scripted engine behind `elconsole.core.results.Engine`: no database, no clock, no chance.

It tells the pen plant's story (plant.md's counts) unless told otherwise: name what is
down, give a table an error, or hold a sync at a gate until the test lets it go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from elconsole.core.engine import StopFlag
from elconsole.core.errors import UsageError
from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Emit,
    Event,
    ProgressMade,
    SyncCompleted,
    SyncStarted,
    TableFailed,
    TableStarted,
)
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionHealth,
    ConnectionInfo,
    ErrorInfo,
    Finding,
    PlannedTable,
    PlanReport,
    QualityReport,
    QualityRequest,
    QualityRow,
    QualityTable,
    RawTable,
    ReconciledTable,
    ReconcileReport,
    RunDetail,
    RunStatus,
    RunSummary,
    SchemaChange,
    SchemaReport,
    SyncRequest,
    TableDrift,
    TableRun,
    TableStatus,
    UnitsPage,
)

EPOCH = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)
"""When the fake plant's day begins; its clock moves only when something happens."""

REFUSED = ErrorInfo(
    "source_unavailable",
    "springs: connection to localhost:5434 refused",
    "is the server running? try: elconsole check",
)
WAREHOUSE_DOWN = ErrorInfo(
    "warehouse_unavailable",
    "warehouse: connection to localhost:5435 refused",
    "is the server running? try: elconsole check",
)
LOCKED = ErrorInfo(
    "locked", "raw.springs_production is held by run 41 on host plant, pid 77, for 12 s", "wait"
)
DENIED = ErrorInfo(
    "permission",
    "springs.springs_production: permission denied for table springs_production",
    "run the SQL that `elconsole grants` prints",
    "42501",
)


@dataclass(frozen=True, slots=True)
class FakeTable:
    """One table of the script: its rows, and how its sync ends."""

    source: str
    table: str
    rows: int
    bytes: int = 0
    estimate: int | None = None
    error: ErrorInfo | None = None
    status: TableStatus = "failed"
    """How it ends where `error` is given."""

    @property
    def target(self) -> str:
        return f"raw.{self.table}"


PEN_PLANT = (
    FakeTable("refills", "refills_production", 100, 20_000, 100),
    FakeTable("bodies", "bodies_production", 100, 21_000, 90),
    FakeTable("springs", "springs_production", 150, 31_000, None),
)


def failing(source: str, error: ErrorInfo, status: TableStatus = "failed") -> tuple[FakeTable, ...]:
    """The pen plant, with one source's table ending in `error`."""
    return tuple(
        replace(table, error=error, status=status) if table.source == source else table
        for table in PEN_PLANT
    )


def unreachable(error: ErrorInfo = WAREHOUSE_DOWN) -> tuple[FakeTable, ...]:
    """The pen plant, with every table ending in `error`."""
    return tuple(replace(table, error=error) for table in PEN_PLANT)


@dataclass
class FakeEngine:
    """Implements `elconsole.core.results.Engine` from a script; safe to call from many threads."""

    tables: tuple[FakeTable, ...] = PEN_PLANT
    down: dict[str, ErrorInfo] = field(default_factory=dict)
    """Connections that do not answer, by name."""
    latency_ms: dict[str, float] = field(default_factory=dict)
    history: tuple[RunDetail, ...] = ()
    """Runs of the past, newest first; each sync adds one."""
    quality_tables: tuple[QualityTable, ...] | None = None
    drifts: tuple[TableDrift, ...] | None = None
    reconciled: tuple[ReconciledTable, ...] | None = None
    findings: tuple[Finding, ...] = ()
    unasked: tuple[tuple[str, ErrorInfo], ...] = ()
    gate: threading.Event | None = None
    """Where given, a sync waits in its first table until it is set or the sync is stopped."""
    raises: BaseException | None = None
    """Where given, every call that does I/O raises it."""

    syncing: threading.Event = field(default_factory=threading.Event)
    """Set once a sync has reached its gate."""
    requests: list[SyncRequest] = field(default_factory=list)
    quality_requests: list[QualityRequest] = field(default_factory=list)
    interrupts: int = 0
    closed: bool = False
    _ticks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _freed: threading.Event = field(default_factory=threading.Event)

    def _now(self) -> datetime:
        with self._lock:
            self._ticks += 1
            return EPOCH + timedelta(seconds=self._ticks)

    def _io(self) -> None:
        if self.raises is not None:
            raise self.raises

    def connections(self) -> tuple[ConnectionInfo, ...]:
        sources = tuple(dict.fromkeys(table.source for table in self.tables))
        return (
            *(
                ConnectionInfo(name, "source", f"localhost:{5432 + n}/{name}")
                for n, name in enumerate(sources)
            ),
            ConnectionInfo("warehouse", "warehouse", "localhost:5435/warehouse"),
        )

    def probe(self, name: str) -> ConnectionHealth:
        role = next(c.role for c in self.connections() if c.name == name)
        if error := self.down.get(name):
            return ConnectionHealth(
                name=name, role=role, status="down", checked_at=self._now(), error=error
            )
        latency_ms = self.latency_ms.get(name, 1.5)
        slow = latency_ms > 250
        return ConnectionHealth(
            name=name,
            role=role,
            status="degraded" if slow else "healthy",
            checked_at=self._now(),
            latency_ms=latency_ms,
            server_version="18.6",
            reasons=("slower than 250 ms",) if slow else (),
            database_bytes=8_000_000,
            replication_role="primary",
        )

    def check(self) -> CheckReport:
        self._io()
        health = tuple(self.probe(connection.name) for connection in self.connections())
        return CheckReport(health, () if "warehouse" in self.down else self.raw_tables())

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
        return PlanReport(
            tuple(
                PlannedTable(
                    source=table.source,
                    table=table.table,
                    target=table.target,
                    mode="full",
                    strategy="full",
                    rows_estimated=table.estimate,
                    error=table.error,
                )
                for table in self._selected(request)
            )
        )

    def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
        self._io()
        chosen = self._selected(request)
        self.requests.append(request)
        number = len(self.history) + 1
        run_id = f"00000000-0000-4000-8000-{number:012d}"
        started_at = self._now()
        emit(
            SyncStarted(
                run_id=run_id,
                at=started_at,
                run_number=number,
                mode="full" if request.full else "configured",
                tables=tuple((table.source, table.table) for table in chosen),
            )
        )
        done = tuple(self._sync_table(run_id, table, emit, stop) for table in chosen)
        finished_at = self._now()
        reached = not any(t.error and t.error.kind == "warehouse_unavailable" for t in done)
        run = RunSummary(
            run_id=run_id,
            run_number=number if reached else None,
            status=_run_status(done),
            mode="full" if request.full else "configured",
            host="plant",
            pid=4242,
            user="operator",
            started_at=started_at,
            finished_at=finished_at,
            duration_seconds=(finished_at - started_at).total_seconds(),
            rows_read=sum(table.rows_read for table in done),
            rows_written=sum(table.rows_written for table in done),
            bytes=sum(table.bytes for table in done),
            tables_total=len(done),
            tables_failed=sum(table.status in ("failed", "locked") for table in done),
        )
        emit(
            SyncCompleted(
                run_id=run_id,
                at=finished_at,
                run_number=run.run_number,
                status=run.status,
                rows_read=run.rows_read,
                rows_written=run.rows_written,
                bytes_total=run.bytes,
                tables_failed=run.tables_failed,
                duration_seconds=run.duration_seconds or 0.0,
            )
        )
        detail = RunDetail(run, done)
        self.history = (detail, *self.history)
        return detail

    def _sync_table(self, run_id: str, script: FakeTable, emit: Emit, stop: StopFlag) -> TableRun:
        run = TableRun(
            source=script.source,
            table=script.table,
            target=script.target,
            mode="full",
            strategy="full",
            status="pending",
            rows_estimated=script.estimate,
            attempts=1,
        )
        if stop.is_set():
            return replace(run, status="cancelled", attempts=0)
        started_at = self._now()
        for event in self._opening(run_id, script):
            emit(event)
        self._wait_at_gate(stop)
        if stop.is_set():
            return replace(run, status="cancelled", started_at=started_at, finished_at=self._now())
        if script.error is not None:
            emit(
                TableFailed(
                    run_id=run_id,
                    at=self._now(),
                    source=script.source,
                    table=script.table,
                    target=script.target,
                    status=script.status,
                    attempt=1,
                    error=script.error,
                )
            )
            return replace(
                run,
                status=script.status,
                started_at=started_at,
                finished_at=self._now(),
                duration_seconds=0.2,
                error=script.error,
            )
        for event in self._closing(run_id, script):
            emit(event)
        return replace(
            run,
            status="succeeded",
            rows_read=script.rows,
            rows_written=script.rows,
            bytes=script.bytes,
            started_at=started_at,
            finished_at=self._now(),
            duration_seconds=0.5,
        )

    def _wait_at_gate(self, stop: StopFlag) -> None:
        self.syncing.set()
        if self.gate is None:
            return
        while not (self.gate.wait(0.005) or self._freed.is_set() or stop.is_set()):
            pass

    def _opening(self, run_id: str, script: FakeTable) -> Iterator[Event]:
        yield TableStarted(
            run_id=run_id,
            at=self._now(),
            source=script.source,
            table=script.table,
            target=script.target,
            mode="full",
            strategy="full",
            attempt=1,
            rows_estimated=script.estimate,
        )
        for quarter in (1, 2):
            yield ProgressMade(
                run_id=run_id,
                at=self._now(),
                source=script.source,
                table=script.table,
                target=script.target,
                rows_read=script.rows * quarter // 4,
                bytes_total=script.bytes * quarter // 4,
                rows_estimated=script.estimate,
            )

    def _closing(self, run_id: str, script: FakeTable) -> Iterator[Event]:
        yield DataExtracted(
            run_id=run_id,
            at=self._now(),
            source=script.source,
            table=script.table,
            target=script.target,
            rows_read=script.rows,
            bytes_total=script.bytes,
            extract_seconds=0.3,
            columns=("id", "quality_status"),
        )
        yield DataLoaded(
            run_id=run_id,
            at=self._now(),
            source=script.source,
            table=script.table,
            target=script.target,
            mode="full",
            strategy="full",
            rows_read=script.rows,
            rows_written=script.rows,
            rows_deleted=0,
            bytes_total=script.bytes,
            extract_seconds=0.3,
            load_seconds=0.2,
            duration_seconds=0.5,
            generation=1,
            columns=("id", "quality_status"),
            quality_flags={},
        )

    def interrupt(self) -> None:
        self.interrupts += 1
        self._freed.set()

    def watch(self, stop: StopFlag) -> Iterator[RunDetail]:
        self._io()
        shown: RunDetail | None = None
        while not stop.is_set():
            if self.history and self.history[0] is not shown:
                shown = self.history[0]
                yield shown
            stop.wait(0.01)

    def runs(self, limit: int = 20) -> tuple[RunSummary, ...]:
        self._io()
        return tuple(detail.run for detail in self.history[:limit])

    def run(self, run_id: str) -> RunDetail:
        self._io()
        for detail in self.history:
            if detail.run.run_id.startswith(run_id) or str(detail.run.run_number) == run_id:
                return detail
        raise UsageError(f"no run is named {run_id}", hint="`elconsole runs` lists them")

    def raw_tables(self) -> tuple[RawTable, ...]:
        self._io()
        return tuple(
            RawTable(
                target=table.target,
                source=table.source,
                table=table.table,
                rows=table.rows,
                bytes=table.bytes,
                last_synced_at=EPOCH,
                generation=1,
            )
            for table in self.tables
        )

    def quality(self, request: QualityRequest) -> QualityReport:
        self._io()
        self.quality_requests.append(request)
        tables = PEN_QUALITY if self.quality_tables is None else self.quality_tables
        return QualityReport(
            tuple(
                table
                for table in tables
                if (not request.sources or table.source in request.sources)
                and (request.by is None or table.dimension == request.by)
            )
        )

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> UnitsPage:
        self._io()
        return UnitsPage(("id", dimension), (("1", value),)[:limit], truncated=False)

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        self._io()
        return 1

    def schema(self) -> SchemaReport:
        self._io()
        if self.drifts is not None:
            return SchemaReport(self.drifts)
        return SchemaReport(
            tuple(
                TableDrift(source=table.source, table=table.table, target=table.target)
                for table in self.tables
            )
        )

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> ReconcileReport:
        self._io()
        if self.reconciled is not None:
            return ReconcileReport(self.reconciled)
        return ReconcileReport(
            tuple(
                ReconciledTable(
                    source=table.source,
                    table=table.table,
                    target=table.target,
                    source_rows=table.rows,
                    target_rows=table.rows,
                    equal=True,
                )
                for table in self._selected(SyncRequest(selection))
            )
        )

    def advise(self) -> AdviceReport:
        self._io()
        return AdviceReport(self.findings, self.unasked)

    def close(self) -> None:
        self.closed = True


def _run_status(tables: tuple[TableRun, ...]) -> RunStatus:
    if any(table.status == "cancelled" for table in tables):
        return "cancelled"
    if any(table.status in ("failed", "locked") for table in tables):
        return "failed"
    return "succeeded"


def quality_row(value: str, inspected: int, passed: int) -> QualityRow:
    """Counts of one value, with a rate where there is one."""
    return QualityRow(
        value=value,
        inspected=inspected,
        passed=passed,
        failed=inspected - passed,
        pass_rate=passed / inspected if inspected else None,
        low=max(0.0, passed / inspected - 0.08) if inspected else None,
        high=min(1.0, passed / inspected + 0.04) if inspected else None,
    )


PEN_QUALITY = (
    QualityTable(
        source="refills",
        table="refills_production",
        target="raw.refills_production",
        dimension="line_id",
        rows=(quality_row("LINE-REFILLS-001", 56, 53), quality_row("LINE-REFILLS-002", 44, 42)),
        total=quality_row("total", 100, 95),
        baseline="the shown periods",
        newest_unit_at=EPOCH,
        newest_extracted_at=EPOCH,
    ),
    QualityTable(
        source="bodies",
        table="bodies_production",
        target="raw.bodies_production",
        dimension="material",
        rows=(
            quality_row("bamboo", 29, 29),
            quality_row("metal", 31, 27),
            quality_row("plastic", 40, 35),
        ),
        total=quality_row("total", 100, 91),
    ),
)

WIDENED = SchemaChange(
    "material", "widened", "character varying(80)", "character varying(50)", "altered in place"
)

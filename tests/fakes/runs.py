"""A deterministic engine without databases, behind the same protocol as the real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from elconsole.core.engine import StopFlag
from elconsole.core.errors import ElconsoleError, WarehouseUnavailable
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
    Finding,
    PlannedTable,
    PlanReport,
    QualityReport,
    QualityRequest,
    QualityRow,
    QualityTable,
    RawTable,
    ReconcileReport,
    RunDetail,
    RunSummary,
    SchemaReport,
    SyncRequest,
    TableRun,
    UnitsPage,
)
from elconsole.core.types import ErrorInfo, Role, RunStatus, SchemaChange, TableStatus

Answer = TypeVar("Answer")
NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
SOURCES = ("refills", "bodies", "springs")
LOST = ErrorInfo(
    "source_unavailable",
    "server closed the connection unexpectedly: terminating connection due to "
    "administrator command",
    "Check that the server at localhost:5433 is up, then sync again; the old rows stand.",
    "57P01",
)
REFUSED = ErrorInfo(
    "source_unavailable",
    'connection to server at "localhost" (127.0.0.1), port 5434 failed: Connection refused',
    "Is the server running there and accepting TCP/IP connections?",
)

_HEADS: tuple[tuple[str, Role], ...] = (
    *((name, "source") for name in SOURCES),
    ("warehouse", "warehouse"),
)
CONNECTIONS = tuple(
    ConnectionInfo(name, role, f"localhost:{5432 + number}/{name}")
    for number, (name, role) in enumerate(_HEADS)
)


def before(seconds: float) -> datetime:
    """So many seconds before the tests' present."""
    return NOW - timedelta(seconds=seconds)


def healthy(name: str, latency_ms: float = 2.0) -> ConnectionHealth:
    """A connection as it should be."""
    return ConnectionHealth(
        name=name,
        role="warehouse" if name == "warehouse" else "source",
        status="healthy",
        checked_at=before(1),
        latency_ms=latency_ms,
        server_version="18.6",
        database_bytes=412 * 1024**2 if name == "warehouse" else 148 * 1024**2,
        oldest_transaction_seconds=0.2,
        replication_role="primary",
    )


def slow(name: str, latency_ms: float = 480.0) -> ConnectionHealth:
    """A connection that answers late."""
    return replace(
        healthy(name, latency_ms),
        status="degraded",
        reasons=(f"slow: {latency_ms:.0f} ms",),
    )


def _place(name: str) -> int:
    return next(number for number, info in enumerate(CONNECTIONS) if info.name == name)


def down(name: str, error: ErrorInfo = REFUSED) -> ConnectionHealth:
    """A connection that refuses."""
    return ConnectionHealth(
        name=name,
        role="warehouse" if name == "warehouse" else "source",
        status="down",
        checked_at=before(1 + _place(name) / 10),
        error=error,
    )


def table_run(
    source: str,
    status: TableStatus = "succeeded",
    rows: int = 100,
    *,
    estimated: int | None = None,
    seconds: float = 0.4,
    error: ErrorInfo | None = None,
) -> TableRun:
    """One table of a run."""
    running = status in ("running", "pending")
    return TableRun(
        source=source,
        table=f"{source}_production",
        target=f"raw.{source}_production",
        mode="full",
        strategy="full",
        status=status,
        rows_read=0 if status == "pending" else rows,
        rows_written=rows if status == "succeeded" else 0,
        bytes=0 if status == "pending" else rows * 250,
        rows_estimated=estimated,
        started_at=None if status == "pending" else before(seconds),
        finished_at=None if running else before(1),
        duration_seconds=0.0 if running else seconds,
        attempts=0 if status == "pending" else 1,
        error=error,
    )


def run_of(
    tables: tuple[TableRun, ...],
    status: RunStatus = "succeeded",
    *,
    number: int = 41,
    age_s: float = 312.0,
    seconds: float = 7.4,
    user: str = "cron",
    host: str = "etl-01",
    mode: str = "full",
) -> RunDetail:
    """A run and its tables."""
    finished = None if status == "running" else before(age_s)
    run = RunSummary(
        run_id=f"00000000-0000-4000-8000-{number:012d}",
        run_number=number,
        status=status,
        mode="full" if mode == "full" else "configured",
        host=host,
        pid=4711,
        user=user,
        started_at=before(age_s + (seconds if finished else 0)),
        finished_at=finished,
        duration_seconds=seconds if finished else None,
        rows_read=sum(table.rows_read for table in tables),
        rows_written=sum(table.rows_written for table in tables),
        bytes=sum(table.bytes for table in tables),
        tables_total=len(tables),
        tables_failed=sum(table.status == "failed" for table in tables),
    )
    return RunDetail(run, tables)


SUCCEEDED = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", rows=1_000_000, seconds=5.9),
        table_run("springs", rows=1_000_000, seconds=7.1),
    )
)
FAILED = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", "failed", rows=204_800, seconds=4.0, error=LOST, estimated=1_000_000),
        table_run("springs", rows=1_000_000, seconds=7.1),
    ),
    "failed",
    number=40,
    age_s=612.0,
)
RUNNING = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", "running", rows=610_000, estimated=1_000_000, seconds=2.05),
        table_run("springs", "running", rows=41_000, estimated=1_000_000, seconds=1.02),
    ),
    "running",
    number=42,
    age_s=7.0,
)


def history(*newest: RunDetail) -> tuple[RunSummary, ...]:
    """Runs every five minutes, one of them failed, one cancelled, one abandoned."""
    odd: Mapping[int, RunStatus] = {37: "cancelled", 33: "abandoned", 28: "failed"}
    older = []
    for number in range(39, 14, -1):
        status: RunStatus = odd.get(number, "succeeded")
        failed = status == "failed"
        rows = 3_000_000 + (number * 7919) % 41_000
        tables = tuple(
            table_run(name, "failed" if failed and name == "springs" else "succeeded", rows // 3)
            for name in SOURCES
        )
        older.append(
            run_of(
                tables,
                status,
                number=number,
                age_s=(41 - number) * 300.0 + 312,
                seconds=7.0 + (number * 37 % 11) / 5,
                mode="full" if number % 6 == 0 else "configured",
                user="anna" if number % 9 == 0 else "cron",
                host="desk-7" if number % 9 == 0 else "etl-01",
            ).run
        )
    return (*(detail.run for detail in newest), *older)


# Pass rates of the demo plant

_LINES = {
    "refills": (("LINE-REFILLS-001", 56, 53), ("LINE-REFILLS-002", 44, 42)),
    "bodies": (("LINE-BODIES-001", 52, 49), ("LINE-BODIES-002", 48, 42)),
    "springs": (
        ("LINE-SPRINGS-001", 51, 49),
        ("LINE-SPRINGS-002", 50, 48),
        ("LINE-SPRINGS-003", 49, 46),
    ),
}
_OTHERS = {
    "refills": (
        "ink_color",
        (
            ("black", 22, 21),
            ("blue", 21, 20),
            ("green", 19, 18),
            ("purple", 18, 17),
            ("red", 20, 19),
        ),
    ),
    "bodies": ("material", (("bamboo", 29, 29), ("metal", 31, 27), ("plastic", 40, 35))),
    "springs": (
        "material",
        (("chrome_vanadium", 61, 59), ("music_wire", 30, 28), ("stainless_steel", 59, 56)),
    ),
}
_DEFECTS = {
    "refills": "ink_leak",
    "bodies": "surface_defect",
    "springs": "dimension_out_of_spec",
}
SIGNALLING = {"LINE-BODIES-002", "metal"}


def wilson(passed: int, inspected: int) -> tuple[float, float]:
    """The Wilson score interval, 95 % (only for plausible numbers in tests)."""
    z = 1.959964
    rate, z2 = passed / inspected, z * z
    middle = (rate + z2 / (2 * inspected)) / (1 + z2 / inspected)
    half = z / (1 + z2 / inspected)
    half *= (rate * (1 - rate) / inspected + z2 / (4 * inspected**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def quality_row(source: str, value: str, inspected: int, passed: int) -> QualityRow:
    """A dimension value over all data."""
    low, high = wilson(passed, inspected)
    rate = passed / inspected
    signal = value in SIGNALLING
    few = inspected <= 30 and not signal
    wobble = (0.0, 0.02, -0.03, 0.01, 0.03, -0.01, 0.0)
    trend = tuple(min(1.0, max(0.0, rate + step * (rate < 1))) for step in wobble)
    if signal:
        trend = (0.96, 0.95, 0.93, 0.90, 0.87, 0.84, 0.80)
    return QualityRow(
        value=value,
        inspected=inspected,
        passed=passed,
        failed=inspected - passed,
        pass_rate=rate,
        low=low,
        high=high,
        center=0.946,
        lcl=0.83,
        ucl=1.0,
        chart="p",
        judged="signal" if signal else "insufficient_n" if few else "in_control",
        rules=(1, 3) if signal else (),
        signal="below the lower limit on 13 Mar; six in a row falling" if signal else None,
        trend=trend,
        change_previous=-0.041 if signal else 0.012,
        change_baseline=-0.062 if signal else 0.004,
        defects_per_million=(inspected - passed) / inspected * 1e6,
        top_defect=_DEFECTS[source] if passed < inspected else None,
        top_defect_share=0.5 if passed < inspected else None,
    )


def quality_table(
    source: str, dimension: str, values: tuple[tuple[str, int, int], ...]
) -> QualityTable:
    """All values of one dimension."""
    return QualityTable(
        source=source,
        table=f"{source}_production",
        target=f"raw.{source}_production",
        dimension=dimension,
        rows=tuple(quality_row(source, *value) for value in values),
        baseline="the shown periods",
        newest_unit_at=before(33),
        newest_extracted_at=before(7),
    )


QUALITY = QualityReport(
    tuple(
        table
        for source in SOURCES
        for table in (
            quality_table(source, "line_id", _LINES[source]),
            quality_table(source, *_OTHERS[source]),
        )
    )
)
_DAYS = (
    (120, 115), (118, 112), (131, 124), (125, 119), (122, 117), (119, 112), (127, 121),
    (124, 117), (121, 116), (126, 119), (123, 118), (120, 113), (128, 104), (44, 41),
)  # fmt: skip


def chart_rows(value: str) -> tuple[QualityRow, ...]:
    """Fourteen days of one value: one out of control, the last not over."""
    rows = []
    for number, (inspected, passed) in enumerate(_DAYS):
        low, high = wilson(passed, inspected)
        center = 0.946
        half = 3 * (center * (1 - center) / inspected) ** 0.5
        bad, last = number == 12, number == 13
        rows.append(
            QualityRow(
                value=value,
                period=(NOW.date() - timedelta(days=13 - number)).isoformat(),
                inspected=inspected,
                passed=passed,
                failed=inspected - passed,
                pass_rate=passed / inspected,
                low=low,
                high=high,
                center=center,
                lcl=max(0.0, center - half),
                ucl=min(1.0, center + half),
                chart="p",
                judged="signal" if bad else "incomplete" if last else "in_control",
                rules=(1,) if bad else (),
                signal="beyond the lower limit" if bad else None,
                top_defect="surface_defect",
                top_defect_share=0.62,
            )
        )
    return tuple(rows)


UNITS = UnitsPage(
    (
        "id",
        "timestamp",
        "line_id",
        "machine_id",
        "shift_id",
        "material",
        "defect_type",
        "_airbyte_raw_id",
    ),
    tuple(
        (
            str(9000 - number * 7),
            f"2026-03-13 {22 - number % 20:02d}:{number * 13 % 60:02d}:07+00",
            "LINE-BODIES-002",
            f"MACHINE-B-0{1 + number % 5}",
            ("SHIFT-MORNING", "SHIFT-NIGHT", "SHIFT-AFTERNOON")[number % 3],
            ("metal", "plastic")[number % 2],
            ("surface_defect", "crack", "surface_defect", "dimensional", "wall_thickness")[
                number % 5
            ],
            f"0190-{number:04d}",
        )
        for number in range(24)
    ),
    truncated=False,
)
CHANGES = {
    "bodies": (
        SchemaChange(
            "coating", "added", "varchar(40)", None, "adds the column; old rows hold NULL"
        ),
        SchemaChange("material", "widened", "varchar(80)", "varchar(50)", "alters in place"),
    ),
}
CONFLICT = ErrorInfo(
    "schema",
    "springs.springs_production: tensile_strength_mpa became text",
    "Run a full refresh, or set exclude_columns.",
)
PLAN = PlanReport(
    tuple(
        PlannedTable(
            source=source,
            table=f"{source}_production",
            target=f"raw.{source}_production",
            mode="full" if source == "refills" else "incremental",
            strategy="full" if source == "refills" else "xmin",
            watermark=None if source == "refills" else "748213",
            rows_estimated=1_000_000 if source == "refills" else 11_000,
            schema_changes=CHANGES.get(source, ()),
            error=CONFLICT if source == "springs" else None,
        )
        for source in SOURCES
    )
)
PLAN_WITHOUT_DRIFT = PlanReport(
    tuple(replace(table, schema_changes=(), error=None) for table in PLAN.tables)
)
RAW_TABLES = tuple(
    RawTable(
        target=f"raw.{source}_production",
        source=source,
        table=f"{source}_production",
        rows=1_000_000,
        bytes=137 * 1024**2,
        last_synced_at=before(312),
        generation=12,
    )
    for source in SOURCES
)


ADVICE = Finding(
    advisor="load optimizer",
    subject="refills.refills_production",
    finding="reads 1,000,000 rows each run of which 0.4 % changed",
    evidence={"changed_share": 0.004},
    command='mode = "incremental"',
)


@dataclass
class FakeEngine:
    """Answers from what a test put in; records what it was asked to do."""

    health: dict[str, ConnectionHealth] = field(
        default_factory=lambda: {info.name: healthy(info.name) for info in CONNECTIONS}
    )
    watched: tuple[RunDetail, ...] = (SUCCEEDED,)
    past: tuple[RunDetail, ...] = (SUCCEEDED, FAILED)
    history: tuple[RunSummary, ...] = field(default_factory=lambda: history(SUCCEEDED, FAILED))
    quality_report: QualityReport = QUALITY
    units: UnitsPage = UNITS
    planned: PlanReport = PLAN
    raw: tuple[RawTable, ...] = RAW_TABLES
    advice: tuple[Finding, ...] = (ADVICE,)
    problem: ElconsoleError | None = None
    """Raised by every question but probes."""
    hung: set[str] = field(default_factory=set)
    """Connections whose probe does not return before `release`."""
    on_sync: Callable[[SyncRequest, Emit, StopFlag], RunDetail] | None = None
    requests: list[SyncRequest] = field(default_factory=list)
    interrupted: int = 0
    closed: bool = False
    release: threading.Event = field(default_factory=threading.Event)

    def connections(self) -> tuple[ConnectionInfo, ...]:
        return CONNECTIONS

    def probe(self, name: str) -> ConnectionHealth:
        if name in self.hung:
            self.release.wait(60)
        return self.health[name]

    def check(self) -> CheckReport:
        return CheckReport(tuple(self.health.values()), self.raw)

    def plan(self, request: SyncRequest) -> PlanReport:
        return self._or_problem(self.planned)

    def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
        self.requests.append(request)
        if self.on_sync is not None:
            return self.on_sync(request, emit, stop)
        result = run_of(
            tuple(table_run(name) for name in SOURCES), number=43, age_s=0, user="", host=""
        )
        for event in events_of(result):
            emit(event)
        return result

    def interrupt(self) -> None:
        self.interrupted += 1

    def watch(self, stop: StopFlag) -> Iterator[RunDetail]:
        if isinstance(self.problem, WarehouseUnavailable):
            raise self.problem
        yield from self.watched
        stop.wait()

    def runs(self, limit: int = 20) -> tuple[RunSummary, ...]:
        return self._or_problem(self.history[:limit])

    def run(self, run_id: str) -> RunDetail:
        for detail in (*self.past, *self.watched):
            if detail.run.run_id == run_id:
                return detail
        summary = next(run for run in self.history if run.run_id == run_id)
        return RunDetail(summary, tuple(table_run(name, rows=1_000_000) for name in SOURCES))

    def raw_tables(self) -> tuple[RawTable, ...]:
        return self._or_problem(self.raw)

    def quality(self, request: QualityRequest) -> QualityReport:
        if request.period is None:
            return self._or_problem(self.quality_report)
        tables = [
            replace(
                table,
                rows=tuple(point for row in table.rows for point in chart_rows(row.value)),
            )
            for table in self.quality_report.tables
            if table.source in request.sources and request.by in (None, table.dimension)
        ]
        return self._or_problem(QualityReport(tuple(tables)))

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> UnitsPage:
        return self._or_problem(self.units)

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        return 1

    def schema(self) -> SchemaReport:
        return SchemaReport(())

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> ReconcileReport:
        return ReconcileReport(())

    def advise(self) -> AdviceReport:
        return self._or_problem(AdviceReport(self.advice))

    def close(self) -> None:
        self.closed = True

    def _or_problem(self, answer: Answer) -> Answer:
        if self.problem is not None:
            raise self.problem
        return answer


def events_of(result: RunDetail) -> list[Event]:
    """The events that a sync with that result emits."""
    run = result.run
    names = tuple((table.source, table.table) for table in result.tables)
    found: list[Event] = [
        SyncStarted(
            run_id=run.run_id, at=before(1), run_number=run.run_number, mode=run.mode, tables=names
        )
    ]
    for table in result.tables:
        found += _table_events(run.run_id, table)
    found.append(
        SyncCompleted(
            run_id=run.run_id,
            at=NOW,
            run_number=run.run_number,
            status=run.status,
            rows_read=run.rows_read,
            rows_written=run.rows_written,
            bytes_total=run.bytes,
            tables_failed=run.tables_failed,
            duration_seconds=1.0,
        )
    )
    return found


def _table_events(run_id: str, table: TableRun) -> list[Event]:
    where: dict[str, Any] = {
        "run_id": run_id,
        "source": table.source,
        "table": table.table,
        "target": table.target,
    }
    rows, size = table.rows_read, table.bytes
    started = TableStarted(
        **where,
        at=before(1),
        mode="full",
        strategy="full",
        attempt=1,
        rows_estimated=rows,
    )
    if table.error is not None:
        failed = TableFailed(**where, at=NOW, status=table.status, attempt=1, error=table.error)
        return [started, failed]
    return [
        started,
        ProgressMade(
            **where,
            at=before(0.8),
            rows_read=rows // 2,
            bytes_total=size // 2,
            rows_estimated=rows,
        ),
        DataExtracted(
            **where,
            at=before(0.5),
            rows_read=rows,
            bytes_total=size,
            extract_seconds=0.3,
            columns=("id",),
        ),
        DataLoaded(
            **where,
            at=before(0.2),
            mode="full",
            strategy="full",
            rows_read=rows,
            rows_written=rows,
            rows_deleted=0,
            bytes_total=size,
            extract_seconds=0.3,
            load_seconds=0.1,
            duration_seconds=0.4,
            generation=13,
            columns=("id",),
        ),
    ]

"""What the engine answers, as frozen values.

Times are aware datetimes in UTC, durations seconds, sizes bytes, rates fractions from 0 to 1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from elconsole.core.record import record
from elconsole.core.types import (
    ErrorInfo,
    Health,
    Mode,
    Role,
    RunStatus,
    SchemaChange,
    Strategy,
    TableStatus,
)

Period = Literal["hour", "day", "shift", "batch"]


@record(frozen=True, slots=True)
class SyncRequest:
    """What to sync."""

    selection: tuple[str, ...] = ()
    """`SOURCE` or `SOURCE.TABLE` (globs allowed in the table); empty means everything."""
    full: bool = False
    """Refresh everything, whatever the table's mode."""
    adopt: bool = False
    """Convert plain tables that stand in a target's place."""
    counted: bool = False
    """Of a plan: count the rows that incremental syncs would read, instead of the tables'."""


@record(frozen=True, slots=True, kw_only=True)
class TableRun:
    """One table in one run, while it lasts and ever after."""

    source: str
    table: str
    target: str
    """`schema.table`, unquoted."""
    mode: Mode
    strategy: Strategy
    status: TableStatus
    rows_read: int = 0
    rows_written: int = 0
    rows_deleted: int = 0
    bytes: int = 0
    rows_estimated: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_seconds: float = 0.0
    attempts: int = 0
    schema_changes: tuple[SchemaChange, ...] = ()
    notes: tuple[str, ...] = ()
    """What the plan, and the sync once it saw the source, had to say: why it was a full
    refresh, say."""
    error: ErrorInfo | None = None


@record(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run, as a line of the history."""

    run_id: str
    run_number: int | None
    """None where the warehouse could not be reached to number it."""
    status: RunStatus
    mode: Literal["full", "configured"]
    host: str
    pid: int
    user: str = ""
    started_at: datetime
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    rows_read: int = 0
    rows_written: int = 0
    bytes: int = 0
    tables_total: int = 0
    tables_failed: int = 0


@record(frozen=True, slots=True, kw_only=True)
class UnfedTable:
    """A raw table that no sync fills any more."""

    target: str
    source: str
    table: str
    """As it was called in reports when it was fed."""
    since: datetime | None
    """When it was last synced."""
    reason: str


@record(frozen=True, slots=True)
class RunDetail:
    """A run and its tables: what `sync` returns, `run` reads and `watch` yields."""

    run: RunSummary
    tables: tuple[TableRun, ...]
    unfed: tuple[UnfedTable, ...] | None = None
    """Which raw tables a sync of everything found to be unfed; None where that isn't known:
    the ledger does not keep it."""
    unasked: tuple[str, ...] = ()
    """Sources that could not be asked; their raw tables are in `unfed` neither way."""


@record(frozen=True, slots=True, kw_only=True)
class PlannedTable:
    """What the next sync would do with one table."""

    source: str
    table: str
    target: str
    mode: Mode
    strategy: Strategy
    watermark: str | None = None
    """Where an incremental sync starts; None reads everything."""
    rows_estimated: int | None = None
    """Rows of the table, by the source's statistics; of an incremental sync, once counted,
    those since its watermark, None where there are too many rows to count."""
    schema_changes: tuple[SchemaChange, ...] = ()
    notes: tuple[str, ...] = ()
    """What a careful reader should know: why full, which name, what is cast."""
    error: ErrorInfo | None = None
    new: bool = False
    """Whether there is no raw table yet."""


@record(frozen=True, slots=True)
class PlanReport:
    tables: tuple[PlannedTable, ...]
    unfed: tuple[UnfedTable, ...] = ()
    """In the plan of everything."""


@record(frozen=True, slots=True)
class ConnectionInfo:
    """A configured connection, known without asking it."""

    name: str
    role: Role
    address: str
    """`host:port/dbname`, never a password."""


@record(frozen=True, slots=True, kw_only=True)
class ConnectionHealth:
    """One probe of one connection."""

    name: str
    role: Role
    status: Health
    checked_at: datetime
    latency_ms: float | None = None
    server_version: str | None = None
    reasons: tuple[str, ...] = ()
    """Why it is degraded."""
    lacks: tuple[str, ...] = ()
    """Those of the reasons that keep tables from being synced."""
    warnings: tuple[str, ...] = ()
    """What its role has and does not need; nothing that keeps it from working."""
    error: ErrorInfo | None = None
    database_bytes: int | None = None
    oldest_transaction_seconds: float | None = None
    replication_role: Literal["primary", "standby"] | None = None
    replay_lag_seconds: float | None = None


@record(frozen=True, slots=True, kw_only=True)
class RawTable:
    """A published table of the warehouse."""

    target: str
    source: str
    table: str
    rows: int
    """Exact from the last sync where known, else the server's estimate."""
    bytes: int
    last_synced_at: datetime | None
    generation: int | None = None


@record(frozen=True, slots=True)
class Problem:
    """Why a selected table, or all of a connection's, can't be synced."""

    error: ErrorInfo
    source: str | None = None
    """None where it is the warehouse's."""
    table: str | None = None
    """None where it befalls more than one."""


@record(frozen=True, slots=True)
class CheckReport:
    connections: tuple[ConnectionHealth, ...]
    tables: tuple[RawTable, ...]
    problems: tuple[Problem, ...] = ()
    """Of the connections that answer."""
    unfed: tuple[UnfedTable, ...] | None = None
    """None where the warehouse could not be asked."""
    unasked: tuple[str, ...] = ()
    """Sources that could not be asked; their raw tables are not called unfed."""


@record(frozen=True, slots=True)
class QualityRequest:
    sources: tuple[str, ...] = ()
    by: str | None = None
    """One dimension; None means all configured ones."""
    period: Period | None = None
    """None: one row a value over all data."""


@record(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """Units of one dimension value, over all data or over one period."""

    value: str
    period: str | None = None
    """ISO 8601 start of an hour or day, or the name of a shift or batch."""
    inspected: int
    passed: int
    failed: int
    pass_rate: float | None
    """None where nothing was inspected."""
    low: float | None = None
    high: float | None = None
    """Wilson score interval, 95 %."""
    center: float | None = None
    lcl: float | None = None
    ucl: float | None = None
    chart: Literal["p", "p'"] | None = None
    """Which chart judged it."""
    judged: Literal["in_control", "signal", "insufficient_n", "incomplete", "unjudged"] = "unjudged"
    rules: tuple[int, ...] = ()
    """Nelson rules that fired (1 to 4)."""
    signal: str | None = None
    """The same in words, with the period; None where nothing fired."""
    signal_period: str | None = None
    signal_pass_rate: float | None = None
    """Where it fired last, and the pass rate there."""
    signal_since: str | None = None
    """The first period of the run that fired; the period itself where one alone did."""
    trend: tuple[float | None, ...] = ()
    """Pass rates of the last periods, oldest first; None where nothing was inspected."""
    change_previous: float | None = None
    """Against the period before, as a difference of fractions."""
    change_baseline: float | None = None
    defects_per_million: float | None = None
    top_defect: str | None = None
    top_defect_share: float | None = None


@record(frozen=True, slots=True, kw_only=True)
class QualityTable:
    source: str
    table: str
    target: str
    dimension: str
    rows: tuple[QualityRow, ...]
    total: QualityRow | None = None
    baseline: str | None = None
    """Which reference judged it, in words: a frozen version or the shown periods."""
    newest_unit_at: datetime | None = None
    newest_extracted_at: datetime | None = None
    changed_rows: int = 0
    """Rows whose `_airbyte_meta` records changes."""
    notes: tuple[str, ...] = ()
    """What a careful reader should know: no time column, so no control chart."""
    error: ErrorInfo | None = None
    """Why there are no rows: a column that settings name is missing."""


@record(frozen=True, slots=True)
class QualityReport:
    tables: tuple[QualityTable, ...]


@record(frozen=True, slots=True)
class UnitsPage:
    """Rows of a raw table as text, for a drill-down."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    truncated: bool
    """Whether there are more rows than these."""


@record(frozen=True, slots=True, kw_only=True)
class TableDrift:
    source: str
    table: str
    target: str
    changes: tuple[SchemaChange, ...] = ()
    error: ErrorInfo | None = None


@record(frozen=True, slots=True)
class SchemaReport:
    tables: tuple[TableDrift, ...]
    unfed: tuple[UnfedTable, ...] = ()


@record(frozen=True, slots=True, kw_only=True)
class ReconciledTable:
    source: str
    table: str
    target: str
    source_rows: int | None
    target_rows: int | None
    equal: bool
    pending: int = 0
    """Rows that changed in the source after the last synced snapshot."""
    different_keys: tuple[str, ...] = ()
    """The first 20, as JSON arrays of the key's values."""
    columns_only_in_source: tuple[str, ...] = ()
    """Which the raw table has not: it is not equal then, whatever the other columns hold."""
    columns_only_in_target: tuple[str, ...] = ()
    """Which the source has no more, or no sync copies."""
    error: ErrorInfo | None = None


@record(frozen=True, slots=True)
class ReconcileReport:
    tables: tuple[ReconciledTable, ...]


@record(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an advisor noticed, its numbers, and the command to run."""

    advisor: str
    subject: str
    finding: str
    evidence: dict[str, Any]
    command: str | None = None


@record(frozen=True, slots=True)
class AdviceReport:
    findings: tuple[Finding, ...]
    unasked: tuple[tuple[str, ErrorInfo], ...] = ()
    """Sources that could not be asked, and why."""

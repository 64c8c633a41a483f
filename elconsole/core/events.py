"""What happened during a sync, as frozen values that any observer may keep.

Counts are totals so far, never increments: a lost event loses no row.
Times are aware datetimes in UTC, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from elconsole.core.record import record
from elconsole.core.types import ErrorInfo, Mode, RunStatus, SchemaChange, Strategy, TableStatus

if TYPE_CHECKING:
    from elconsole.core.results import RunDetail


@record(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events share."""

    kind: ClassVar[str] = "event"

    run_id: str
    at: datetime


@record(frozen=True, slots=True, kw_only=True)
class TableEvent(Event):
    """An event of one table of a run."""

    source: str
    table: str
    target: str


@record(frozen=True, slots=True, kw_only=True)
class SyncStarted(Event):
    """A run began; its tables are known."""

    kind: ClassVar[str] = "sync_started"

    run_number: int | None
    mode: str
    tables: tuple[tuple[str, str], ...]
    """Source and table names, as the run lists them."""
    planned: RunDetail | None = None
    """The run and each table as planned; None where only the names are told."""


@record(frozen=True, slots=True, kw_only=True)
class TableStarted(TableEvent):
    """A worker took a table."""

    kind: ClassVar[str] = "table_started"

    mode: Mode
    strategy: Strategy
    attempt: int
    rows_estimated: int | None
    """From the source's statistics; None where it has none."""
    schema_changes: tuple[SchemaChange, ...] = ()
    notes: tuple[str, ...] = ()
    """What the plan of this attempt had to say."""


@record(frozen=True, slots=True, kw_only=True)
class ProgressMade(TableEvent):
    """Rows and bytes so far."""

    kind: ClassVar[str] = "progress"

    rows_read: int
    bytes_total: int
    rows_estimated: int | None


@record(frozen=True, slots=True, kw_only=True)
class DataExtracted(TableEvent):
    """The source's last byte arrived; its transaction is over."""

    kind: ClassVar[str] = "data_extracted"

    rows_read: int
    bytes_total: int
    extract_seconds: float
    columns: tuple[str, ...]


@record(frozen=True, slots=True, kw_only=True)
class DataLoaded(TableEvent):
    """The table's new content is published: every reader sees it."""

    kind: ClassVar[str] = "data_loaded"

    mode: Mode
    strategy: Strategy
    rows_read: int
    rows_written: int
    """Rows written to the raw table."""
    rows_deleted: int
    bytes_total: int
    extract_seconds: float
    load_seconds: float
    duration_seconds: float
    generation: int
    columns: tuple[str, ...]
    quality_flags: Mapping[str, int] = field(default_factory=dict)
    """Units `passed` and `failed` in the published table; empty where it has no status."""
    notes: tuple[str, ...] = ()
    """What the plan, and the sync once it saw the source, had to say."""
    rows_marked: int = 0
    """Rows found gone from the source and kept, with the time."""
    versions: int = 0
    """Versions of rows opened in the table's history."""


@record(frozen=True, slots=True, kw_only=True)
class TableFailed(TableEvent):
    """The table was not published; its old rows stand. `status` tells failed from
    locked, skipped (vetoed) and cancelled."""

    kind: ClassVar[str] = "table_failed"

    status: TableStatus
    attempt: int
    error: ErrorInfo
    will_retry: bool = False


@record(frozen=True, slots=True, kw_only=True)
class SchemaChanged(TableEvent):
    """The source's columns differ from the raw table's; what was done about it."""

    kind: ClassVar[str] = "schema_changed"

    changes: tuple[SchemaChange, ...]


@record(frozen=True, slots=True, kw_only=True)
class QualitySignal(TableEvent):
    """A pass rate left its control limits or ran against a rule."""

    kind: ClassVar[str] = "quality_signal"

    dimension: str
    value: str
    period: str
    rule: int
    pass_rate: float
    finding: str


@record(frozen=True, slots=True, kw_only=True)
class SyncCompleted(Event):
    """A run ended."""

    kind: ClassVar[str] = "sync_complete"

    run_number: int | None
    status: RunStatus
    rows_read: int
    rows_written: int
    bytes_total: int
    tables_failed: int
    duration_seconds: float


Emit = Callable[[Event], None]
"""Takes each event, in the thread in which it happened; must be quick and never raise."""

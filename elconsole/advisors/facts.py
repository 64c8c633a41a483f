"""What the advisors judge, and the arithmetic they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

from elconsole.core.record import record
from elconsole.core.results import QualityTable, UnfedTable
from elconsole.core.types import Mode, SchemaChange, Strategy

LARGE_ROWS = 100_000
"""Below it no way of loading is worth a thought."""
SLOW_S = 10.0
ENOUGH_RUNS = 5
LEAST_CHANGE = 0.2
_LEAST_HISTORY_DAYS = 0.5
"""Growth seen over less time than this says nothing of days."""


@record(frozen=True, slots=True, kw_only=True)
class PastLoad:
    """One successful load of a table."""

    finished_at: datetime
    strategy: Strategy
    rows_read: int
    rows_written: int
    rows_deleted: int = 0
    bytes: int = 0
    extract_seconds: float = 0.0
    duration_seconds: float = 0.0


@record(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What is known of one table."""

    source: str
    table: str
    target: str
    argument: str
    """What selects it on a command line, as a shell takes it."""
    sql_name: str
    """How SQL of its source names it."""
    mode: Mode
    strategy: Strategy
    primary_key: tuple[str, ...] = ()
    cursor: str | None = None
    cursor_indexed: bool | None = None
    """None: no cursor, or not known."""
    rows: int | None = None
    """Rows of the raw table; None: not known."""
    raw_scans: int = 0
    """Scans of the whole raw table since its statistics began, ours included."""
    time_column: str | None = None
    time_indexed: bool = False
    loads: tuple[PastLoad, ...] = ()
    """Newest first."""
    drift: tuple[SchemaChange, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.source}.{self.table}"


@record(frozen=True, slots=True, kw_only=True)
class RefusedTable:
    """A table that no sync can take as source and settings stand."""

    source: str
    table: str
    kind: str
    message: str
    hint: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the advisors judge, all at one time."""

    now: datetime
    tables: tuple[TableFacts, ...] = ()
    refused: tuple[RefusedTable, ...] = ()
    unfed: tuple[UnfedTable, ...] = ()
    quality: tuple[QualityTable, ...] = ()
    workers: int = 4
    cores: int = 1
    last_run_seconds: float | None = None


def interval_s(loads: Sequence[PastLoad]) -> float:
    """Seconds between loads (newest first) that keep a rhythm, as a timer's do; else 0."""
    gaps = [
        (after.finished_at - before.finished_at).total_seconds()
        for after, before in pairwise(loads)
    ]
    if len(gaps) < ENOUGH_RUNS - 1:
        return 0.0
    middle = median(gaps)
    regular = [gap for gap in gaps if abs(gap - middle) <= LEAST_CHANGE * middle]
    return middle if len(regular) >= 0.8 * len(gaps) else 0.0


def rows_per_day(table: TableFacts) -> float | None:
    """How fast the table grows, by its full loads."""
    return _growth_per_day(table, lambda load: load.rows_written)


def bytes_per_day(table: TableFacts) -> float | None:
    """How fast the warehouse grows by it."""
    return _growth_per_day(table, lambda load: load.bytes)


def _growth_per_day(table: TableFacts, size: Callable[[PastLoad], int]) -> float | None:
    """Between the oldest and the newest full load; None where they lie too close for that."""
    full = [load for load in table.loads if load.strategy == "full"]
    if len(full) < 2:
        return None
    days = (full[0].finished_at - full[-1].finished_at).total_seconds() / 86400
    return (size(full[0]) - size(full[-1])) / days if days >= _LEAST_HISTORY_DAYS else None


def is_large(table: TableFacts) -> bool:
    return (table.rows or 0) >= LARGE_ROWS

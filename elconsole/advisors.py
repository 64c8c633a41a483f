"""Four advisors: pure rules over what the ledger, the catalogs and the pass rates say.

Each finding states its numbers and the command that acts on it. Thresholds are chosen so
that a healthy plant hears nothing: advice that is always there is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from elconsole.api import Finding, QualityTable
from elconsole.api_types import Mode, SchemaChange, Strategy
from elconsole.record import record

LARGE_ROWS = 100_000
"""Below it no way of loading is worth a thought."""
SLOW_S = 10.0
ENOUGH_RUNS = 5
_OUTLIER_MADS = 5.0
_MAD_TO_SIGMA = 1.4826
"""Scales the median absolute deviation to a normal standard deviation."""
_LEAST_CHANGE = 0.2
_FEW_CHANGES = 0.05
_MOST_CHANGES = 0.5
_DAYS_AHEAD = 30
_LEAST_HISTORY_DAYS = 0.5
"""Growth seen over less time than this says nothing of days."""
_RAW_SCANS = 100
_RAW_SCAN_ROWS = 1_000_000


@record(frozen=True, slots=True, kw_only=True)
class PastLoad:
    """One successful load of a table."""

    finished_at: datetime
    strategy: Strategy
    rows_extracted: int
    rows_loaded: int
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
    quality: tuple[QualityTable, ...] = ()
    workers: int = 4
    cores: int = 1
    last_run_seconds: float | None = None


def advise(facts: Facts) -> tuple[Finding, ...]:
    """Everything the four advisors find, in their order."""
    return tuple(finding for advisor in ADVISORS for finding in advisor(facts))


def data_quality(facts: Facts) -> Iterator[Finding]:
    """Pass rates out of control, statuses nobody counts as passed, extractions unlike others."""
    for table in facts.quality:
        yield from _signals(table)
        yield from _never_passed(table)
    for one in facts.tables:
        yield from _unusual_load(one)


def schema_monitor(facts: Facts) -> Iterator[Finding]:
    """Columns that came, went or changed in a source, and settings that no longer fit it."""
    for refused in facts.refused:
        yield Finding(
            advisor="schema monitor",
            subject=f"{refused.source}.{refused.table}",
            finding=f"no sync can take it: {refused.message}",
            evidence={"error": refused.kind},
            command=refused.hint or f"elconsole sync {refused.source} --dry-run",
        )
    yield from _missing_quality_columns(facts.quality)
    for table in facts.tables:
        if not table.drift:
            continue
        words = ", ".join(f"{change.column} {change.change}" for change in table.drift)
        blocking = [change for change in table.drift if change.change == "type_changed"]
        dropped = [change for change in table.drift if change.change == "dropped"]
        command = f"elconsole --headless sync {table.name}"
        if blocking or dropped:
            command += " --full"
        yield Finding(
            advisor="schema monitor",
            subject=table.name,
            finding=f"its columns changed in the source: {words}",
            evidence={
                change.column: {
                    "change": change.change,
                    "source_type": change.source_type,
                    "target_type": change.target_type,
                    "next_sync": change.action,
                }
                for change in table.drift
            },
            command=command,
        )


def load_optimizer(facts: Facts) -> Iterator[Finding]:
    """Loads that could be faster."""
    for table in facts.tables:
        yield from _missing_cursor_index(table)
        yield from _scan_bound(table)
        yield from _load_bound(table)
        yield from _should_be_incremental(table)
        yield from _raw_index(table)
    yield from _too_few_workers(facts)


def sync_scheduler(facts: Facts) -> Iterator[Finding]:
    """How often to sync, from how much changes and how long it takes."""
    for table in facts.tables:
        if len(table.loads) >= ENOUGH_RUNS:
            yield from _idle_syncs(table)
            yield from _back_to_back(table)
            yield from _outgrowing(table)
            yield from _overdue(table, facts.now)
            yield from _should_be_full(table)


ADVISORS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    data_quality,
    schema_monitor,
    load_optimizer,
    sync_scheduler,
)


def _missing_quality_columns(tables: Sequence[QualityTable]) -> Iterator[Finding]:
    """Once for each reason, however many dimensions it befell."""
    reasons = {
        (table.source, table.table, table.error)
        for table in tables
        if table.error is not None and table.error.kind == "missing_column"
    }
    for source, table, error in sorted(reasons, key=str):
        yield Finding(
            advisor="schema monitor",
            subject=f"{source}.{table}",
            finding=f"it has no pass rates: {error.message}",
            evidence={"error": error.kind},
            command=error.hint or f"elconsole quality {source}",
        )


def _signals(table: QualityTable) -> Iterator[Finding]:
    for row in table.rows:
        if row.judged == "signal" and row.signal:
            yield Finding(
                advisor="data quality",
                subject=f"{table.source}.{table.table} {table.dimension} {row.value}",
                finding=f"its pass rate is out of control: {row.signal}",
                evidence={
                    "rules": list(row.rules),
                    "period": row.signal_period,
                    "pass_rate": row.signal_pass_rate,
                    "center": row.center,
                    "top_defect": row.top_defect,
                    "top_defect_share": row.top_defect_share,
                },
                command=f"elconsole quality {table.source} --by {table.dimension} --period day",
            )


def _never_passed(table: QualityTable) -> Iterator[Finding]:
    total = table.total
    if total is not None and total.inspected >= 20 and not total.passed:
        yield Finding(
            advisor="data quality",
            subject=f"{table.source}.{table.table}",
            finding="not one unit passed: quality.passed may name other values than the status has",
            evidence={"inspected": total.inspected, "passed": 0},
            command=f"elconsole quality {table.source} --by {table.dimension}",
        )


def _unusual_load(table: TableFacts) -> Iterator[Finding]:
    """The newest load against those of its own kind before it."""
    if not table.loads:
        return
    newest = table.loads[0]
    before = [load for load in table.loads[1:] if load.strategy == newest.strategy]
    measured: tuple[tuple[str, Callable[[PastLoad], float]], ...] = (
        ("rows extracted", lambda load: float(load.rows_extracted)),
        ("seconds", lambda load: load.duration_seconds),
    )
    for name, value in measured:
        usual = [value(load) for load in before]
        if len(usual) < ENOUGH_RUNS or not _outlier(value(newest), usual):
            continue
        # How many rows changed, and how fast a small load was, vary for no reason.
        if name == "rows extracted" and newest.strategy != "full":
            continue
        if name == "seconds" and value(newest) < SLOW_S:
            continue
        middle = median(usual)
        yield Finding(
            advisor="data quality",
            subject=table.name,
            finding=f"{name} of the last load are unusual: {value(newest):,.0f},"
            f" usually about {middle:,.0f}",
            evidence={"last": value(newest), "median": middle, "loads": len(usual)},
            command=f"elconsole --headless reconcile {table.name}",
        )


def _outlier(value: float, usual: Sequence[float]) -> bool:
    """Far from the median, both against its usual spread and in proportion."""
    middle = median(usual)
    spread = median(abs(one - middle) for one in usual) * _MAD_TO_SIGMA
    distance = abs(value - middle)
    return distance > _OUTLIER_MADS * spread and distance > _LEAST_CHANGE * max(middle, 1.0)


def _missing_cursor_index(table: TableFacts) -> Iterator[Finding]:
    if table.cursor is None or table.cursor_indexed is not False or not _large(table):
        return
    newest = table.loads[0] if table.loads else None
    yield Finding(
        advisor="load optimizer",
        subject=table.name,
        finding=f"the cursor {table.cursor} has no index in the source: every sync scans the table",
        evidence={
            "rows": table.rows,
            "extract_seconds": newest.extract_seconds if newest else None,
        },
        command=f"CREATE INDEX CONCURRENTLY ON {_bare(table)} ({_quoted(table.cursor)})"
        f"  -- in {table.source}",
    )


def _scan_bound(table: TableFacts) -> Iterator[Finding]:
    """Few rows found in a long scan: only an indexed cursor avoids it."""
    recent = table.loads[:3]
    if table.strategy != "xmin" or len(recent) < 3 or not _large(table):
        return
    rows = table.rows or 1
    seconds = median(load.extract_seconds for load in recent)
    changed = median(load.rows_extracted for load in recent)
    if seconds >= SLOW_S and changed < _FEW_CHANGES * rows:
        yield Finding(
            advisor="load optimizer",
            subject=table.name,
            finding=f"finding {changed:,.0f} changed rows takes {seconds:.0f} s of scanning the"
            f" source: an indexed cursor with a lookback reads only those",
            evidence={"rows": rows, "rows_extracted": changed, "extract_seconds": seconds},
            command=f'set strategy = "cursor" in [sources.{table.source}.table.{table.table}]',
        )


def _load_bound(table: TableFacts) -> Iterator[Finding]:
    """Most of the time goes by after the last byte came: keys and indexes are built."""
    recent = [load for load in table.loads[:3] if load.strategy == "full"]
    if len(recent) < 3:
        return
    total = median(load.duration_seconds for load in recent)
    after = median(load.duration_seconds - load.extract_seconds for load in recent)
    if total >= 6 * SLOW_S and after > 0.6 * total:
        yield Finding(
            advisor="load optimizer",
            subject=table.name,
            finding=f"{after:.0f} of {total:.0f} s pass after the last byte came: the raw table's"
            " indexes are built then",
            evidence={"duration_seconds": total, "seconds_after_extract": after},
            command=f"\\d {table.target}  -- drop indexes nobody uses",
        )


def _should_be_incremental(table: TableFacts) -> Iterator[Finding]:
    """A large table read in full again and again while hardly growing."""
    recent = table.loads[:4]
    if table.mode != "full" or not table.primary_key or len(recent) < 4 or not _large(table):
        return
    seconds = median(load.duration_seconds for load in recent)
    grown = [
        abs(after.rows_loaded - before.rows_loaded) / max(before.rows_loaded, 1)
        for after, before in pairwise(recent)
    ]
    if seconds >= SLOW_S and max(grown) < _FEW_CHANGES:
        yield Finding(
            advisor="load optimizer",
            subject=table.name,
            finding=f"each full refresh reads {recent[0].rows_extracted:,} rows in {seconds:.0f} s"
            f" and the table grows by at most {max(grown):.1%}: incremental reads what changed",
            evidence={
                "rows": recent[0].rows_loaded,
                "duration_seconds": seconds,
                "largest_growth": max(grown),
                "primary_key": list(table.primary_key),
            },
            command=f'set mode = "incremental" in [sources.{table.source}.table.{table.table}]',
        )


def _raw_index(table: TableFacts) -> Iterator[Finding]:
    if table.time_column is None or table.time_indexed or (table.rows or 0) < _RAW_SCAN_ROWS:
        return
    # Each sync scans the table once or twice itself.
    scans = table.raw_scans - 2 * len(table.loads)
    if scans >= _RAW_SCANS:
        yield Finding(
            advisor="load optimizer",
            subject=table.target,
            finding=f"readers scanned all {table.rows or 0:,} rows {scans:,} times:"
            f" a small index on {table.time_column} serves queries for recent rows",
            evidence={"scans": scans, "rows": table.rows},
            command=f"CREATE INDEX ON {_quoted_target(table.target)}"
            f" USING brin ({_quoted(table.time_column)})  -- in the warehouse",
        )


def _too_few_workers(facts: Facts) -> Iterator[Finding]:
    useful = min(facts.cores, len(facts.tables))
    slow = facts.last_run_seconds is not None and facts.last_run_seconds >= 6 * SLOW_S
    if slow and facts.workers < useful:
        yield Finding(
            advisor="load optimizer",
            subject="workers",
            finding=f"{facts.workers} workers sync {len(facts.tables)} tables where"
            f" {facts.cores} cores could work",
            evidence={
                "workers": facts.workers,
                "tables": len(facts.tables),
                "cores": facts.cores,
                "last_run_seconds": facts.last_run_seconds,
            },
            command=f"set workers = {useful}",
        )


def _idle_syncs(table: TableFacts) -> Iterator[Finding]:
    """Most syncs find nothing."""
    recent = [load for load in table.loads[:20] if load.strategy != "full"]
    if len(recent) < 2 * ENOUGH_RUNS:
        return
    idle = [load for load in recent if not load.rows_loaded and not load.rows_deleted]
    interval = _interval_s(recent)
    if len(idle) >= 0.8 * len(recent) and interval > 0:
        calmer = interval * len(recent) / max(1, len(recent) - len(idle))
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"{len(idle)} of the last {len(recent)} syncs found nothing to load:"
            f" every {_span(calmer)} would do",
            evidence={"idle": len(idle), "syncs": len(recent), "interval_seconds": interval},
            command=f'auto_sync = "{_span(calmer)}", or that interval in cron',
        )


def _back_to_back(table: TableFacts) -> Iterator[Finding]:
    """A sync takes most of the time until the next one."""
    interval = _interval_s(table.loads[:20])
    seconds = median(load.duration_seconds for load in table.loads[:20])
    if interval > 0 and seconds >= SLOW_S and seconds > 0.5 * interval:
        calmer = 4 * seconds
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"a sync takes {seconds:.0f} s and the next begins every {interval:.0f} s:"
            f" sync every {_span(calmer)}" + (", or incrementally" if table.mode == "full" else ""),
            evidence={
                "duration_seconds": seconds,
                "interval_seconds": interval,
                "rows_loaded_per_day": _rows_per_day(table),
            },
            command=f'auto_sync = "{_span(calmer)}", or that interval in cron',
        )


def _outgrowing(table: TableFacts) -> Iterator[Finding]:
    """A full refresh whose table grows: soon it will not be done before the next one."""
    full = [load for load in table.loads if load.strategy == "full"]
    interval, growth = _interval_s(full), _rows_per_day(table)
    if table.mode != "full" or not interval or not growth or growth <= 0:
        return
    seconds = median(load.duration_seconds for load in full[:3])
    if seconds < SLOW_S or seconds > _MOST_CHANGES * interval or not full[0].rows_loaded:
        return
    rows = full[0].rows_loaded
    days = (_MOST_CHANGES * interval * rows / seconds - rows) / growth
    if days <= _DAYS_AHEAD:
        calmer = 4 * seconds
        way = "incremental" if table.primary_key else f"every {_span(calmer)}"
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"it grows by {growth:,.0f} rows a day: in {max(days, 1):.0f} days a full"
            f" refresh will take half the {_span(interval)} between syncs; make it {way}",
            evidence={
                "rows": rows,
                "rows_per_day": growth,
                "bytes_per_day": _bytes_per_day(table),
                "duration_seconds": seconds,
                "interval_seconds": interval,
                "days_left": days,
            },
            command=f'set mode = "incremental" in [sources.{table.source}.table.{table.table}]'
            if table.primary_key
            else f'auto_sync = "{_span(calmer)}", or that interval in cron',
        )


def _overdue(table: TableFacts, now: datetime) -> Iterator[Finding]:
    """The rhythm broke off."""
    interval = _interval_s(table.loads[:20])
    age = (now - table.loads[0].finished_at).total_seconds()
    if interval >= 60 and age > max(5 * interval, 3600.0):
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"it used to be synced every {_span(interval)} and was not for {_span(age)}",
            evidence={"interval_seconds": interval, "age_seconds": age},
            command=f"elconsole --headless sync {table.name}",
        )


def _should_be_full(table: TableFacts) -> Iterator[Finding]:
    """An incremental sync that rewrites most of the table each time."""
    recent = [load for load in table.loads[:3] if load.strategy != "full"]
    if table.mode != "incremental" or len(recent) < 3 or not _large(table):
        return
    rows = table.rows or 1
    changed = min(load.rows_loaded for load in recent)
    if changed > _MOST_CHANGES * rows:
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"each sync rewrites {changed:,} of {rows:,} rows: a full refresh is faster"
            " and leaves no dead rows",
            evidence={"rows": rows, "rows_loaded": changed, "syncs": len(recent)},
            command=f'set mode = "full" in [sources.{table.source}.table.{table.table}]',
        )


def _interval_s(loads: Sequence[PastLoad]) -> float:
    """Seconds between loads (newest first) that keep a rhythm, as a timer's do; else 0."""
    gaps = [
        (after.finished_at - before.finished_at).total_seconds()
        for after, before in pairwise(loads)
    ]
    if len(gaps) < ENOUGH_RUNS - 1:
        return 0.0
    middle = median(gaps)
    regular = [gap for gap in gaps if abs(gap - middle) <= _LEAST_CHANGE * middle]
    return middle if len(regular) >= 0.8 * len(gaps) else 0.0


def _rows_per_day(table: TableFacts) -> float | None:
    """How fast the table grows, by its full loads."""
    return _growth_per_day(table, lambda load: load.rows_loaded)


def _bytes_per_day(table: TableFacts) -> float | None:
    """How fast the warehouse grows by it."""
    return _growth_per_day(table, lambda load: load.bytes)


def _growth_per_day(table: TableFacts, size: Callable[[PastLoad], int]) -> float | None:
    """Between the oldest and the newest full load; None where they lie too close for that."""
    full = [load for load in table.loads if load.strategy == "full"]
    if len(full) < 2:
        return None
    days = (full[0].finished_at - full[-1].finished_at).total_seconds() / 86400
    return (size(full[0]) - size(full[-1])) / days if days >= _LEAST_HISTORY_DAYS else None


def _large(table: TableFacts) -> bool:
    return (table.rows or 0) >= LARGE_ROWS


def _span(seconds: float) -> str:
    """A duration that settings accept: 90s, 15m, 6h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{max(1, round(seconds))}s"


def _bare(table: TableFacts) -> str:
    return ".".join(_quoted(part) for part in table.table.split("."))


def _quoted_target(target: str) -> str:
    schema, _, name = target.partition(".")
    return f"{_quoted(schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def evidence_words(finding: Finding) -> str:
    """The numbers of a finding in one line."""
    return ", ".join(f"{name} {_word(value)}" for name, value in finding.evidence.items())


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_word(inner)}" for name, inner in value.items()) + ")"
    if isinstance(value, list):
        return " and ".join(_word(inner) for inner in value)
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

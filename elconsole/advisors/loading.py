"""Loads that could be faster."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from elconsole.advisors.facts import SLOW_S, Facts, TableFacts, is_large
from elconsole.advisors.words import block_of, quoted_target
from elconsole.core.quoting import printable_identifier
from elconsole.core.results import Finding

_FEW_CHANGES = 0.05
_RAW_SCANS = 100
_RAW_SCAN_ROWS = 1_000_000


def load_optimizer(facts: Facts) -> Iterator[Finding]:
    """Loads that could be faster."""
    for table in facts.tables:
        yield from _missing_cursor_index(table)
        yield from _scan_bound(table)
        yield from _load_bound(table)
        yield from _should_be_incremental(table)
        yield from _raw_index(table)
    yield from _too_few_workers(facts)


def _missing_cursor_index(table: TableFacts) -> Iterator[Finding]:
    if table.cursor is None or table.cursor_indexed is not False or not is_large(table):
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
        command=f"CREATE INDEX CONCURRENTLY ON {table.sql_name}"
        f" ({printable_identifier(table.cursor)})"
        f"  -- in {table.source}",
    )


def _scan_bound(table: TableFacts) -> Iterator[Finding]:
    """Few rows found in a long scan: only an indexed cursor avoids it."""
    recent = table.loads[:3]
    if table.strategy != "xmin" or len(recent) < 3 or not is_large(table):
        return
    rows = table.rows or 1
    seconds = median(load.extract_seconds for load in recent)
    changed = median(load.rows_read for load in recent)
    if seconds >= SLOW_S and changed < _FEW_CHANGES * rows:
        yield Finding(
            advisor="load optimizer",
            subject=table.name,
            finding=f"finding {changed:,.0f} changed rows takes {seconds:.0f} s of scanning the"
            f" source: an indexed cursor with a lookback reads only those",
            evidence={"rows": rows, "rows_extracted": changed, "extract_seconds": seconds},
            command=f'set strategy = "cursor" in {block_of(table)}',
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
            " indexes are built then; drop those that nobody uses",
            evidence={"duration_seconds": total, "seconds_after_extract": after},
            command=f"\\d {quoted_target(table.target)}",
        )


def _should_be_incremental(table: TableFacts) -> Iterator[Finding]:
    """A large table read in full again and again while hardly growing."""
    recent = table.loads[:4]
    if table.mode != "full" or not table.primary_key or len(recent) < 4 or not is_large(table):
        return
    seconds = median(load.duration_seconds for load in recent)
    grown = [
        abs(after.rows_written - before.rows_written) / max(before.rows_written, 1)
        for after, before in pairwise(recent)
    ]
    if seconds >= SLOW_S and max(grown) < _FEW_CHANGES:
        yield Finding(
            advisor="load optimizer",
            subject=table.name,
            finding=f"each full refresh reads {recent[0].rows_read:,} rows in {seconds:.0f} s"
            f" and the table grows by at most {max(grown):.1%}: incremental reads what changed",
            evidence={
                "rows": recent[0].rows_written,
                "duration_seconds": seconds,
                "largest_growth": max(grown),
                "primary_key": list(table.primary_key),
            },
            command=f'set mode = "incremental" in {block_of(table)}',
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
            command=f"CREATE INDEX ON {quoted_target(table.target)}"
            f" USING brin ({printable_identifier(table.time_column)})  -- in the warehouse",
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

"""How often to sync, from how much changes and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median

from elconsole.advisors.facts import (
    ENOUGH_RUNS,
    SLOW_S,
    Facts,
    TableFacts,
    bytes_per_day,
    interval_s,
    is_large,
    rows_per_day,
)
from elconsole.advisors.words import block_of, span
from elconsole.core.results import Finding

_MOST_CHANGES = 0.5
_DAYS_AHEAD = 30


def sync_scheduler(facts: Facts) -> Iterator[Finding]:
    """How often to sync, from how much changes and how long it takes."""
    for table in facts.tables:
        if len(table.loads) >= ENOUGH_RUNS:
            yield from _idle_syncs(table)
            yield from _back_to_back(table)
            yield from _outgrowing(table)
            yield from _overdue(table, facts.now)
            yield from _should_be_full(table)


def _idle_syncs(table: TableFacts) -> Iterator[Finding]:
    """Most syncs find nothing."""
    recent = [load for load in table.loads[:20] if load.strategy != "full"]
    if len(recent) < 2 * ENOUGH_RUNS:
        return
    idle = [load for load in recent if not load.rows_written and not load.rows_deleted]
    interval = interval_s(recent)
    if len(idle) >= 0.8 * len(recent) and interval > 0:
        calmer = interval * len(recent) / max(1, len(recent) - len(idle))
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"{len(idle)} of the last {len(recent)} syncs found nothing to load:"
            f" every {span(calmer)} would do",
            evidence={"idle": len(idle), "syncs": len(recent), "interval_seconds": interval},
            command=f'auto_sync = "{span(calmer)}", or that interval in cron',
        )


def _back_to_back(table: TableFacts) -> Iterator[Finding]:
    """A sync takes most of the time until the next one."""
    interval = interval_s(table.loads[:20])
    seconds = median(load.duration_seconds for load in table.loads[:20])
    if interval > 0 and seconds >= SLOW_S and seconds > 0.5 * interval:
        calmer = 4 * seconds
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"a sync takes {seconds:.0f} s and the next begins every {interval:.0f} s:"
            f" sync every {span(calmer)}" + (", or incrementally" if table.mode == "full" else ""),
            evidence={
                "duration_seconds": seconds,
                "interval_seconds": interval,
                "rows_loaded_per_day": rows_per_day(table),
            },
            command=f'auto_sync = "{span(calmer)}", or that interval in cron',
        )


def _outgrowing(table: TableFacts) -> Iterator[Finding]:
    """A full refresh whose table grows: soon it will not be done before the next one."""
    full = [load for load in table.loads if load.strategy == "full"]
    interval, growth = interval_s(full), rows_per_day(table)
    if table.mode != "full" or not interval or not growth or growth <= 0:
        return
    seconds = median(load.duration_seconds for load in full[:3])
    if seconds < SLOW_S or seconds > _MOST_CHANGES * interval or not full[0].rows_written:
        return
    rows = full[0].rows_written
    days = (_MOST_CHANGES * interval * rows / seconds - rows) / growth
    if days <= _DAYS_AHEAD:
        calmer = 4 * seconds
        way = "incremental" if table.primary_key else f"every {span(calmer)}"
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"it grows by {growth:,.0f} rows a day: in {max(days, 1):.0f} days a full"
            f" refresh will take half the {span(interval)} between syncs; make it {way}",
            evidence={
                "rows": rows,
                "rows_per_day": growth,
                "bytes_per_day": bytes_per_day(table),
                "duration_seconds": seconds,
                "interval_seconds": interval,
                "days_left": days,
            },
            command=f'set mode = "incremental" in {block_of(table)}'
            if table.primary_key
            else f'auto_sync = "{span(calmer)}", or that interval in cron',
        )


def _overdue(table: TableFacts, now: datetime) -> Iterator[Finding]:
    """The rhythm broke off."""
    interval = interval_s(table.loads[:20])
    age = (now - table.loads[0].finished_at).total_seconds()
    if interval >= 60 and age > max(5 * interval, 3600.0):
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"it used to be synced every {span(interval)} and was not for {span(age)}",
            evidence={"interval_seconds": interval, "age_seconds": age},
            command=f"elconsole --headless sync {table.argument}",
        )


def _should_be_full(table: TableFacts) -> Iterator[Finding]:
    """An incremental sync that rewrites most of the table each time."""
    recent = [load for load in table.loads[:3] if load.strategy != "full"]
    if table.mode != "incremental" or len(recent) < 3 or not is_large(table):
        return
    rows = table.rows or 1
    changed = min(load.rows_written for load in recent)
    if changed > _MOST_CHANGES * rows:
        yield Finding(
            advisor="sync scheduler",
            subject=table.name,
            finding=f"each sync rewrites {changed:,} of {rows:,} rows: a full refresh is faster"
            " and leaves no dead rows",
            evidence={"rows": rows, "rows_loaded": changed, "syncs": len(recent)},
            command=f'set mode = "full" in {block_of(table)}',
        )

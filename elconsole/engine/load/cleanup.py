"""After the rows are published: the lock, the old leaf, statistics, units still to count."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import psycopg

from elconsole.core.errors import ElconsoleError
from elconsole.core.quoting import qualified
from elconsole.engine.load.context import LoadContext, LoadResult
from elconsole.engine.plan.task import known_target
from elconsole.engine.publish import storage
from elconsole.engine.publish.lock import TableLock
from elconsole.engine.quality.daily import COUNTS_BYTES, store_daily_counts

ANALYZE_SHARE = 0.1
LOG = logging.getLogger("elconsole.engine")


def tidy(
    context: LoadContext, result: LoadResult, lock: TableLock, old_leaf: str | None
) -> LoadResult:
    """After the rows are published: let the lock go, unlink the old leaf, refresh the
    planner's statistics, count the units where that is still to be done.

    Nothing here can fail the table: what is left over, the next sync removes."""
    session, flags = context.warehouse, known_flags(context, result)
    unlock = [lock.release] if lock.held and flags is not None else []
    rest = analyze(context, result)
    try:
        with session.attended(context.stall_timeout_s):
            if old_leaf and storage.try_drop(
                session, "; ".join([*unlock, storage.drop_leaf(old_leaf), *rest])
            ):
                rest = []
            elif not old_leaf:
                rest = [*unlock, *rest]
            if rest:
                session.execute("; ".join(rest).encode())
        lock.held = lock.held and not unlock
        if flags is None and context.quality is not None:
            content = known_target(context.task).content_run_id
            version = context.run_id if result.changed else content
            with session.answering(COUNTS_BYTES):
                flags = store_daily_counts(session, context.quality.of_content(version))
    except (psycopg.Error, ElconsoleError) as error:
        task = context.task
        LOG.warning("%s.%s: published, but not tidied: %s", task.source, task.label, error)
    return replace(result, quality_flags=flags or {})


def analyze(context: LoadContext, result: LoadResult) -> list[str]:
    """SQL for the planner's statistics of the parent, where so many rows changed.

    Autovacuum sees to the leaf, but never to a partitioned parent."""
    task, target = context.task, known_target(context.task)
    before = target.analyzed_rows
    if before is not None and abs(result.row_count - before) <= ANALYZE_SHARE * max(before, 1):
        return []
    only = "ONLY " if context.warehouse.info.server_version >= 180000 else ""
    return [
        f"ANALYZE {only}{qualified(task.target_schema, task.target_name)}",
        f"UPDATE elconsole.targets SET analyzed_rows = {result.row_count}"
        f" WHERE target_id = {target.target_id}",
    ]


def known_flags(context: LoadContext, result: LoadResult) -> Mapping[str, int] | None:
    """Units passed and failed: as the merge counted them, or as they were. None: to count,
    since rows or what a unit is changed."""
    target = known_target(context.task)
    if context.quality is None or result.quality_flags:
        return result.quality_flags
    # Without a version they were too many combinations to store, and still are.
    standing = context.quality.of_content(target.content_run_id).stored_version
    if (
        not result.changed
        and target.units_passed is not None
        and target.units_version in (None, standing)
    ):
        return {"passed": target.units_passed, "failed": target.units_failed or 0}
    return None

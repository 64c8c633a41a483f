"""One table, one way: extract, load, prove, publish. Either all of it is visible or none.

A load holds the table's advisory lock on the warehouse session from before the watermark
is read until after the new rows are published; the lock dies with the session, so a killed
client leaves none.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from elconsole.engine.connect.answers import truth, values_of
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S
from elconsole.engine.extract import rows
from elconsole.engine.extract.snapshot import (
    FullRefreshNeeded,
    Snapshot,
    begin_snapshot,
    check_continuity,
)
from elconsole.engine.load.context import LoadContext, LoadResult
from elconsole.engine.load.incremental import merge_changes
from elconsole.engine.load.refresh import may_begin_at_once, refresh, refresh_at_once
from elconsole.engine.plan.task import known_target
from elconsole.engine.publish.lock import TableLock

MOST_READ_AGAIN = 0.2
"""Share of a table's rows above which a refresh costs less than to merge them."""
FEW_ROWS = 1000
"""Of which no more need be said."""
LOG = logging.getLogger("elconsole.engine")


def load_table(context: LoadContext) -> LoadResult:
    """Load a table's new rows and move its watermark, or do neither.

    Raises the `elconsole.core.errors` of whichever side failed, or NotAtOnce before it did
    anything; on any error the sessions are left for the caller to throw away."""
    lock = TableLock(context.warehouse, context.task, context.run_id)
    with context.warehouse.translated():
        if may_begin_at_once(context):
            result = refresh_at_once(context, lock)
        else:
            with context.warehouse.within(CATALOG_TIMEOUT_S):
                lock.take()
            result = _attempt(context, lock)
        lock.let_go()
        return result


def _attempt(context: LoadContext, lock: TableLock) -> LoadResult:
    task, source = context.task, context.source
    with source.translated():
        snapshot = begin_snapshot(source, task, context.hash_salt)
        if task.follows_cursor:
            snapshot = _with_cursor(context, snapshot)
    if task.strategy != "full":
        try:
            check_continuity(task, snapshot)
            _check_reread(context)
        except FullRefreshNeeded as reason:
            LOG.warning("%s.%s: full refresh: %s", task.source, task.label, reason)
            context = replace(context, task=task.as_full(str(reason)))
    if context.task.strategy == "full":
        return refresh(context, snapshot, lock)
    return merge_changes(context, snapshot, lock)


def _check_reread(context: LoadContext) -> None:
    """Raise FullRefreshNeeded where a new column makes a merge read so much of the table again
    that it would cost more, and leave more dead rows, than a refresh."""
    task, source = context.task, context.source
    most = round(MOST_READ_AGAIN * (known_target(task).row_count or 0))
    query = rows.reread_statement(task, most) if most >= FEW_ROWS else None
    if query is None:
        return
    with source.translated(), source.attended(context.stall_timeout_s):
        row = source.execute(query.encode()).fetchone()
        (is_more,) = values_of(row, 1)
    if truth(is_more):
        raise FullRefreshNeeded("more than a fifth of its rows have a value in a new column")


def _with_cursor(context: LoadContext, snapshot: Snapshot) -> Snapshot:
    task = context.task
    timeout_s = max(context.stall_timeout_s, CATALOG_TIMEOUT_S)
    found = rows.read_cursor(context.source, task, snapshot, timeout_s)
    if found.has_rows_ahead:
        LOG.warning(
            "%s.%s: rows whose %s lies in the future, or is infinite, are read at every sync",
            task.source,
            task.label,
            task.settings.cursor,
        )
    return replace(snapshot, cursor_value=found.value)

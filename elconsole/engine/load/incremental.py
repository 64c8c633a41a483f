"""An incremental sync: stage what changed, merge it, sweep what is gone, show it all at once."""

from __future__ import annotations

import time

from elconsole.core.errors import KeyNotUnique
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S
from elconsole.engine.extract import rows
from elconsole.engine.extract.pump import Transferred
from elconsole.engine.extract.snapshot import Snapshot
from elconsole.engine.load import ledger_entry, merge
from elconsole.engine.load.cleanup import analyze, known_flags, tidy
from elconsole.engine.load.context import (
    LoadContext,
    LoadResult,
    hook_result,
)
from elconsole.engine.load.copy import copy, ending
from elconsole.engine.plan.task import known_target
from elconsole.engine.publish import storage
from elconsole.engine.publish.commit import commit
from elconsole.engine.publish.lock import TableLock
from elconsole.engine.publish.swap import swap
from elconsole.engine.quality.daily import UnitCounting

SHOWN_CELLS = 60
"""Of a key that is not unique."""


def merge_changes(context: LoadContext, snapshot: Snapshot, lock: TableLock) -> LoadResult:
    """Publish the changed rows, or only the watermark where there are none; of a backfill, the
    rows of its condition, and never a watermark."""
    task, warehouse = context.task, context.warehouse
    target = known_target(task)
    leaf = merge.leaf_of(task)
    sweeping = task.settings.deletes != "ignore"
    merge.alter_in_place(warehouse, task, context.lock_wait_s)
    condition = rows.wanted(task, snapshot)
    with context.source.translated():
        statements = rows.copy_statements(context.source, task, snapshot, condition)
    moved = copy(
        context,
        statements if sweeping or not task.key_proven else ending(statements),
        storage.copy_into(merge.STAGE, task.columns),
        f"BEGIN; {merge.create_stage(task)}",
        lazy=True,
    )
    if moved.rows and not task.key_proven:
        _require_unique(context, condition)
    keys = None
    if sweeping and not _lost_nothing(context, leaf, staged=moved.rows > 0):
        keys = _copy_keys(context, snapshot, begun=moved.rows > 0)
    elif sweeping or not task.key_proven:
        _end_snapshot(context)
    loading = time.monotonic()
    context.on_extracted(moved)
    defaults = storage.metadata_defaults(snapshot.taken_at, context.run_number, target.generation)
    wrote = merge.Merged(0, 0, 0, 0, None)
    begun = bool(moved.rows or keys or context.asks_before_publish)
    follows = _follows_history(context, begun=bool(moved.rows or keys))
    if moved.rows or keys or (task.history and not task.history.in_step):
        counting = _unit_counting(context, moved.rows)
        with warehouse.attended(context.stall_timeout_s):
            wrote = merge.write(
                warehouse,
                task,
                leaf,
                defaults,
                staged=moved.rows,
                sweep=keys is not None,
                counting=counting,
            )
    elif begun and not follows:
        warehouse.execute("BEGIN")
    rows_written = wrote.inserted + wrote.updated
    context.before_publish(warehouse, leaf, hook_result(moved, rows_written))
    result = LoadResult(
        rows_read=moved.rows,
        rows_written=rows_written,
        rows_deleted=wrote.deleted,
        bytes=moved.bytes + (keys.bytes if keys else 0),
        extract_seconds=moved.extract_seconds + (keys.extract_seconds if keys else 0.0),
        load_seconds=time.monotonic() - loading,
        duration_seconds=time.monotonic() - context.started,
        generation=target.generation,
        row_count=(target.row_count or 0) + wrote.inserted - wrote.deleted,
        extracted_at=snapshot.taken_at,
        strategy=task.strategy,
        notes=task.notes,
        quality_flags=wrote.units or {},
        rows_marked=wrote.marked,
        versions=wrote.versions,
    )
    context.on_commit(result)
    if task.moved_from is not None:
        if not (begun or follows):
            warehouse.execute("BEGIN")

        def entry() -> str:
            return ledger_entry.table_entry(context, snapshot, result)

        move = storage.move(task.standing, task.target_place, history=task.history is not None)
        swap(warehouse, task, move, context.lock_wait_s, entry)
        return tidy(context, result, lock, old_leaf=None)
    closing = [
        *([] if begun or follows else ["BEGIN"]),
        ledger_entry.table_entry(context, snapshot, result),
        "COMMIT",
    ]
    if known_flags(context, result) is not None and not analyze(context, result):
        closing.append(lock.release)
    commit(warehouse, "; ".join(closing))
    lock.held = lock.release not in closing
    return tidy(context, result, lock, old_leaf=None)


def _follows_history(context: LoadContext, *, begun: bool) -> bool:
    """Bring the table's history into shape, where it needs that; whether it did, for which the
    transaction is open now."""
    task = context.task
    if task.history is None:
        return False
    from elconsole.engine.load.history import follow, must_follow

    if not must_follow(task):
        return False
    if not begun:
        context.warehouse.execute("BEGIN")
    with context.warehouse.attended(context.stall_timeout_s):
        follow(context.warehouse, task, context.lock_wait_s)
    return True


def _unit_counting(context: LoadContext, rows_staged: int) -> UnitCounting | None:
    """How to keep the daily counts; None where there are none of the rows as they stand, or
    where so many change that one scan is cheaper."""
    target, quality = known_target(context.task), context.quality
    if quality is None or not merge.are_few(context.task, rows_staged):
        return None
    counted = quality.of_content(target.content_run_id).stored_version
    if counted is None or counted != target.units_version:
        return None
    return UnitCounting(quality, merge.raw_types(context.task))


def _require_unique(context: LoadContext, condition: str) -> None:
    """Raise KeyNotUnique where a changed row has another row's key: the merge would take one
    for the other."""
    task, source = context.task, context.source
    with source.translated(), source.attended(context.stall_timeout_s):
        row = source.execute(rows.shared_key_statement(task, condition).encode()).fetchone()
        if row is None:
            return
        value, count = values_of(row, 2)
    key = ", ".join(task.primary_key)
    raise KeyNotUnique(
        f"{task.source}.{task.label}: the key ({key}) is not unique: {count} rows of the source"
        f" have ({clean_text(value, SHOWN_CELLS)})",
        hint="name columns that are unique as its primary_key in settings",
    )


def _lost_nothing(context: LoadContext, leaf: str, *, staged: bool) -> bool:
    """Whether counting alone proves that the source lost no row.

    By xmin, the raw rows and the staged ones hold every key of the snapshot: where they are
    as many as its rows, they hold no other. A condition may select unchanged rows anew, by
    the time of day, say; and a backfill stages no row that is new elsewhere."""
    task, source, warehouse = context.task, context.source, context.warehouse
    if task.strategy != "xmin" or task.settings.where or task.backfill:
        return False
    with source.translated(), source.attended(context.stall_timeout_s):
        theirs = source.execute(rows.count_statement(task).encode()).fetchone()
    with warehouse.attended(context.stall_timeout_s):
        ours = warehouse.execute(merge.count_statement(task, leaf, staged).encode()).fetchone()
    return theirs is not None and theirs == ours


def _end_snapshot(context: LoadContext) -> None:
    with context.source.translated(), context.source.within(CATALOG_TIMEOUT_S):
        context.source.execute("COMMIT")


def _copy_keys(context: LoadContext, snapshot: Snapshot, *, begun: bool) -> Transferred:
    task = context.task
    with context.source.translated():
        statements = rows.keys_statements(context.source, task, snapshot)
    create = merge.create_key_stage(task)
    return copy(
        context,
        ending(statements),
        storage.copy_into(merge.KEYS, rows.key_columns(task)),
        create if begun else f"BEGIN; {create}",
        quiet=True,
    )

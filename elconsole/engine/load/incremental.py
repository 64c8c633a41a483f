"""An incremental sync: stage what changed, merge it, sweep what is gone, show it all at once."""

from __future__ import annotations

import time

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


def merge_changes(context: LoadContext, snapshot: Snapshot, lock: TableLock) -> LoadResult:
    """Publish the changed rows, or only the watermark where there are none."""
    task, warehouse = context.task, context.warehouse
    target = known_target(task)
    leaf = merge.leaf_of(task)
    sweeping = task.settings.deletes == "sweep"
    merge.alter_in_place(warehouse, task, context.lock_wait_s)
    condition = rows.changed_since(task, snapshot)
    with context.source.translated():
        statements = rows.copy_statements(context.source, task, snapshot, condition)
    moved = copy(
        context,
        statements if sweeping else ending(statements),
        storage.copy_into(merge.STAGE, task.columns),
        f"BEGIN; {merge.create_stage(task)}",
        lazy=True,
    )
    keys = None
    if sweeping and not _lost_nothing(context, leaf, staged=moved.rows > 0):
        keys = _copy_keys(context, snapshot, begun=moved.rows > 0)
    elif sweeping:
        _end_snapshot(context)
    loading = time.monotonic()
    context.on_extracted(moved)
    defaults = storage.metadata_defaults(snapshot.taken_at, context.run_number, target.generation)
    wrote = merge.Merged(0, 0, 0, None)
    if moved.rows or keys:
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
    elif context.asks_before_publish:
        warehouse.execute("BEGIN")
    rows_written = wrote.inserted + wrote.updated
    context.before_publish(warehouse, leaf, hook_result(moved, rows_written))
    result = LoadResult(
        rows_read=moved.rows,
        rows_written=rows_written,
        rows_deleted=wrote.deleted,
        bytes=moved.bytes + (keys.bytes if keys else 0),
        extract_seconds=moved.extract_seconds,
        load_seconds=time.monotonic() - loading,
        duration_seconds=time.monotonic() - context.started,
        generation=target.generation,
        row_count=(target.row_count or 0) + wrote.inserted - wrote.deleted,
        extracted_at=snapshot.taken_at,
        strategy=task.strategy,
        notes=task.notes,
        quality_flags=wrote.units or {},
    )
    context.on_commit(result)
    begun = moved.rows or keys or context.asks_before_publish
    if task.moved_from is not None:
        if not begun:
            warehouse.execute("BEGIN")
        entry = ledger_entry.table_entry(context, snapshot, result)
        move = storage.move(task.standing, task.target_place)
        swap(warehouse, task, move, context.lock_wait_s, entry)
        return tidy(context, result, lock, old_leaf=None)
    closing = [
        *([] if begun else ["BEGIN"]),
        ledger_entry.table_entry(context, snapshot, result),
        "COMMIT",
    ]
    if known_flags(context, result) is not None and not analyze(context, result):
        closing.append(lock.release)
    commit(warehouse, "; ".join(closing))
    lock.held = lock.release not in closing
    return tidy(context, result, lock, old_leaf=None)


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


def _lost_nothing(context: LoadContext, leaf: str, *, staged: bool) -> bool:
    """Whether counting alone proves that the source lost no row.

    By xmin, the raw rows and the staged ones hold every key of the snapshot: where they are
    as many as its rows, they hold no other. A condition may select unchanged rows anew, by
    the time of day, say."""
    task, source, warehouse = context.task, context.source, context.warehouse
    if task.strategy != "xmin" or task.settings.where:
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

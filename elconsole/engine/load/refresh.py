"""A full refresh: fill a new leaf, prove it, show it in the old one's place."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from elconsole.core.quoting import qualified
from elconsole.core.record import record
from elconsole.engine.extract import rows
from elconsole.engine.extract.pump import Openings, Rows, Transferred
from elconsole.engine.extract.snapshot import Snapshot, opening, read_snapshot
from elconsole.engine.ledger.names import leaf_name
from elconsole.engine.load import ledger_entry
from elconsole.engine.load.cleanup import tidy
from elconsole.engine.load.context import (
    LoadContext,
    LoadResult,
    NotAtOnce,
    hook_result,
)
from elconsole.engine.load.copy import copy, copy_part, ending
from elconsole.engine.plan.task import TableTask, known_target
from elconsole.engine.publish import storage
from elconsole.engine.publish.foresee import with_views
from elconsole.engine.publish.lock import TableLock
from elconsole.engine.publish.swap import prepare, swap
from elconsole.engine.sql.names import STORAGE_SCHEMA


def may_begin_at_once(context: LoadContext) -> bool:
    """Whether what is sent to the source depends on nothing that its snapshot tells."""
    task = context.task
    return (
        task.strategy == "full"
        and not context.one_by_one
        and not (task.settings.hash_columns or task.settings.where or task.follows_cursor)
    )


def refresh_at_once(context: LoadContext, lock: TableLock) -> LoadResult:
    """One message to either server, and one wait for both, until rows flow."""
    task, leaf = context.task, NewLeaf.of(context.task)
    found: list[Snapshot] = []

    def on_target(answers: list[Rows]) -> None:
        if not lock.taken_by(answers) or lock.leftovers:
            raise NotAtOnce

    def on_source(answers: list[Rows]) -> None:
        with context.source.translated():
            snapshots = answers[-1] if answers else ()
            found.append(read_snapshot(task, snapshots[0] if snapshots else None))

    (copy_out,) = ending([rows.copy_whole(task)])
    moved = copy_part(
        context,
        f"{opening(task).as_string(context.source)}; {copy_out}",
        f"{lock.question}; {leaf.create}; {leaf.copy_in}",
        context.on_progress,
        openings=Openings(on_target, on_source),
    )
    return _publish_leaf(context, found[0], lock, leaf, moved)


def refresh(context: LoadContext, snapshot: Snapshot, lock: TableLock) -> LoadResult:
    """One question after the other, as the snapshot's answers tell."""
    leaf = NewLeaf.of(context.task)
    for leftover in lock.leftovers:
        storage.try_drop(context.warehouse, storage.drop_leaf(leftover))
    with context.source.translated():
        statements = rows.copy_statements(context.source, context.task, snapshot, None)
    moved = copy(context, ending(statements), leaf.copy_in, leaf.create)
    return _publish_leaf(context, snapshot, lock, leaf, moved)


@record(frozen=True, slots=True)
class NewLeaf:
    """The storage table that a refresh fills."""

    task: TableTask
    generation: int
    table: str

    @classmethod
    def of(cls, task: TableTask) -> NewLeaf:
        target = known_target(task)
        generation = target.generation + 1
        name = leaf_name(target.target_id, generation, task.target_name, os.urandom(3).hex())
        return cls(task, generation, qualified(STORAGE_SCHEMA, name))

    @property
    def create(self) -> str:
        return f"BEGIN; {storage.create_leaf(self.task, self.table)}"

    @property
    def copy_in(self) -> str:
        return storage.copy_into(self.table, self.task.columns, ", FREEZE")


def _publish_leaf(
    context: LoadContext,
    snapshot: Snapshot,
    lock: TableLock,
    leaf: NewLeaf,
    moved: Transferred,
) -> LoadResult:
    task, warehouse = context.task, context.warehouse
    loading = time.monotonic()
    context.on_extracted(moved)
    defaults = storage.metadata_defaults(snapshot.taken_at, context.run_number, leaf.generation)
    with warehouse.attended(context.stall_timeout_s):
        finish = storage.finish_leaf(task, leaf.table, defaults)
        carried = marked = versions = 0
        if task.marks or task.history:
            warehouse.execute(finish.encode())
            finish = ""
        if task.history:
            from elconsole.engine.load.history import follow, keep_versions

            follow(warehouse, task, context.lock_wait_s)
            versions = keep_versions(warehouse, task, leaf.table, defaults)
        if task.marks:
            from elconsole.engine.load.marks import carry_over

            carried, marked = carry_over(warehouse, task, leaf.table, defaults)
        prepare(warehouse, task, finish, storage.match_parent(task, leaf.table))
    context.before_publish(warehouse, leaf.table, hook_result(moved, moved.rows))
    change, old = _change(context, leaf)
    context = replace(context, task=change.task)
    result = LoadResult(
        rows_read=moved.rows,
        rows_written=moved.rows,
        rows_deleted=0,
        bytes=moved.bytes,
        extract_seconds=moved.extract_seconds,
        load_seconds=time.monotonic() - loading,
        duration_seconds=time.monotonic() - context.started,
        generation=leaf.generation,
        row_count=moved.rows + carried,
        extracted_at=snapshot.taken_at,
        strategy="full",
        notes=change.task.notes,
        rows_marked=marked,
        versions=versions,
    )

    def entry() -> str:
        """A reader may hold up the swap: until each try it has taken longer."""
        nonlocal result
        now = time.monotonic()
        result = replace(result, load_seconds=now - loading, duration_seconds=now - context.started)
        context.on_commit(result)
        return ledger_entry.table_entry(context, snapshot, result)

    moved_ddl = storage.move(task.standing, task.target_place, history=task.history is not None)
    ddl = f"{change.ddl};{moved_ddl}"
    swap(warehouse, task, ddl, context.lock_wait_s, entry, change.views)
    return tidy(context, result, lock, old_leaf=old)


def _change(context: LoadContext, leaf: NewLeaf) -> tuple[storage.Change, str | None]:
    """DDL that shows the new leaf, and the storage table that it leaves over."""
    task, session = context.task, context.warehouse
    left = task.parent.leaf_name if task.parent else None
    if task.adopt:
        from elconsole.engine.publish.adopt import adopted

        old = leaf_name(known_target(task).target_id, 0, task.target_name, os.urandom(3).hex())
        return adopted(session, task, leaf.table, old), old
    if storage.wears_out(task):
        from elconsole.engine.publish.adopt import rebuilt

        return rebuilt(session, task, leaf.table), left
    parent = qualified(task.standing.schema, task.standing.name)
    return with_views(session, task, storage.exchange(task, parent, leaf.table)), left

"""A full refresh: fill a new leaf, prove it, show it in the old one's place."""

from __future__ import annotations

import os
import time

from elconsole.engine import adopt, extract, layout, merge, records
from elconsole.engine.attempt import (
    LoadContext,
    LoadResult,
    NotAtOnce,
    hook_result,
    source_side,
)
from elconsole.engine.copying import copy, copy_part, ending
from elconsole.engine.migrations import STORAGE_SCHEMA
from elconsole.engine.naming import leaf_name
from elconsole.engine.swap import prepare, swap
from elconsole.engine.table_lock import TableLock
from elconsole.engine.task import TableTask
from elconsole.engine.tidy import tidy
from elconsole.engine.transfer import Openings, Rows, Transferred
from elconsole.record import record


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
    found: list[extract.Snapshot] = []

    def on_target(answers: list[Rows]) -> None:
        if not lock.taken_by(answers) or lock.leftovers:
            raise NotAtOnce

    def on_source(answers: list[Rows]) -> None:
        found.append(extract.read_snapshot(task, answers[-1][0]))

    (copy_out,) = ending([extract.copy_whole(task)])
    moved = copy_part(
        context,
        f"{extract.opening(task).as_string(context.source)}; {copy_out}",
        f"{lock.question}; {leaf.create}; {leaf.copy_in}",
        context.on_progress,
        openings=Openings(on_target, on_source),
    )
    return _publish_leaf(context, found[0], lock, leaf, moved)


def refresh(context: LoadContext, snapshot: extract.Snapshot, lock: TableLock) -> LoadResult:
    """One question after the other, as the snapshot's answers tell."""
    leaf = NewLeaf.of(context.task)
    for leftover in lock.leftovers:
        layout.try_drop(context.warehouse, layout.drop_leaf(leftover))
    with source_side(context.task):
        statements = extract.copy_statements(context.source, context.task, snapshot, None)
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
        target = merge.known_target(task)
        generation = target.generation + 1
        name = leaf_name(target.target_id, generation, task.target_name, os.urandom(3).hex())
        return cls(task, generation, layout.qualified(STORAGE_SCHEMA, name))

    @property
    def create(self) -> str:
        return f"BEGIN; {layout.create_leaf(self.task, self.table)}"

    @property
    def copy_in(self) -> str:
        return layout.copy_into(self.table, self.task.columns, ", FREEZE")


def _publish_leaf(
    context: LoadContext,
    snapshot: extract.Snapshot,
    lock: TableLock,
    leaf: NewLeaf,
    moved: Transferred,
) -> LoadResult:
    task, warehouse, target = context.task, context.warehouse, merge.known_target(context.task)
    loading = time.monotonic()
    context.on_extracted(moved)
    defaults = layout.metadata_defaults(snapshot.taken_at, context.run_number, leaf.generation)
    with warehouse.attended(context.stall_timeout_s):
        finish = layout.finish_leaf(task, leaf.table, defaults)
        prepare(warehouse, task, finish, layout.match_parent(task, leaf.table))
    context.before_publish(warehouse, leaf.table, hook_result(moved, moved.rows))
    parent = layout.qualified(task.target_schema, task.target_name)
    ddl = layout.exchange(task, parent, leaf.table)
    old = task.parent.leaf_name if task.parent else None
    if task.adopt:
        old = leaf_name(target.target_id, 0, task.target_name, os.urandom(3).hex())
        aside = adopt.step_aside(warehouse, task, old)
        ddl = aside + ddl + adopt.inherit(warehouse, task)
    result = LoadResult(
        rows_extracted=moved.rows,
        rows_loaded=moved.rows,
        rows_deleted=0,
        bytes=moved.bytes,
        extract_seconds=moved.extract_seconds,
        load_seconds=time.monotonic() - loading,
        generation=leaf.generation,
        row_count=moved.rows,
        extracted_at=snapshot.taken_at,
        strategy="full",
        notes=task.notes,
    )
    context.on_commit(result)
    swap(
        warehouse, task, ddl, context.lock_wait_s, records.table_records(context, snapshot, result)
    )
    return tidy(context, result, lock, old_leaf=old)

"""One table, one way: extract, load, prove, publish. Either all of it is visible or none.

A `Load` is one attempt. It holds the table's advisory lock on the warehouse session from
before the watermark is read until after the new rows are published; the lock dies with
the session, so a killed client leaves none.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg

from elconsole.api_types import Strategy
from elconsole.engine import adopt, extract, layout, merge
from elconsole.engine.faults import table_error
from elconsole.engine.migrations import STORAGE_SCHEMA
from elconsole.engine.naming import leaf_name
from elconsole.engine.plan import TableTask
from elconsole.engine.pools import CATALOG_TIMEOUT_S, Session
from elconsole.engine.publish import commit
from elconsole.engine.quality_daily import UnitCounting, store_daily_counts
from elconsole.engine.quality_statements import QualityTarget
from elconsole.engine.statements import statement
from elconsole.engine.swap import prepare, swap
from elconsole.engine.table_lock import TableLock
from elconsole.engine.transfer import (
    Openings,
    Progress,
    Rows,
    SourceFault,
    TargetFault,
    Transferred,
    transfer,
)
from elconsole.errors import ElconsoleError
from elconsole.hook_types import HookResult

LOG = logging.getLogger("elconsole.engine")
ANALYZE_SHARE = 0.1
MOST_RECOUNTED = 0.2
"""Share of a table's rows above which a scan counts its units faster than their keys do."""


class NotAtOnce(Exception):
    """Something stands in the way of asking all at once: ask it again one by one, on new
    sessions."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What an attempt published."""

    rows_extracted: int
    rows_loaded: int
    rows_deleted: int
    bytes: int
    extract_seconds: float
    load_seconds: float
    generation: int
    row_count: int
    extracted_at: datetime
    strategy: Strategy
    quality_flags: Mapping[str, int] = field(default_factory=dict)
    """Units `passed` and `failed`; empty where the table has no pass rates."""

    @property
    def changed(self) -> bool:
        """Whether a row of the raw table is another one than before."""
        return self.strategy == "full" or bool(self.rows_loaded or self.rows_deleted)


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What one attempt works with."""

    task: TableTask
    source: Session
    warehouse: Session
    run_id: str
    run_number: int
    attempt: int
    identity: tuple[str, int] | None
    """System identifier and timeline of the source's cluster, where readable."""
    hash_salt: str | None = field(repr=False)
    quality: QualityTarget | None
    """How its units are counted; None where it has none."""
    stall_timeout_s: float
    lock_wait_s: float
    started: float
    """Monotonic time at which the table's run began."""
    on_progress: Progress
    on_extracted: Callable[[Transferred], None]
    on_commit: Callable[[LoadResult], None]
    """Takes what the COMMIT that follows is to publish."""
    before_publish: Callable[[Session, str, HookResult], None]
    """Takes the warehouse session, the unpublished table and what arrived; may raise."""
    asks_before_publish: bool
    """Whether `before_publish` asks anything, for which it needs the open transaction."""
    one_by_one: bool = False
    """Whether to wait for every answer before the next question."""


def load_table(context: LoadContext) -> LoadResult:
    """Load a table's new rows and move its watermark, or do neither.

    Raises the `elconsole.errors` of whichever side failed, or NotAtOnce before it did
    anything; on any error the sessions are left for the caller to throw away."""
    lock = TableLock(context.warehouse, context.task, context.run_id)
    with _warehouse_side():
        if _may_begin_at_once(context):
            result = _refresh_at_once(context, lock)
        else:
            with context.warehouse.within(CATALOG_TIMEOUT_S):
                lock.take()
            result = _attempt(context, lock)
        lock.let_go()
        return result


def _may_begin_at_once(context: LoadContext) -> bool:
    """Whether what is sent to the source depends on nothing that its snapshot tells."""
    task = context.task
    return (
        task.strategy == "full"
        and not context.one_by_one
        and not (task.settings.hash_columns or task.settings.where or task.follows_cursor)
    )


def _attempt(context: LoadContext, lock: TableLock) -> LoadResult:
    task, source = context.task, context.source
    with _source_side(task):
        snapshot = extract.begin_snapshot(source, task)
        if task.settings.hash_columns and context.hash_salt:
            extract.set_salt(source, context.hash_salt)
        if task.follows_cursor:
            snapshot = _with_cursor(context, snapshot)
    if task.strategy != "full":
        try:
            extract.check_continuity(task, snapshot, context.identity)
        except extract.FullRefreshNeeded as reason:
            LOG.warning("%s.%s: full refresh: %s", task.source, task.label, reason)
            context = replace(context, task=task.as_full(str(reason)))
    if context.task.strategy == "full":
        return _refresh(context, snapshot, lock)
    return _merge(context, snapshot, lock)


def _with_cursor(context: LoadContext, snapshot: extract.Snapshot) -> extract.Snapshot:
    task = context.task
    timeout_s = max(context.stall_timeout_s, CATALOG_TIMEOUT_S)
    found = extract.read_cursor(context.source, task, snapshot, timeout_s)
    if found.has_rows_ahead:
        LOG.warning(
            "%s.%s: rows whose %s lies in the future, or is infinite, are read at every sync",
            task.source,
            task.label,
            task.settings.cursor,
        )
    return replace(snapshot, cursor_value=found.value)


@dataclass(frozen=True, slots=True)
class NewLeaf:
    """The storage table that a refresh fills."""

    task: TableTask
    generation: int
    table: str

    @classmethod
    def of(cls, task: TableTask) -> NewLeaf:
        target = merge.known_target(task)
        generation = target.generation + 1
        name = leaf_name(target.target_id, generation, task.target_name, secrets.token_hex(3))
        return cls(task, generation, layout.qualified(STORAGE_SCHEMA, name))

    @property
    def create(self) -> str:
        return f"BEGIN; {layout.create_leaf(self.task, self.table)}"

    @property
    def copy_in(self) -> str:
        return layout.copy_into(self.table, self.task.columns, ", FREEZE")


def _refresh_at_once(context: LoadContext, lock: TableLock) -> LoadResult:
    """One message to either server, and one wait for both, until rows flow."""
    task, leaf = context.task, NewLeaf.of(context.task)
    found: list[extract.Snapshot] = []

    def on_target(answers: list[Rows]) -> None:
        if not lock.taken_by(answers) or lock.leftovers:
            raise NotAtOnce

    def on_source(answers: list[Rows]) -> None:
        found.append(extract.read_snapshot(task, answers[-1][0]))

    (copy,) = _ending([extract.copy_whole(task)])
    moved = _copy_part(
        context,
        f"{extract.opening(task).as_string(context.source)}; {copy}",
        f"{lock.question}; {leaf.create}; {leaf.copy_in}",
        context.on_progress,
        openings=Openings(on_target, on_source),
    )
    return _publish_leaf(context, found[0], lock, leaf, moved)


def _refresh(context: LoadContext, snapshot: extract.Snapshot, lock: TableLock) -> LoadResult:
    leaf = NewLeaf.of(context.task)
    for leftover in lock.leftovers:
        layout.try_drop(context.warehouse, layout.drop_leaf(leftover))
    with _source_side(context.task):
        statements = extract.copy_statements(context.source, context.task, snapshot, None)
    moved = _copy(context, _ending(statements), leaf.copy_in, leaf.create)
    return _publish_leaf(context, snapshot, lock, leaf, moved)


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
    context.before_publish(warehouse, leaf.table, _hook_result(moved, moved.rows))
    parent = layout.qualified(task.target_schema, task.target_name)
    ddl = layout.exchange(task, parent, leaf.table)
    old = task.parent.leaf_name if task.parent else None
    if task.adopt:
        old = leaf_name(target.target_id, 0, task.target_name, secrets.token_hex(3))
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
    )
    context.on_commit(result)
    swap(warehouse, task, ddl, context.lock_wait_s, records(context, snapshot, result))
    return _tidy(context, result, lock, old_leaf=old)


def _merge(context: LoadContext, snapshot: extract.Snapshot, lock: TableLock) -> LoadResult:
    task, warehouse = context.task, context.warehouse
    target = merge.known_target(task)
    leaf = merge.leaf_of(task)
    sweeping = task.settings.deletes == "sweep"
    merge.alter_in_place(warehouse, task, context.lock_wait_s)
    condition = extract.changed_since(task, snapshot)
    with _source_side(task):
        statements = extract.copy_statements(context.source, task, snapshot, condition)
    moved = _copy(
        context,
        statements if sweeping else _ending(statements),
        layout.copy_into(merge.STAGE, task.columns),
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
    defaults = layout.metadata_defaults(snapshot.taken_at, context.run_number, target.generation)
    wrote = merge.Merged(0, 0, 0, None)
    if moved.rows or keys:
        counting = _unit_counting(context, moved.rows)
        with warehouse.attended(context.stall_timeout_s):
            wrote = merge.write(
                warehouse,
                task,
                leaf,
                defaults,
                staged=moved.rows > 0,
                sweep=keys is not None,
                counting=counting,
            )
    elif context.asks_before_publish:
        warehouse.execute("BEGIN")
    rows_loaded = wrote.inserted + wrote.updated
    context.before_publish(warehouse, leaf, _hook_result(moved, rows_loaded))
    result = LoadResult(
        rows_extracted=moved.rows,
        rows_loaded=rows_loaded,
        rows_deleted=wrote.deleted,
        bytes=moved.bytes + (keys.bytes if keys else 0),
        extract_seconds=moved.extract_seconds,
        load_seconds=time.monotonic() - loading,
        generation=target.generation,
        row_count=(target.row_count or 0) + wrote.inserted - wrote.deleted,
        extracted_at=snapshot.taken_at,
        strategy=task.strategy,
        quality_flags=wrote.units or {},
    )
    context.on_commit(result)
    begun = moved.rows or keys or context.asks_before_publish
    closing = [*([] if begun else ["BEGIN"]), records(context, snapshot, result), "COMMIT"]
    if _known_flags(context, result) is not None and not _analyze(context, result):
        closing.append(lock.release)
    commit(warehouse, "; ".join(closing))
    lock.held = lock.release not in closing
    return _tidy(context, result, lock, old_leaf=None)


def _unit_counting(context: LoadContext, rows_staged: int) -> UnitCounting | None:
    """How to keep the daily counts; None where there are none of the rows as they stand, or
    where so many change that one scan is cheaper."""
    target, quality = merge.known_target(context.task), context.quality
    if quality is None or rows_staged > MOST_RECOUNTED * (target.row_count or 0):
        return None
    counted = quality.of_content(target.content_run_id).stored_version
    if counted is None or counted != target.units_version:
        return None
    return UnitCounting(quality, merge.raw_types(context.task))


def _hook_result(moved: Transferred, rows_loaded: int) -> HookResult:
    return HookResult(
        rows_extracted=moved.rows,
        rows_loaded=rows_loaded,
        bytes=moved.bytes,
        extract_seconds=moved.extract_seconds,
    )


def _lost_nothing(context: LoadContext, leaf: str, *, staged: bool) -> bool:
    """Whether counting alone proves that the source lost no row.

    By xmin, the raw rows and the staged ones hold every key of the snapshot: where they are
    as many as its rows, they hold no other. A condition may select unchanged rows anew, by
    the time of day, say."""
    task, source, warehouse = context.task, context.source, context.warehouse
    if task.strategy != "xmin" or task.settings.where:
        return False
    with _source_side(task), source.attended(context.stall_timeout_s):
        theirs = source.execute(extract.count_statement(task).encode()).fetchone()
    with warehouse.attended(context.stall_timeout_s):
        ours = warehouse.execute(merge.count_statement(task, leaf, staged).encode()).fetchone()
    return theirs is not None and theirs == ours


def _end_snapshot(context: LoadContext) -> None:
    with _source_side(context.task), context.source.within(CATALOG_TIMEOUT_S):
        context.source.execute("COMMIT")


def _copy_keys(context: LoadContext, snapshot: extract.Snapshot, *, begun: bool) -> Transferred:
    task = context.task
    with _source_side(task):
        statements = extract.keys_statements(context.source, task, snapshot)
    create = merge.create_key_stage(task)
    return _copy(
        context,
        _ending(statements),
        layout.copy_into(merge.KEYS, extract.key_columns(task)),
        create if begun else f"BEGIN; {create}",
        quiet=True,
    )


def _ending(statements: list[str]) -> list[str]:
    """The same; the source's transaction ends by itself with its last byte."""
    return [*statements[:-1], f"{statements[-1]}; COMMIT"]


def _copy(
    context: LoadContext,
    statements: Sequence[str],
    copy_in: str,
    create: str,
    *,
    quiet: bool = False,
    lazy: bool = False,
) -> Transferred:
    """Run the parts of a COPY one after the other, each proved by its own counts. `create`
    makes the table they go to; with `lazy` only when there is a row."""
    moved = Transferred(0, 0, 0.0)
    created = False
    report = _unreported if quiet else context.on_progress
    for copy_out in statements:
        into = copy_in if created else f"{create}; {copy_in}"
        part = _copy_part(context, copy_out, into, _after(moved, report), lazy=lazy)
        moved = moved.plus(part)
        created = moved.rows > 0 or not lazy
    return moved


def _after(moved: Transferred, report: Progress) -> Progress:
    def progress(rows: int, size: int) -> None:
        report(moved.rows + rows, moved.bytes + size)

    return progress


def _copy_part(
    context: LoadContext,
    copy_out: str,
    copy_in: str,
    on_progress: Progress,
    *,
    lazy: bool = False,
    openings: Openings | None = None,
) -> Transferred:
    task = context.task
    try:
        return transfer(
            context.source,
            copy_out.encode(),
            context.warehouse,
            copy_in.encode(),
            stall_timeout_s=context.stall_timeout_s,
            on_progress=on_progress,
            lazy=lazy,
            openings=openings,
        )
    except SourceFault as fault:
        raise _cause(fault, task.source, "source") from fault
    except TargetFault as fault:
        raise _cause(fault, "warehouse", "warehouse") from fault


def _unreported(_rows: int, _bytes: int) -> None:
    """Keys of a sweep are no rows of the table."""


def _cause(fault: Exception, name: str, role: str) -> ElconsoleError:
    cause = fault.__cause__
    assert isinstance(cause, psycopg.Error)
    return table_error(cause, name, "source" if role == "source" else "warehouse")


def records(context: LoadContext, snapshot: extract.Snapshot, result: LoadResult) -> str:
    """SQL that writes watermark, target and table run: part of the publishing transaction."""
    task = context.task
    target = merge.known_target(task)
    cursor = task.settings.cursor if task.settings.strategy == "cursor" else None
    system_identifier, timeline = context.identity or (None, None)
    bind = psycopg.ClientCursor(context.warehouse).mogrify
    watermark = bind(
        statement("record_watermark"),
        {
            "target_id": target.target_id,
            "run_id": context.run_id,
            "extracted_at": snapshot.taken_at,
            "snapshot": snapshot.text,
            "snapshot_xmin": snapshot.xmin,
            "cursor_column": cursor,
            "cursor_value": snapshot.cursor_value,
            "source_oid": task.relation.oid,
            "leaf_oids": list(snapshot.leaf_oids),
            "system_identifier": system_identifier,
            "timeline": timeline,
            "selection": task.selection,
            "source_columns": [column.name for column in task.columns],
            "source_numbers": [column.number for column in task.columns],
        },
    )
    moved = bind(
        "UPDATE elconsole.targets SET generation = %s, row_count = %s,"
        " last_synced_at = clock_timestamp(),"
        " content_run_id = CASE WHEN %s THEN %s::uuid ELSE content_run_id END,"
        " units_version = CASE WHEN %s THEN %s ELSE units_version END"
        " WHERE target_id = %s",
        [
            result.generation,
            result.row_count,
            result.changed,
            context.run_id,
            result.changed and bool(result.quality_flags),
            context.quality and context.quality.of_content(context.run_id).stored_version,
            target.target_id,
        ],
    )
    entry = bind(
        statement("record_table_run"),
        {
            "run_id": context.run_id,
            "source": task.source,
            "table_name": task.label,
            "strategy": result.strategy,
            "records_extracted": result.rows_extracted,
            "records_loaded": result.rows_loaded,
            "records_deleted": result.rows_deleted,
            "bytes": result.bytes,
            "generation": result.generation,
            "extract_seconds": result.extract_seconds,
            "duration_seconds": time.monotonic() - context.started,
            "attempts": context.attempt,
        },
    )
    return ";".join([watermark, moved, entry])


def _tidy(
    context: LoadContext, result: LoadResult, lock: TableLock, old_leaf: str | None
) -> LoadResult:
    """After the rows are published: let the lock go, unlink the old leaf, refresh the
    planner's statistics, count the units where that is still to be done.

    Nothing here can fail the table: what is left over, the next sync removes."""
    session, flags = context.warehouse, _known_flags(context, result)
    unlock = [lock.release] if lock.held and flags is not None else []
    rest = _analyze(context, result)
    with contextlib.suppress(psycopg.Error, ElconsoleError):
        with session.attended(context.stall_timeout_s):
            if old_leaf and layout.try_drop(
                session, "; ".join([*unlock, layout.drop_leaf(old_leaf), *rest])
            ):
                rest = []
            elif not old_leaf:
                rest = [*unlock, *rest]
            if rest:
                session.execute("; ".join(rest).encode())
        lock.held = lock.held and not unlock
        if flags is None and context.quality is not None:
            flags = store_daily_counts(session, context.quality.of_content(context.run_id))
    return replace(result, quality_flags=flags or {})


def _analyze(context: LoadContext, result: LoadResult) -> list[str]:
    """SQL for the planner's statistics of the parent, where so many rows changed.

    Autovacuum sees to the leaf, but never to a partitioned parent."""
    task, target = context.task, merge.known_target(context.task)
    before = target.analyzed_rows
    if before is not None and abs(result.row_count - before) <= ANALYZE_SHARE * max(before, 1):
        return []
    only = "ONLY " if context.warehouse.info.server_version >= 180000 else ""
    return [
        f"ANALYZE {only}{layout.qualified(task.target_schema, task.target_name)}",
        f"UPDATE elconsole.targets SET analyzed_rows = {result.row_count}"
        f" WHERE target_id = {target.target_id}",
    ]


def _known_flags(context: LoadContext, result: LoadResult) -> Mapping[str, int] | None:
    """Units passed and failed: as the merge counted them, or as they were. None: to count."""
    target = merge.known_target(context.task)
    if context.quality is None or result.quality_flags:
        return result.quality_flags
    if not result.changed and target.units_passed is not None:
        return {"passed": target.units_passed, "failed": target.units_failed or 0}
    return None


@contextlib.contextmanager
def _warehouse_side() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise table_error(error, "warehouse", "warehouse") from error


@contextlib.contextmanager
def _source_side(task: TableTask) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise table_error(error, task.source, "source") from error

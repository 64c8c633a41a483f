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
from psycopg import sql

from elconsole.api_types import Strategy
from elconsole.engine import adopt, extract, layout, merge
from elconsole.engine.faults import table_error
from elconsole.engine.migrations import RUN_LOCK_CLASS, STORAGE_SCHEMA
from elconsole.engine.naming import leaf_name
from elconsole.engine.plan import TableTask
from elconsole.engine.pools import CATALOG_TIMEOUT_S, Session
from elconsole.engine.publish import TABLE_LOCK_CLASS, commit
from elconsole.engine.quality_daily import UnitCounting, store_daily_counts
from elconsole.engine.quality_statements import QualityTarget, read_columns
from elconsole.engine.state import Target
from elconsole.engine.statements import statement
from elconsole.engine.swap import swap
from elconsole.engine.transfer import Progress, SourceFault, TargetFault, Transferred, transfer
from elconsole.errors import ElconsoleError, TableLocked, TransientFault
from elconsole.hook_types import HookResult

LOG = logging.getLogger("elconsole.engine")
ANALYZE_SHARE = 0.1
MOST_RECOUNTED = 0.2
"""Share of a table's rows above which a scan counts its units faster than their keys do."""
DEAD_HOLDER_WAIT_S = 3.0
"""How long a killed client's session may take to notice: the server looks twice a second."""


class TargetMoved(TransientFault):
    """Another sync published the table between this one's plan and its lock."""

    kind = "locked"


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


def load_table(context: LoadContext) -> LoadResult:
    """Load a table's new rows and move its watermark, or do neither.

    Raises the `elconsole.errors` of whichever side failed; on any error the sessions are
    left for the caller to throw away."""
    with _warehouse_side(), hold_lock(context):
        return _attempt(context)


def _attempt(context: LoadContext) -> LoadResult:
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
        return _refresh(context, snapshot)
    return _merge(context, snapshot)


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


def _refresh(context: LoadContext, snapshot: extract.Snapshot) -> LoadResult:
    task, warehouse = context.task, context.warehouse
    target = merge.known_target(task)
    generation = target.generation + 1
    name = leaf_name(target.target_id, generation, task.target_name, secrets.token_hex(3))
    leaf = layout.qualified(STORAGE_SCHEMA, name)
    parent = layout.qualified(task.target_schema, task.target_name)
    layout.remove_leftovers(warehouse, target.target_id, task.parent)
    defaults = layout.metadata_defaults(snapshot.taken_at, context.run_number, generation)
    warehouse.execute(f"BEGIN; {layout.create_leaf(task, leaf)}".encode())
    with _source_side(task):
        statements = extract.copy_statements(context.source, task, snapshot, None)
    moved = _copy(context, statements, layout.copy_into(leaf, task.columns, ", FREEZE"))
    loading = time.monotonic()
    end_snapshot(context.source)
    context.on_extracted(moved)
    with warehouse.attended(context.stall_timeout_s):
        warehouse.execute(layout.finish_leaf(task, leaf, defaults).encode())
        layout.match_parent(warehouse, task, leaf)
    context.before_publish(warehouse, leaf, _hook_result(moved, moved.rows))
    ddl = layout.exchange(task, parent, leaf)
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
        generation=generation,
        row_count=moved.rows,
        extracted_at=snapshot.taken_at,
        strategy="full",
    )
    context.on_commit(result)
    swap(warehouse, task, ddl, context.lock_wait_s, records(context, snapshot, result))
    return _tidy(context, result, old_leaf=old)


def _merge(context: LoadContext, snapshot: extract.Snapshot) -> LoadResult:
    task, warehouse = context.task, context.warehouse
    target = merge.known_target(task)
    leaf = merge.leaf_of(task)
    merge.alter_in_place(warehouse, task, context.lock_wait_s)
    warehouse.execute(f"BEGIN; {merge.create_stage(task)}".encode())
    condition = extract.changed_since(task, snapshot)
    with _source_side(task):
        statements = extract.copy_statements(context.source, task, snapshot, condition)
    moved = _copy(context, statements, layout.copy_into(merge.STAGE, task.columns))
    keys = _copy_keys(context, snapshot) if task.settings.deletes == "sweep" else None
    loading = time.monotonic()
    end_snapshot(context.source)
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
    commit(warehouse, f"{records(context, snapshot, result)}; COMMIT")
    return _tidy(context, result, old_leaf=None)


def _unit_counting(context: LoadContext, rows_staged: int) -> UnitCounting | None:
    """How to keep the daily counts; None where there are none of the rows as they stand, or
    where so many change that one scan is cheaper."""
    target, quality = merge.known_target(context.task), context.quality
    if quality is None or rows_staged > MOST_RECOUNTED * (target.row_count or 0):
        return None
    counted = quality.of_content(target.content_run_id).stored_version
    if counted is None or counted != target.units_version:
        return None
    columns = read_columns(context.warehouse, quality)
    return UnitCounting(quality, columns)


def _hook_result(moved: Transferred, rows_loaded: int) -> HookResult:
    return HookResult(
        rows_extracted=moved.rows,
        rows_loaded=rows_loaded,
        bytes=moved.bytes,
        extract_seconds=moved.extract_seconds,
    )


def _copy_keys(context: LoadContext, snapshot: extract.Snapshot) -> Transferred:
    task = context.task
    with _source_side(task):
        statements = extract.keys_statements(context.source, task, snapshot)
    context.warehouse.execute(merge.create_key_stage(task).encode())
    return _copy(
        context,
        statements,
        layout.copy_into(merge.KEYS, extract.key_columns(task)),
        quiet=True,
    )


def _copy(
    context: LoadContext, statements: Sequence[str], copy_in: str, *, quiet: bool = False
) -> Transferred:
    """Run the parts of a COPY one after the other, each proved by its own counts."""
    moved = Transferred(0, 0, 0.0)
    report = _unreported if quiet else context.on_progress
    for copy_out in statements:
        moved = moved.plus(_copy_part(context, copy_out, copy_in, _after(moved, report)))
    return moved


def _after(moved: Transferred, report: Progress) -> Progress:
    def progress(rows: int, size: int) -> None:
        report(moved.rows + rows, moved.bytes + size)

    return progress


def _copy_part(
    context: LoadContext, copy_out: str, copy_in: str, on_progress: Progress
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


def end_snapshot(source: Session) -> None:
    """Let the source's transaction go as soon as its last byte is here."""
    with source.within(CATALOG_TIMEOUT_S):
        source.execute("COMMIT")


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


def _tidy(context: LoadContext, result: LoadResult, old_leaf: str | None) -> LoadResult:
    """After the rows are published: unlink the old leaf, refresh the planner's statistics,
    count the units.

    Nothing here can fail the table: what is left over, the next sync removes."""
    session, task = context.warehouse, context.task
    with contextlib.suppress(psycopg.Error, ElconsoleError):
        if old_leaf:
            layout.drop_leaf(session, old_leaf)
        target = merge.known_target(task)
        before = target.analyzed_rows
        if before is None or abs(result.row_count - before) > ANALYZE_SHARE * max(before, 1):
            parent = sql.Identifier(task.target_schema, task.target_name)
            # Autovacuum sees to the leaf, but never to a partitioned parent.
            only = sql.SQL("ONLY " if session.info.server_version >= 180000 else "")
            session.execute(sql.SQL("ANALYZE {}{}").format(only, parent))
            session.execute(
                "UPDATE elconsole.targets SET analyzed_rows = %s WHERE target_id = %s",
                [result.row_count, target.target_id],
            )
        return replace(result, quality_flags=_flags(context, target, result))
    return result


def _flags(context: LoadContext, target: Target, result: LoadResult) -> Mapping[str, int]:
    """Units passed and failed: as the merge counted them, as they were, or counted now."""
    quality = context.quality
    if quality is None or result.quality_flags:
        return result.quality_flags
    if not result.changed and target.units_passed is not None:
        return {"passed": target.units_passed, "failed": target.units_failed or 0}
    return store_daily_counts(context.warehouse, quality.of_content(context.run_id))


@contextlib.contextmanager
def hold_lock(context: LoadContext) -> Iterator[None]:
    """Hold the target's advisory lock; raises TableLocked, naming the holder."""
    session, target = context.warehouse, merge.known_target(context.task)
    keys = [TABLE_LOCK_CLASS, target.target_id]
    with session.within(CATALOG_TIMEOUT_S):
        _take_lock(context, keys)
        _check_unmoved(session, context.task)
    yield
    try:
        with session.within(CATALOG_TIMEOUT_S):
            session.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
    except (psycopg.Error, ElconsoleError):
        # The rows are published whatever happens now; the lock goes with the session.
        session.abandon()


def _take_lock(context: LoadContext, keys: list[int]) -> None:
    """A holder that no living run accounts for is a dead one's session, about to end."""
    session = context.warehouse
    deadline = time.monotonic() + DEAD_HOLDER_WAIT_S
    while True:
        row = session.execute("SELECT pg_try_advisory_lock(%s, %s)", keys).fetchone()
        if row and row[0]:
            return
        holder = _holder(session, context)
        if holder or time.monotonic() > deadline:
            raise TableLocked(
                f"{context.task.target_text} is being synced by {holder or 'another session'}",
                hint="wait for that run to end, or stop it; a dead run's lock goes by itself",
            )
        session.check()
        time.sleep(0.05)


def _check_unmoved(session: Session, task: TableTask) -> None:
    """The plan was made before the lock was held: see that no other sync came between."""
    target, mark = merge.known_target(task), task.watermark
    parent = layout.qualified(task.target_schema, task.target_name)
    now = session.execute(
        "SELECT t.generation, w.run_id::text, to_regclass(%s)::oid::int8,"
        " (SELECT inhrelid::int8 FROM pg_inherits WHERE inhparent = to_regclass(%s))"
        " FROM elconsole.targets t LEFT JOIN elconsole.watermarks w USING (target_id)"
        " WHERE t.target_id = %s",
        [parent, parent, target.target_id],
    ).fetchone()
    standing = (task.parent.oid, task.parent.leaf_oid) if task.parent else (None, None)
    if not task.adopt and now != (target.generation, mark and mark.run_id, *standing):
        raise TargetMoved(
            f"{task.target_text} changed while the sync was being planned:"
            " another sync came between",
            hint="sync again",
        )


def _holder(session: Session, context: LoadContext) -> str | None:
    row = session.execute(
        statement("lock_holder"),
        [context.run_id, merge.known_target(context.task).target_id, RUN_LOCK_CLASS],
    ).fetchone()
    if row is None:
        return None
    number, host, pid, age_s = row
    return f"run {number} on {host} (pid {pid}, started {age_s} s ago)"


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

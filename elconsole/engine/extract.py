"""Reading a source: one snapshot, and the SELECT that tells which of its rows to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from elconsole.engine.drift import PlannedColumn
from elconsole.engine.plan import SALT_SETTING, TableTask, identifier
from elconsole.engine.pools import CATALOG_TIMEOUT_S, Session
from elconsole.engine.statements import statement
from elconsole.engine.typeplan import copy_format
from elconsole.errors import PlanError, TransientFault

XID_MODULUS = 2**32
XID_HALF = 2**31
TIME_TYPES = frozenset({1082, 1114, 1184})
NUMBER_TYPES = frozenset({20, 21, 23, 700, 701, 1700})
FLOATING_TYPES = frozenset({700, 701, 1700})
DEFAULT_LOOKBACK = "1 day"


class SchemaMoved(TransientFault):
    """The table changed between planning and reading; plan it again."""

    kind = "schema_moved"


class FullRefreshNeeded(Exception):
    """What the source's snapshot shows makes an incremental read unsafe."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A source's state at one instant, which the rows of a load are read from."""

    text: str
    xmin: int
    xmax: int
    taken_at: datetime
    leaf_oids: tuple[int, ...]
    cursor_value: str | None = None
    """Highest cursor within the snapshot, as exact text."""


def begin_snapshot(session: Session, task: TableTask) -> Snapshot:
    """Open the read-only transaction and pin the table. Raises SchemaMoved where the table
    is not the planned one any more."""
    with session.within(CATALOG_TIMEOUT_S):
        try:
            row = _open(session, task, lock=True)
        except psycopg.errors.InsufficientPrivilege:
            # Column-level grants allow SELECT but not LOCK TABLE.
            session.execute("ROLLBACK")
            row = _open(session, task, lock=False)
    text, xmin, xmax, taken_at, columns, leaf_oids, unmoved = row
    found = tuple((str(name), int(oid), int(typmod)) for name, oid, typmod in columns or ())
    if found != task.fingerprint or not unmoved:
        raise SchemaMoved(
            f"{task.source}.{task.label} changed while the sync was being planned",
            hint="sync again",
        )
    return Snapshot(text, xmin, xmax, taken_at, tuple(leaf_oids or ()))


def _open(session: Session, task: TableTask, *, lock: bool) -> tuple[Any, ...]:
    relation = sql.Identifier(task.relation.schema, task.relation.name)
    begin = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;")
    if lock and task.relation.is_base_table:
        pin = sql.SQL("LOCK TABLE {}{} IN ACCESS SHARE MODE;").format(_only(task), relation)
    else:
        pin = sql.SQL("SELECT FROM {} LIMIT 0;").format(relation)
    read = sql.SQL(statement("source_snapshot")).format(oid=sql.Literal(task.relation.oid))
    cursor = session.execute(begin + pin + read)
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    if row is None:
        raise SchemaMoved(f"{task.source}.{task.label} is gone", hint="sync again")
    return row


def set_salt(session: Session, salt: str) -> None:
    """Give the session the salt of hashed columns, as a bound value."""
    session.execute("SELECT set_config(%s, %s, true)", [SALT_SETTING, salt])


def check_continuity(task: TableTask, snapshot: Snapshot, identity: tuple[str, int] | None) -> None:
    """Raise FullRefreshNeeded where the watermark says nothing about this source any more."""
    mark = task.watermark
    if mark is None:
        raise FullRefreshNeeded("no watermark")
    if identity and mark.system_identifier and mark.system_identifier != identity[0]:
        raise FullRefreshNeeded("the source is another cluster than at the last sync")
    if identity and mark.timeline and mark.timeline != identity[1]:
        raise FullRefreshNeeded(
            "the source was restored or failed over since the last sync"
            f" (timeline {mark.timeline}, now {identity[1]})"
        )
    if mark.snapshot_xmin > snapshot.xmax:
        raise FullRefreshNeeded(
            "the source's transaction counter went back since the last sync (restored?)"
        )
    if snapshot.xmax - mark.snapshot_xmin >= XID_HALF:
        raise FullRefreshNeeded("the last sync is more than 2^31 transactions ago")


def copy_statement(task: TableTask, condition: str | None) -> str:
    """`COPY (SELECT …) TO STDOUT` of the planned columns."""
    expressions = ", ".join(column.expression for column in task.columns) or "NULL::boolean"
    return _copy_out(task, expressions, condition, copy_format(c.type for c in task.columns))


def keys_statement(task: TableTask) -> str:
    """`COPY` of the key columns of every row, for a sweep of deletes."""
    expressions = ", ".join(column.expression for column in key_columns(task))
    return _copy_out(task, expressions, None, copy_format(c.type for c in key_columns(task)))


def _copy_out(task: TableTask, expressions: str, condition: str | None, shape: str) -> str:
    return (
        f"COPY (SELECT {expressions} FROM {from_clause(task)}{_where(task, condition)})"
        f" TO STDOUT (FORMAT {shape})"
    )


def key_columns(task: TableTask) -> Sequence[PlannedColumn]:
    by_name = {column.name: column for column in task.columns}
    return [by_name[name] for name in task.primary_key]


def from_clause(task: TableTask) -> str:
    relation = f"{identifier(task.relation.schema)}.{identifier(task.relation.name)}"
    return f"ONLY {relation}" if task.relation.kind == "r" else relation


def _only(task: TableTask) -> sql.SQL:
    return sql.SQL("ONLY " if task.relation.kind == "r" else "")


def _where(task: TableTask, condition: str | None) -> str:
    conditions = [f"({part})" for part in (task.settings.where, condition) if part]
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def changed_since(task: TableTask, snapshot: Snapshot) -> str:
    """SQL that is true for every row that the last sync may not have seen.

    Row versions are compared by age(), which counts back from the present and so survives
    the wraparound of 32-bit transaction numbers."""
    mark = task.watermark
    if mark is None:
        raise FullRefreshNeeded("no watermark")
    written_since = f"age(xmin) <= age('{mark.snapshot_xmin % XID_MODULUS}'::xid)"
    if task.strategy == "xmin":
        condition = written_since
    else:
        condition = _cursor_condition(task, mark.cursor_value, written_since)
    new_leaves = sorted(set(snapshot.leaf_oids) - set(mark.leaf_oids))
    if new_leaves:
        listed = ", ".join(str(oid) for oid in new_leaves)
        condition = f"{condition} OR tableoid IN ({listed})"
    return condition


def _cursor_condition(task: TableTask, value: str | None, written_since: str) -> str:
    column = cursor_column(task)
    name = identifier(column.name)
    if value is None:
        return "true"
    mark = f"{sql.Literal(value).as_string()}::{column.source_type}"
    beyond = f"{name} > {mark} OR {name} IS NULL"
    if not task.relation.has_xmin:
        late = _back(column.type.oid, task.settings.lookback)
        return f"{name} > {mark}{late} OR {name} IS NULL" if late else beyond
    back = _back(column.type.oid, task.settings.lookback)
    if not back:
        return f"{beyond} OR {written_since}"
    return f"{beyond} OR ({name} > {mark}{back} AND {written_since})"


def _back(type_oid: int, lookback: str | None) -> str:
    """SQL that takes the lookback off a watermark; empty where none can be taken."""
    if type_oid in TIME_TYPES:
        return f" - {sql.Literal(lookback or DEFAULT_LOOKBACK).as_string()}::interval"
    if type_oid in NUMBER_TYPES and lookback:
        return f" - {sql.Literal(lookback).as_string()}::numeric"
    return ""


def cursor_column(task: TableTask) -> PlannedColumn:
    """The planned cursor column; raises PlanError where there is none of the name."""
    for column in task.columns:
        if column.name == task.settings.cursor:
            return column
    raise PlanError(
        f"{task.source}.{task.label}: the cursor column {task.settings.cursor} is not among"
        " its columns",
        hint="correct cursor in settings, or select the column",
    )


def read_cursor(session: Session, task: TableTask, snapshot: Snapshot) -> str | None:
    """The new watermark: the highest cursor in the snapshot that is neither in the future
    nor infinite, as text that reads back exactly; never behind the last one."""
    column = cursor_column(task)
    name, kind = identifier(column.name), column.type.oid
    conditions = [f"{name} IS NOT NULL"]
    if kind in TIME_TYPES:
        now = sql.Literal(snapshot.taken_at.isoformat()).as_string()
        conditions.append(f"{name} <= {now}::timestamptz::{column.source_type}")
    elif kind in FLOATING_TYPES:
        limit = "NaN" if kind == 1700 and session.info.server_version < 140000 else "Infinity"
        conditions.append(f"{name} < '{limit}'::{column.source_type}")
    if task.settings.where:
        conditions.append(f"({task.settings.where})")
    old = task.watermark.cursor_value if task.watermark else None
    keep = task.watermark is not None and task.watermark.cursor_column == column.name
    if old is not None and keep:
        conditions.append(f"{name} > {sql.Literal(old).as_string()}::{column.source_type}")
    row = session.execute(
        f"SELECT {name}::text FROM {from_clause(task)}"
        f" WHERE {' AND '.join(conditions)} ORDER BY {name} DESC LIMIT 1".encode()
    ).fetchone()
    if row is not None:
        return str(row[0])
    return old if keep else None

"""Reading a source: the SELECT that tells which of its rows to send."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.quoting import identifier
from elconsole.engine.catalog.source import relation_clause
from elconsole.engine.connect.answers import truth, values_of
from elconsole.engine.connect.session import Session
from elconsole.engine.extract.ranges import page_conditions
from elconsole.engine.extract.snapshot import FullRefreshNeeded, Snapshot
from elconsole.engine.plan.cursors import (
    CursorRead,
    as_cursor,
    beyond_watermark,
    cursor_column,
    past,
    watermark_limit,
)
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.task import TableTask
from elconsole.engine.plan.types import copy_format, text_of

XID_MODULUS = 2**32


def copy_whole(task: TableTask) -> str:
    """`COPY` of the planned columns of every row, which come without a pause."""
    return _copy_out(task, task.columns, "")


def copy_statements(
    session: Session, task: TableTask, snapshot: Snapshot, condition: str | None
) -> list[str]:
    """`COPY (SELECT …) TO STDOUT` of the planned columns, in as many parts as it needs."""
    return _copy_parts(session, task, snapshot, task.columns, condition)


def keys_statements(session: Session, task: TableTask, snapshot: Snapshot) -> list[str]:
    """`COPY` of the key columns of every row, for a sweep of deletes."""
    return _copy_parts(session, task, snapshot, key_columns(task), None)


def _copy_parts(
    session: Session,
    task: TableTask,
    snapshot: Snapshot,
    columns: Sequence[PlannedColumn],
    condition: str | None,
) -> list[str]:
    where = where_clause(task, condition)
    # Without a condition the rows themselves come without a pause.
    pages = snapshot.pages if where else 0
    return [
        _copy_out(task, columns, where_clause(task, condition, part))
        for part in page_conditions(session, _select(task, columns) + where, pages)
    ]


def _select(task: TableTask, columns: Sequence[PlannedColumn]) -> str:
    expressions = ", ".join(column.expression for column in columns) or "NULL::boolean"
    return f"SELECT {expressions} FROM {relation_clause(task.relation)}"


def _copy_out(task: TableTask, columns: Sequence[PlannedColumn], where: str) -> str:
    shape = copy_format(column.type for column in columns)
    return f"COPY ({_select(task, columns)}{where}) TO STDOUT (FORMAT {shape})"


def count_statement(task: TableTask, condition: str | None = None) -> str:
    """How many rows the selection has, or those of them that fulfil a condition."""
    where = where_clause(task, condition)
    return f"SELECT pg_catalog.count(*) FROM {relation_clause(task.relation)}{where}"


def shared_key_statement(task: TableTask, condition: str) -> str:
    """SELECT of one key that a row of the condition shares with any other row, as text, and of
    how many rows have it."""
    key = ", ".join(column.expression for column in key_columns(task))
    source = relation_clause(task.relation)
    among = f"({key}) IN (SELECT {key} FROM {source}{where_clause(task, condition)})"
    return (
        f"SELECT pg_catalog.concat_ws(', ', {key}), pg_catalog.count(*)"
        f" FROM {source}{where_clause(task, among)}"
        f" GROUP BY {key} HAVING pg_catalog.count(*) > 1 LIMIT 1"
    )


def key_columns(task: TableTask) -> Sequence[PlannedColumn]:
    by_name = {column.name: column for column in task.columns}
    return [by_name[name] for name in task.primary_key]


def where_clause(task: TableTask, *further: str | None) -> str:
    """The WHERE of the selection and of further conditions; empty where there is none."""
    conditions = [f"({part})" for part in (task.settings.where, *further) if part]
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def changed_since(task: TableTask, snapshot: Snapshot) -> str:
    """SQL that is true for every row that the last sync may not have seen.

    Row versions are compared by age(), which counts back from the present and so survives
    the wraparound of 32-bit transaction numbers."""
    mark = task.watermark
    if mark is None:
        raise FullRefreshNeeded("no watermark")
    if snapshot.xmax <= mark.snapshot_xmin:
        # No transaction has ended since: there is nothing to look for.
        written_since = "false"
    else:
        # The sub-select is computed once; a bare age() of a constant, for every row.
        written_since = written_from(mark.snapshot_xmin)
    if task.strategy == "xmin":
        condition = written_since
    else:
        same = mark.cursor_column == task.settings.cursor
        condition = beyond_watermark(task, mark.cursor_value if same else None, written_since)
    new_leaves = sorted(set(snapshot.partition_oids) - set(mark.partition_oids))
    if new_leaves:
        listed = ", ".join(str(oid) for oid in new_leaves)
        condition = f"{condition} OR tableoid IN ({listed})"
    for part in _in_new_columns(task):
        condition = f"{condition} OR {part}"
    return condition


def _in_new_columns(task: TableTask) -> list[str]:
    """SQL that is true for rows with a value in a column that the last sync did not have: a
    default that a rewrite made permanent changes no row version."""
    mark = task.watermark
    known = mark.source_columns if mark else ()
    new = [column.name for column in task.columns if known and column.name not in known]
    return [f"{identifier(name)} IS DISTINCT FROM NULL" for name in new]


def reread_statement(task: TableTask, most: int) -> str | None:
    """SELECT whether more than `most` rows have a value in a column that the last sync did not
    have; None where there is no such column."""
    parts = _in_new_columns(task)
    if not parts:
        return None
    having = f"FROM {relation_clause(task.relation)}{where_clause(task, ' OR '.join(parts))}"
    return f"SELECT pg_catalog.count(*) > {most} FROM (SELECT {having} LIMIT {most + 1}) AS r"


def written_from(snapshot_xmin: int) -> str:
    """SQL that is true for every row version of this transaction or a later one."""
    mark = f"'{snapshot_xmin % XID_MODULUS}'::xid"
    return f"pg_catalog.age(xmin) <= (SELECT pg_catalog.age({mark}))"


def read_cursor(
    session: Session, task: TableTask, snapshot: Snapshot, timeout_s: float
) -> CursorRead:
    """The highest cursor in the snapshot that may become a watermark; never behind the last
    one. Each part of the table must answer within `timeout_s` seconds."""
    column = cursor_column(task)
    mark = task.watermark
    value = mark.cursor_value if mark and mark.cursor_column == column.name else None
    name, text = identifier(column.name), text_of(column.name, column.type)
    limit = watermark_limit(column, snapshot.taken_at, session.info.server_version)
    source = relation_clause(task.relation)
    whole = where_clause(task, f"{name} IS NOT NULL", limit, past(column, value))
    newest = f"ORDER BY {name} DESC LIMIT 1"
    parts = page_conditions(session, f"SELECT {name} FROM {source}{whole} {newest}", snapshot.pages)
    ahead = False
    for part in parts:
        within = where_clause(task, f"{name} IS NOT NULL", limit, past(column, value), part)
        beyond = where_clause(task, f"NOT ({limit})", part) if limit else " WHERE false"
        with session.within(timeout_s):
            row = session.execute(
                # Without a name of its own the text would be what ORDER BY sorts by.
                f"SELECT (SELECT {text} AS watermark FROM {source}{within} {newest}),"
                f" EXISTS (SELECT FROM {source}{beyond})".encode()
            ).fetchone()
        highest, has_more = values_of(row, 2)
        value = as_cursor(column, highest) if highest else value
        ahead = truth(has_more) or ahead
    return CursorRead(value, ahead)

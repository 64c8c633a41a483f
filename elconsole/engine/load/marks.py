"""Rows that are gone from their source and stay, with the time: carried over, marked, unmarked.

A marked row keeps its columns and its raw id; it counts as written by the sync that marked it,
so that whoever reads by `_airbyte_extracted_at` sees the mark too."""

from __future__ import annotations

import psycopg

from elconsole.core.errors import SchemaConflict
from elconsole.core.quoting import identifier, qualified
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.drift import PlannedColumn, widening
from elconsole.engine.plan.task import TableTask
from elconsole.engine.sql.names import MARK, STORAGE_SCHEMA

META = "_airbyte_meta"


def carry_over(
    session: Session, task: TableTask, leaf: str, defaults: dict[str, str]
) -> tuple[int, int]:
    """Copy what the source has no more from the old leaf into a new one whose rows all came
    from it. Returns how many, and how many of them were there at the last sync.

    Raises SchemaConflict where a marked row's value does not fit its column's new type."""
    if not task.marks or task.parent is None or task.parent.leaf_name is None or task.changes_key:
        return 0, 0
    old = qualified(STORAGE_SCHEMA, task.parent.leaf_name)
    statement = _carrying(task, old, leaf, defaults)
    try:
        row = session.execute(statement.encode()).fetchone()
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.CannotCoerce) as error:
        raise SchemaConflict(
            f"{task.source}.{task.label}: a marked row can't be kept: {error.diag.message_primary}",
            hint=f"change or delete it in {task.target_text} (those whose {MARK} is not NULL),"
            " then sync again",
            sqlstate=error.sqlstate,
        ) from error
    return (row[0], row[1]) if row else (0, 0)


def _carrying(task: TableTask, old: str, leaf: str, defaults: dict[str, str]) -> str:
    mark = f"o.{MARK}" if task.has_marks else "NULL::timestamptz"
    taken_at = defaults["_airbyte_extracted_at"]
    matched = " AND ".join(f"n.{name} = o.{name}" for name in map(identifier, task.primary_key))
    kept = {
        "_airbyte_raw_id": "o._airbyte_raw_id",
        "_airbyte_extracted_at": f"CASE WHEN {mark} IS NULL THEN {taken_at}"
        " ELSE o._airbyte_extracted_at END",
        META: f"CASE WHEN {mark} IS NULL THEN {_meta('o', defaults)} ELSE o.{META} END",
        "_airbyte_generation_id": defaults["_airbyte_generation_id"],
        **_values(task),
        MARK: f"coalesce({mark}, {taken_at})",
    }
    return (
        f"WITH carried AS (INSERT INTO {leaf} ({', '.join(kept)})"
        f" SELECT {', '.join(kept.values())} FROM {old} AS o"
        f" WHERE NOT EXISTS (SELECT FROM {leaf} AS n WHERE {matched})"
        f" RETURNING {MARK} = {taken_at} AS is_new)"
        " SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE is_new) FROM carried"
    )


def _values(task: TableTask) -> dict[str, str]:
    """Per planned column that the old leaf has, in quotes, SQL of its value."""
    stored = [c for c in task.columns if c.name in task.raw_columns]
    return {identifier(c.name): _value(task, c) for c in stored if c.name not in task.hashed_anew}


def _value(task: TableTask, column: PlannedColumn) -> str:
    """The value in the column's new type: as PostgreSQL widens it, else by way of its text."""
    name, raw = f"o.{identifier(column.name)}", task.raw_columns[column.name]
    if (raw.type_oid, raw.typmod) == (column.type.oid, column.type.typmod):
        return name
    text = "" if widening(raw, column.type) != "conflict" else "::text"
    return f"{name}{text}::{column.type.type_sql}"


def _meta(row: str, defaults: dict[str, str]) -> str:
    """A row's meta with this sync's number; what else it tells of the row stays."""
    return (
        f"{row}.{META} || pg_catalog.jsonb_build_object('sync_id', ({defaults[META]})->'sync_id')"
    )


def mark_gone(leaf: str, defaults: dict[str, str], kept: str) -> str:
    """UPDATE of the rows that are there no more; `kept` is a sub-select that finds a row's key."""
    taken_at = defaults["_airbyte_extracted_at"]
    return (
        f"UPDATE {leaf} AS r SET {MARK} = {taken_at}, _airbyte_extracted_at = {taken_at},"
        f" {META} = {_meta('r', defaults)}"
        f" WHERE r.{MARK} IS NULL AND NOT EXISTS ({kept}) RETURNING r.*"
    )


def unmark_found(leaf: str, defaults: dict[str, str], kept: str) -> str:
    """UPDATE of the marked rows whose key is there again, though no change of them was read."""
    return (
        f"UPDATE {leaf} AS r SET {MARK} = NULL,"
        f" _airbyte_extracted_at = {defaults['_airbyte_extracted_at']},"
        f" {META} = {_meta('r', defaults)}"
        f" WHERE r.{MARK} IS NOT NULL AND EXISTS ({kept}) RETURNING r.*"
    )

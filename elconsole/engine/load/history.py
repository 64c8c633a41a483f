"""The versions of a raw table's rows: closed and opened in the transaction that publishes them.

The current versions (`_elconsole_valid_to` NULL) are the unmarked rows that the last sync
published, and a partial unique index finds them by key. A sync therefore compares the rows it
brings with them alone: the changed rows of a merge, or all of a new leaf."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from elconsole.core.quoting import identifier, qualified
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.kept.history import stored_type
from elconsole.engine.plan.task import HistoryTable, TableTask
from elconsole.engine.publish.storage import dependents_error
from elconsole.engine.publish.swap import LOCK_TIMEOUT_MS, patiently
from elconsole.engine.sql.names import MARK, OPERATION, VALID_FROM, VALID_TO

GONE = "pg_temp.elconsole_gone"
CURRENT = f"h.{VALID_TO} IS NULL"
BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_material = off"
ANYHOW = "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_material TO DEFAULT"
"""Around what looks few rows up: how many versions are current, the planner may not know."""


def _history(task: TableTask) -> HistoryTable:
    assert task.history is not None
    return task.history


def _table(task: TableTask) -> str:
    return qualified(task.standing.schema, _history(task).name)


def must_follow(task: TableTask) -> bool:
    """Whether the history is to be made, to get columns, or to be compared as a whole."""
    history = _history(task)
    is_right = history.oid is not None and history.in_step and history.is_indexed
    return not is_right or bool(_changes(task))


def follow(session: Session, task: TableTask, lock_wait_s: float) -> None:
    """Make the history in the open transaction, or give it the planned columns: new ones, NULL
    in old versions, and types that hold the values of both. Dropped columns stay, and an
    index that is gone is made again.

    Raises SwapBlocked where readers hold it, SchemaConflict where a view forbids the change."""
    if _history(task).oid is None:
        session.execute(_creation(task).encode())
        return
    clauses = _changes(task)
    if clauses:
        ddl = f"ALTER TABLE {_table(task)} {', '.join(clauses)}"
        name = _history(task).name
        patiently(session, task, name, lambda: _try(session, task, ddl), lock_wait_s)
    if not _history(task).is_indexed:
        session.execute(_index(task).encode())


def _try(session: Session, task: TableTask, ddl: str) -> bool:
    try:
        session.execute(
            f"SAVEPOINT history; SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'; {ddl};"
            " SET LOCAL lock_timeout TO DEFAULT; RELEASE SAVEPOINT history".encode()
        )
    except psycopg.errors.LockNotAvailable:
        session.execute("ROLLBACK TO SAVEPOINT history")
        return False
    except psycopg.errors.FeatureNotSupported as error:
        raise dependents_error(task, error) from error
    return True


def _creation(task: TableTask) -> str:
    columns = [f"{identifier(c.name)} {c.type.type_sql}" for c in task.columns]
    columns += [
        f"{VALID_FROM} timestamptz NOT NULL",
        f"{VALID_TO} timestamptz",
        f"{OPERATION} text NOT NULL",
    ]
    return f"CREATE TABLE {_table(task)} ({', '.join(columns)}); {_index(task)}"


def _index(task: TableTask) -> str:
    key = ", ".join(map(identifier, task.primary_key))
    return f"CREATE UNIQUE INDEX ON {_table(task)} ({key}) WHERE {VALID_TO} IS NULL"


def _changes(task: TableTask) -> list[str]:
    """ALTER clauses: new columns, and those that take another type."""
    history, clauses = _history(task), []
    for column in task.columns:
        name, raw = identifier(column.name), history.columns.get(column.name)
        wanted = stored_type(history, column)
        if raw is None:
            clauses.append(f"ADD COLUMN {name} {wanted}")
        elif wanted not in (raw.type_text, column.type.type_sql):
            clauses.append(f"ALTER COLUMN {name} TYPE {wanted} USING {name}::{wanted}")
        elif (raw.type_oid, raw.typmod) != (column.type.oid, column.type.typmod) and (
            wanted == column.type.type_sql
        ):
            clauses.append(f"ALTER COLUMN {name} TYPE {wanted}")
    return clauses


def keep_versions(session: Session, task: TableTask, rows: str, defaults: dict[str, str]) -> int:
    """Compare every row of a FROM item, which are all that the source has, with the current
    versions; returns how many versions were opened."""
    before, counting, after = whole(task, rows, defaults)
    if before:
        session.execute("; ".join(before).encode())
    row = session.execute(counting.encode()).fetchone()
    if after:
        session.execute("; ".join(after).encode())
    return int(row[0]) if row else 0


def whole(task: TableTask, rows: str, defaults: dict[str, str]) -> tuple[list[str], str, list[str]]:
    """Statements that do so: the middle one selects the versions opened."""
    if _history(task).oid is None:
        # Until it is analyzed, the planner takes almost all of its versions for closed ones.
        return [], _first(task, rows, defaults), [f"ANALYZE {_table(task)}"]
    if set(_history(task).key) != set(task.primary_key):
        return _rekeying(task, defaults), _first(task, rows, defaults), []
    kept = f"SELECT FROM {rows} AS s WHERE {_matched(task, 's')}"
    gone = f"UPDATE {_table(task)} AS h SET {_closed(defaults)} WHERE {CURRENT}"
    return [f"{gone} AND NOT EXISTS ({kept})"], changed(task, rows, defaults), []


def _rekeying(task: TableTask, defaults: dict[str, str]) -> list[str]:
    """End every version, and have the current ones unique by the new key."""
    find = (
        "SELECT i.indexrelid::regclass FROM pg_catalog.pg_index i"
        f" WHERE i.indrelid = {_history(task).oid} AND i.indisunique"
        f" AND pg_catalog.pg_get_expr(i.indpred, i.indrelid) = '({VALID_TO} IS NULL)'"
    )
    drop = (
        f"DO $rekeying$ DECLARE name regclass; BEGIN FOR name IN {find} LOOP"
        " EXECUTE pg_catalog.format('DROP INDEX %s', name); END LOOP; END $rekeying$"
    )
    end = f"UPDATE {_table(task)} AS h SET {_closed(defaults)} WHERE {CURRENT}"
    return [end, drop, _index(task)]


def _first(task: TableTask, rows: str, defaults: dict[str, str]) -> str:
    """Open a version of every row, none of which has one."""
    return (
        f"WITH opened AS ({_opened(task, [_value(task, c, 's') for c in task.columns], defaults)}"
        f" 'insert' FROM {rows} AS s RETURNING 1) SELECT pg_catalog.count(*) FROM opened"
    )


def changed(task: TableTask, rows: str, defaults: dict[str, str]) -> str:
    """Close and open versions of those rows of a FROM item that are others than their current
    version, or have none; selects how many were opened."""
    new = [f"new_{place}" for place in range(len(task.columns))]
    values = [_value(task, c, "s") for c in task.columns]
    listed = ", ".join(f"{value} AS {name}" for value, name in zip(values, new, strict=True))
    old = ", ".join(f"h.{identifier(c.name)}" for c in task.columns)
    differs = f"row({old})::record OPERATOR(pg_catalog.*<>) row({', '.join(values)})::record"
    seen = (
        f"SELECT h.ctid AS was, {listed} FROM {rows} AS s"
        f" LEFT JOIN {_table(task)} AS h ON {CURRENT} AND {_matched(task, 's')}"
        f" WHERE h.ctid IS NULL OR {differs}"
    )
    closed = (
        f"UPDATE {_table(task)} AS h SET {_closed(defaults)} FROM seen"
        " WHERE h.ctid = seen.was RETURNING 1"
    )
    # Counting them first has them closed first: the index takes one current version a key.
    opened = (
        f"{_opened(task, new, defaults)} CASE WHEN was IS NULL THEN 'insert' ELSE 'update' END"
        " FROM seen WHERE (SELECT pg_catalog.count(*) FROM closed) >= 0 RETURNING 1"
    )
    return (
        f"WITH seen AS MATERIALIZED ({seen}), closed AS ({closed}), opened AS ({opened})"
        " SELECT pg_catalog.count(*) FROM opened"
    )


def _opened(task: TableTask, values: Iterable[str], defaults: dict[str, str]) -> str:
    """INSERT of versions up to the operation, which is to follow."""
    names = [*(identifier(c.name) for c in task.columns), VALID_FROM, OPERATION]
    listed = ", ".join([*values, defaults["_airbyte_extracted_at"]])
    return f"INSERT INTO {_table(task)} ({', '.join(names)}) SELECT {listed},"


def _closed(defaults: dict[str, str]) -> str:
    """SET of a version's end; a source's clock may have gone back."""
    return f"{VALID_TO} = greatest(h.{VALID_FROM}, {defaults['_airbyte_extracted_at']})"


def _value(task: TableTask, column: PlannedColumn, row: str) -> str:
    name, wanted = f"{row}.{identifier(column.name)}", stored_type(_history(task), column)
    return name if wanted == column.type.type_sql else f"{name}::{wanted}"


def _matched(task: TableTask, row: str) -> str:
    by_name = {column.name: column for column in task.columns}
    return " AND ".join(
        f"{_value(task, by_name[name], row)} = h.{identifier(name)}" for name in task.primary_key
    )


def stage_gone(task: TableTask) -> str:
    """A temporary table for the keys of rows that a sweep finds gone."""
    by_name = {column.name: column for column in task.columns}
    listed = ", ".join(
        f"{identifier(name)} {by_name[name].type.type_sql}" for name in task.primary_key
    )
    return f"CREATE TEMPORARY TABLE elconsole_gone ({listed}) ON COMMIT DROP"


def note_gone(task: TableTask) -> str:
    """CTE that notes the keys of the CTE `gone`."""
    key = ", ".join(map(identifier, task.primary_key))
    return f", noted AS (INSERT INTO {GONE} SELECT {key} FROM gone)"


def close_gone(task: TableTask, defaults: dict[str, str]) -> str:
    return (
        f"UPDATE {_table(task)} AS h SET {_closed(defaults)} FROM {GONE} AS g"
        f" WHERE {CURRENT} AND {_matched(task, 'g')}"
    )


def reopen(task: TableTask, defaults: dict[str, str]) -> str:
    """CTE that opens versions of the rows of the CTE `back`."""
    values = [_value(task, c, "back") for c in task.columns]
    return f", opened AS ({_opened(task, values, defaults)} 'insert' FROM back)"


def unmarked(task: TableTask, leaf: str) -> str:
    """FROM item of the rows of a leaf that the source has."""
    is_marked = task.marks or task.has_marks
    return f"(SELECT * FROM {leaf} WHERE {MARK} IS NULL)" if is_marked else leaf

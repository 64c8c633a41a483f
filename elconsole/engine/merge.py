"""The incremental path: stage what changed, write only rows that really differ, sweep."""

from __future__ import annotations

from elconsole.engine import layout
from elconsole.engine.drift import METADATA
from elconsole.engine.extract import key_columns
from elconsole.engine.migrations import STORAGE_SCHEMA
from elconsole.engine.plan import TableTask, identifier
from elconsole.engine.pools import Session
from elconsole.engine.state import Target
from elconsole.engine.swap import swap
from elconsole.errors import PlanError

STAGE = "pg_temp.elconsole_stage"
KEYS = "pg_temp.elconsole_keys"


def known_target(task: TableTask) -> Target:
    """The task's target; it has one from the moment the run assigned the names."""
    if task.target is None:
        raise PlanError(f"{task.source}.{task.label} has no target yet")
    return task.target


def leaf_of(task: TableTask) -> str:
    """The table that carries the rows of `raw.t`."""
    if task.parent is None or task.parent.leaf_name is None:
        raise PlanError(f"{task.target_text} has no rows to merge into")
    return layout.qualified(STORAGE_SCHEMA, task.parent.leaf_name)


def alter_in_place(session: Session, task: TableTask, lock_wait_s: float) -> None:
    """Give the raw table new and widened columns: catalog changes, in a transaction of their
    own, so that their lock does not last as long as the load."""
    drift = task.drift
    if drift is None or not (drift.added or drift.retyped):
        return
    clauses = [f"ADD COLUMN {d}" for d in layout.column_definitions(drift.added, ())]
    clauses += [f"ALTER COLUMN {identifier(c.name)} TYPE {c.type.type_sql}" for c in drift.retyped]
    table = layout.qualified(task.target_schema, task.target_name)
    session.execute("BEGIN")
    swap(session, task, f"ALTER TABLE {table} {', '.join(clauses)}", lock_wait_s)


def create_stage(task: TableTask) -> str:
    definitions = ", ".join(layout.column_definitions(task.columns, ()))
    return f"CREATE TEMPORARY TABLE elconsole_stage ({definitions}) ON COMMIT DROP"


def create_key_stage(task: TableTask) -> str:
    definitions = ", ".join(layout.column_definitions(key_columns(task), ()))
    return f"CREATE TEMPORARY TABLE elconsole_keys ({definitions}) ON COMMIT DROP"


def upsert(
    session: Session, task: TableTask, leaf: str, defaults: dict[str, str]
) -> tuple[int, int]:
    """Write the staged rows by primary key; returns rows inserted and rows updated.

    A row that is the same stays untouched, metadata included. Sameness is of the stored
    bytes (`*<>`): `IS DISTINCT FROM` takes 1.0 for 1.00 and fails for json."""
    names = [identifier(column.name) for column in task.columns]
    gone = _dropped_columns(task)
    listed = ", ".join([*METADATA, *names])
    values = ", ".join([layout.raw_id_default(), *defaults.values(), *names])
    assigned = ", ".join(f"{name} = excluded.{name}" for name in [*METADATA, *names])
    nulled = "".join(f", {name} = NULL" for name in gone)
    old = ", ".join(f"r.{name}" for name in names)
    new = ", ".join(f"excluded.{name}" for name in names)
    key = ", ".join(identifier(name) for name in task.primary_key)
    row = session.execute(
        f"WITH merged AS (INSERT INTO {leaf} AS r ({listed}) SELECT {values} FROM {STAGE}"
        f" ON CONFLICT ({key}) DO UPDATE SET {assigned}{nulled}"
        f" WHERE row({old}) OPERATOR(pg_catalog.*<>) row({new})"
        " RETURNING r.xmax = 0 AS inserted)"
        " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted)"
        " FROM merged".encode()
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _dropped_columns(task: TableTask) -> list[str]:
    """Columns the raw table keeps though the source lost them: NULL from now on."""
    planned = {column.name for column in task.columns}
    return [
        identifier(name)
        for name in task.raw_columns
        if name not in planned and name not in METADATA
    ]


def sweep(session: Session, task: TableTask, leaf: str) -> int:
    """Delete the rows whose key the source no longer has; returns how many."""
    matched = " AND ".join(
        f"k.{identifier(name)} = r.{identifier(name)}" for name in task.primary_key
    )
    session.execute(f"ANALYZE {KEYS}".encode())
    return session.execute(
        f"DELETE FROM {leaf} AS r WHERE NOT EXISTS (SELECT FROM {KEYS} AS k WHERE {matched})".encode()  # noqa: E501
    ).rowcount

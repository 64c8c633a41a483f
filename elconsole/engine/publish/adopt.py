"""Taking over a plain table that stands where a raw table belongs (`--adopt`).

The plain table can't become a partitioned one in place, so it steps aside in the swap and
the new raw table inherits its grants and comments. What would be lost with it, or would
go on pointing at it, makes the adoption fail with its name instead.
"""

from __future__ import annotations

from psycopg import sql

from elconsole.core.errors import TargetTaken
from elconsole.core.quoting import qualified
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.task import TableTask
from elconsole.engine.sql.names import STORAGE_SCHEMA
from elconsole.engine.sql.statements import statement

NAMED = 5


def step_aside(session: Session, task: TableTask, aside: str) -> str:
    """DDL that moves the plain table into the storage schema under the name `aside`, as a
    leftover that the sync's end drops. Raises TargetTaken where something hangs on the table."""
    table = qualified(task.target_schema, task.target_name)
    rows = session.execute(
        sql.SQL(statement("adopt/dependents")).format(table=sql.Literal(table))
    ).fetchall()
    if rows:
        named = ", ".join(str(row[0]) for row in rows[:NAMED])
        raise TargetTaken(
            f"{task.target_text} can't be adopted: {named} hang on it",
            hint="drop them, sync with --adopt, and create them again on the new raw table",
        )
    moved = f"{sql.Identifier(STORAGE_SCHEMA, task.target_name).as_string()}"
    return (
        f"ALTER TABLE {table} SET SCHEMA {STORAGE_SCHEMA};"
        f"ALTER TABLE {moved} RENAME TO {sql.Identifier(aside).as_string()};"
    )


def inherit(session: Session, task: TableTask) -> str:
    """DDL that gives the new raw table the plain table's grants and comments."""
    table = qualified(task.target_schema, task.target_name)
    rows = session.execute(
        sql.SQL(statement("adopt/inherit")).format(table=sql.Literal(table))
    ).fetchall()
    kept = {column.name for column in task.columns}
    return "".join(f";{ddl}" for column, ddl in rows if column is None or column in kept)

"""Putting a new raw table in the place of a table, with all that hangs on it.

`--adopt` does so with a plain table, which can't become a partitioned one: it steps aside, and
what hangs on it comes along. What can't come makes the adoption fail with its name, before a
row is read and again before anything is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from elconsole.core.errors import SchemaConflict, TargetTaken
from elconsole.core.quoting import literal, qualified
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.plan.strategy import MAX_COLUMNS
from elconsole.engine.plan.task import TableTask, known_target
from elconsole.engine.publish import storage, views
from elconsole.engine.publish.storage import Change, columns_changed
from elconsole.engine.sql.names import METADATA, STORAGE_SCHEMA
from elconsole.engine.sql.quoting import constants
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from elconsole.engine.catalog.views import Dependents

NAMED = 8
OBSTACLE, BEFORE, EMPTY = 0, 1, 2
"""Phases of `adopt/hanging.sql`; the later ones come after the rows."""


@record(frozen=True, slots=True)
class Hanging:
    """What hangs on a table, as a new one in its place takes it over."""

    obstacles: tuple[str, ...]
    """What can't come along."""
    before: str
    """A check that all this still holds, and DDL: run while the old table stands."""
    empty: tuple[str, ...]
    """DDL for the new table before its leaf is attached."""
    after: tuple[str, ...]
    """DDL for what it is afterwards."""
    views: Sequence[int]
    names: Sequence[str]
    """The views upon it, which are made again."""


def adopted(session: Session, task: TableTask, leaf: str, aside: str) -> Change:
    """DDL that moves the plain table into the storage schema under the name `aside`, as a
    leftover that the sync's end drops, and puts the raw table in its place.

    Raises TargetTaken where something hangs on the table that can't come along."""
    found = checked(session, task)
    table = qualified(task.target_schema, task.target_name)
    moved = qualified(STORAGE_SCHEMA, task.target_name)
    steps = [
        found.before,
        f"ALTER TABLE {table} SET SCHEMA {STORAGE_SCHEMA}",
        f"ALTER TABLE {moved} RENAME TO {sql.Identifier(aside).as_string()}",
        storage.create_parent(task, table),
        storage.brin_index(table),
        *found.empty,
        storage.attach(table, leaf),
        *found.after,
    ]
    return Change(views.noted(task, found.names), ";".join(steps), found.views)


def rebuilt(session: Session, task: TableTask, leaf: str) -> Change:
    """DDL that makes the raw table anew, without the columns that were dropped, with all that
    hangs on it. Raises SchemaConflict where something can't come along and no column can be added
    any more; until then, the table is altered as ever."""
    found = hanging(session, task, ours=True)
    table = qualified(task.standing.schema, task.standing.name)
    if found.obstacles:
        _check_room(task, found)
        ddl = storage.exchange(task, table, leaf)
        return views.around(session, task, ddl) if columns_changed(task) else Change(task, ddl)
    steps = [
        found.before,
        *storage.remove_leaf(task, table),
        f"DROP TABLE {table}",
        storage.create_parent(task, table),
        *found.empty,
        storage.attach(table, leaf),
        *found.after,
    ]
    # The planner's statistics went with the old table.
    target = replace(known_target(task), analyzed_rows=None)
    return Change(
        views.noted(replace(task, target=target), found.names), ";".join(steps), found.views
    )


def _check_room(task: TableTask, found: Hanging) -> None:
    if storage.numbers_wanted(task) <= MAX_COLUMNS:
        return
    named = ", ".join(clean_text(one) for one in found.obstacles[:NAMED])
    raise SchemaConflict(
        f"{task.source}.{task.label}: dropped columns have used up the {MAX_COLUMNS} numbers that"
        f" {task.target_text} has for columns, and it can't be made anew: {named} hang on it",
        hint="drop or change them, sync, and create them again; the old rows stand until then",
        sqlstate="54011",
    )


def checked(session: Session, task: TableTask) -> Hanging:
    """What hangs on a plain table that is to be adopted, all of which can come along."""
    found = hanging(session, task, ours=False)
    if found.obstacles:
        named = ", ".join(clean_text(one) for one in found.obstacles[:NAMED])
        more = f" and {len(found.obstacles) - NAMED} more" if len(found.obstacles) > NAMED else ""
        raise TargetTaken(
            f"{task.target_text} can't be adopted: {named}{more} hang on it",
            hint="drop or change them, sync with --adopt, and create them again on the new raw"
            " table",
        )
    return found


def hanging(session: Session, task: TableTask, *, ours: bool) -> Hanging:
    """What hangs on the table in the target's place, in the session's open transaction;
    `ours`: whether it is a raw table already."""
    with session.within(CATALOG_TIMEOUT_S):
        return _hanging(session, task, ours=ours)


def _hanging(session: Session, task: TableTask, *, ours: bool) -> Hanging:
    from elconsole.engine.catalog.views import FULLY_QUALIFIED, dependents_of

    query = _query(session, task, ours)
    digest = views.digest_of(query)
    cursor = session.execute(f"{FULLY_QUALIFIED}; {query}; {digest}; {_columns(task)}".encode())
    cursor.nextset()
    rows = [values_of(row, 2) for row in cursor.fetchall()]
    cursor.nextset()
    (seen,) = values_of(cursor.fetchone(), 1)
    cursor.nextset()
    oid, dropped = values_of(cursor.fetchone(), 2)
    dependents = dependents_of(session, oid, (), dropped, whole=True)
    obstacles = [text for phase, text in rows if phase == OBSTACLE]
    before = [
        views.unchanged(query, seen),
        *([views.take_down(dependents)] if dependents.views else []),
        *(ddl for phase, ddl in rows if phase == BEFORE),
    ]
    again = [views.make_again(dependents)] if dependents.views else []
    return Hanging(
        (*obstacles, *_views_in_the_way(session, task, dependents)),
        ";".join(before),
        tuple(ddl for phase, ddl in rows if phase == EMPTY),
        (
            views.forget_defaults(qualified(task.standing.schema, task.standing.name)),
            *(ddl for phase, ddl in rows if phase > EMPTY),
            *again,
        ),
        [view.oid for view in dependents.views],
        [view.name for view in dependents.views],
    )


def _query(session: Session, task: TableTask, ours: bool) -> str:
    kept = [column.name for column in task.columns]
    composed = sql.SQL(statement("adopt/hanging")).format(
        table=sql.SQL(literal(qualified(task.standing.schema, task.standing.name))),
        kept=constants([*kept, *METADATA]),
        key=constants(task.primary_key),
        ours=sql.SQL("true" if ours else "false"),
    )
    return composed.as_string(session)


def _columns(task: TableTask) -> str:
    """SELECT of the table's OID, and the columns that go with it."""
    name = literal(qualified(task.standing.schema, task.standing.name))
    kept = constants([*(column.name for column in task.columns), *METADATA]).as_string()
    return (
        f"SELECT {name}::regclass::oid::int8, ARRAY(SELECT attname::text"
        f" FROM pg_catalog.pg_attribute WHERE attrelid = {name}::regclass AND attnum > 0"
        f" AND NOT attisdropped AND attname <> ALL ({kept}))"
    )


def _views_in_the_way(session: Session, task: TableTask, found: Dependents) -> list[str]:
    blocked = [views.why_not(session, one) for one in found.obstacles]
    if task.settings.on_view_conflict == "fail":
        blocked += [f'view {view.name} (on_view_conflict = "fail")' for view in found.views]
    return blocked

"""The incremental path: stage what changed, write only rows that really differ, sweep."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from elconsole.core.errors import PlanError
from elconsole.core.quoting import identifier, qualified
from elconsole.core.record import record
from elconsole.engine.connect.session import Session
from elconsole.engine.extract.rows import key_columns
from elconsole.engine.plan.task import TableTask, known_target
from elconsole.engine.publish import storage
from elconsole.engine.publish.foresee import with_views
from elconsole.engine.publish.swap import prepare, swap
from elconsole.engine.quality.daily import UnitCounting
from elconsole.engine.sql.names import MARK, METADATA, STORAGE_SCHEMA

STAGE = "pg_temp.elconsole_stage"
KEYS = "pg_temp.elconsole_keys"
MOST_LOOKED_UP = 0.2
"""Share of a table's rows above which looking them up costs more than it saves."""
BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
ANYHOW = "SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"
LOG = logging.getLogger("elconsole.engine")
Step = tuple[str, str]
"""What a statement's answer is called, empty where it has none, and its SQL."""


@record(frozen=True, slots=True)
class Merged:
    """What a merge wrote."""

    inserted: int
    updated: int
    deleted: int
    marked: int
    units: Mapping[str, int] | None
    """Units `passed` and `failed` of the table now; None where they are still to be counted."""
    versions: int = 0
    """Opened in the table's history."""


def leaf_of(task: TableTask) -> str:
    """The table that carries the rows of `raw.t`."""
    if task.parent is None or task.parent.leaf_name is None:
        raise PlanError(f"{task.target_text} has no rows to merge into")
    return qualified(STORAGE_SCHEMA, task.parent.leaf_name)


def raw_types(task: TableTask) -> dict[str, str]:
    """The raw table's columns and their types, without typmod, once it is altered in place."""
    raw = {name: column.type_text for name, column in task.raw_columns.items()}
    added = task.drift.added if task.drift else ()
    raw.update((column.name, column.type.type_sql) for column in added)
    raw.update({MARK: "timestamp with time zone"} if task.marks else {})
    return {name: re.sub(r"\(\d+(,\d+)?\)", "", text) for name, text in raw.items()}


def alter_in_place(session: Session, task: TableTask, lock_wait_s: float) -> None:
    """Give the raw table new and widened columns: catalog changes, in a transaction of their
    own, so that their lock does not last as long as the load."""
    drift = task.drift
    if drift is None:
        return
    clauses = [f"ADD COLUMN {d}" for d in storage.column_definitions(drift.added, ())]
    clauses += storage.new_mark_column(task)
    clauses += [f"ALTER COLUMN {identifier(c.name)} TYPE {c.type.type_sql}" for c in drift.retyped]
    if not clauses:
        return
    table = qualified(task.standing.schema, task.standing.name)
    prepare(session, task, "BEGIN", "")
    change = with_views(session, task, f"ALTER TABLE {table} {', '.join(clauses)}")
    # Its COMMIT shows no rows yet: the table's time goes on.
    ends_at = session.ends_at
    swap(session, task, change.ddl, lock_wait_s, upon=change.views)
    session.ends_at = ends_at


def create_stage(task: TableTask) -> str:
    definitions = ", ".join(storage.column_definitions(task.columns, ()))
    return f"CREATE TEMPORARY TABLE elconsole_stage ({definitions}) ON COMMIT DROP"


def create_key_stage(task: TableTask) -> str:
    definitions = ", ".join(storage.column_definitions(key_columns(task), ()))
    return f"CREATE TEMPORARY TABLE elconsole_keys ({definitions}) ON COMMIT DROP"


def write(
    session: Session,
    task: TableTask,
    leaf: str,
    defaults: dict[str, str],
    *,
    staged: int,
    sweep: bool,
    counting: UnitCounting | None,
) -> Merged:
    """Upsert the `staged` rows, delete or mark those whose key the source no longer has, and
    keep the daily counts of units in step: all in one message."""

    def attempt(counting: UnitCounting | None) -> Merged:
        steps = _steps(task, leaf, defaults, staged, sweep, counting)
        cursor = session.execute("; ".join(sql for _, sql in steps).encode())
        return _merged(cursor, task, [answer for answer, _ in steps if answer])

    if counting is None:
        return attempt(None)
    try:
        return attempt(counting)
    except psycopg.DataError as error:
        # A time out of every range, say: the units are then counted anew, if they can be.
        LOG.info("%s.%s: units not counted: %s", task.source, task.label, error)
        session.execute("ROLLBACK TO SAVEPOINT units")
        return attempt(None)


def are_few(task: TableTask, rows: int) -> bool:
    """Whether so many rows are worth looking up before they are written."""
    return rows <= MOST_LOOKED_UP * (known_target(task).row_count or 0)


def _steps(
    task: TableTask,
    leaf: str,
    defaults: dict[str, str],
    staged: int,
    sweep: bool,
    counting: UnitCounting | None,
) -> list[Step]:
    """The statements of a merge, in their order."""
    steps: list[Step] = []
    if staged:
        steps += _staged_steps(task, leaf, defaults, staged, counting)
    if sweep:
        steps += _sweep_steps(task, leaf, defaults, counting)
    if task.history and not task.history.in_step:
        from elconsole.engine.load.history import unmarked, whole

        before, last, after = whole(task, unmarked(task, leaf), defaults)
        steps += [*(("", sql) for sql in before), ("versions", last), *(("", sql) for sql in after)]
    if counting is not None:
        begin = [("", "SAVEPOINT units"), ("", counting.begin())]
        steps = [*begin, *steps, ("units", counting.finish())]
    return steps


def _staged_steps(
    task: TableTask,
    leaf: str,
    defaults: dict[str, str],
    staged: int,
    counting: UnitCounting | None,
) -> list[Step]:
    few = are_few(task, staged)
    steps: list[Step] = [("written", _upsert(task, leaf, defaults, counting, few=few))]
    if _keeps_versions(task):
        from elconsole.engine.load import history

        steps.append(("versions", history.changed(task, STAGE, defaults)))
        if few:
            steps[-1:] = [("", history.BY_INDEX), steps[-1], ("", history.ANYHOW)]
    return [("", BY_KEY), *steps, ("", ANYHOW)] if few else steps


def _sweep_steps(
    task: TableTask, leaf: str, defaults: dict[str, str], counting: UnitCounting | None
) -> list[Step]:
    find = _mark if task.marks else _sweep
    steps: list[Step] = [("", f"ANALYZE {KEYS}"), ("gone", find(task, leaf, defaults, counting))]
    if _keeps_versions(task):
        from elconsole.engine.load.history import close_gone, stage_gone

        steps = [("", stage_gone(task)), *steps, ("", close_gone(task, defaults))]
    if task.marks and task.has_marks and task.strategy == "cursor":
        # By xmin, a row that comes back is a change, and was read.
        steps.append(("back", _unmark(task, leaf, defaults, counting)))
    return steps


def _keeps_versions(task: TableTask) -> bool:
    """Whether versions follow what is merged: else all rows are compared with them."""
    return task.history is not None and task.history.in_step


def _merged(cursor: psycopg.Cursor[Any], task: TableTask, answers: Sequence[str]) -> Merged:
    """Read the answers, named in the order of their statements."""
    rows: list[Any] = []
    while True:
        if cursor.description is not None:
            rows.append(cursor.fetchone())
        if not cursor.nextset():
            break
    found = dict(zip(answers, rows, strict=True))
    inserted, updated = found.get("written") or (0, 0)
    (gone,), (back,) = (found.get(name) or (0,) for name in ("gone", "back"))
    (versions,) = found.get("versions") or (0,)
    units = found.get("units")
    return Merged(
        inserted=inserted,
        updated=updated + back,
        deleted=0 if task.marks else gone,
        marked=gone if task.marks else 0,
        units={"passed": units[0], "failed": units[1]} if units else None,
        versions=versions + (back if _keeps_versions(task) else 0),
    )


def _upsert(
    task: TableTask,
    leaf: str,
    defaults: dict[str, str],
    counting: UnitCounting | None,
    *,
    few: bool,
) -> str:
    """Write the staged rows by primary key; selects how many were inserted and updated.

    Few rows are looked up first: what a row was is then read beside what it becomes, block
    by block, and one that is the same is not even locked. For many that would cost more than the
    needless locks. The CTEs' columns have names of their own, whatever the table's are."""
    units = [identifier(name) for name in counting.read] if counting else []
    steps = []
    if few:
        kept = "MATERIALIZED " if counting else ""
        steps.append(f"seen AS {kept}({_seen(task, leaf, units)})")
    steps.append(f"merged AS ({_write(task, leaf, defaults, units, looked_up=few)})")
    if counting is not None:
        left = _renamed("old", units, "seen WHERE was_there")
        arrived = _renamed("now", units, "merged")
        steps.append(f"counted AS ({counting.moved(left=left, arrived=arrived)})")
    return (
        f"WITH {', '.join(steps)}"
        " SELECT pg_catalog.count(*) FILTER (WHERE is_new),"
        " pg_catalog.count(*) FILTER (WHERE NOT is_new) FROM merged"
    )


def _seen(task: TableTask, leaf: str, units: Sequence[str]) -> str:
    """SELECT of the staged rows that are new or differ, with what counts of the old ones."""
    was_there = f"r.{identifier(task.primary_key[0])} IS NOT NULL"
    columns = [
        f"{was_there} AS was_there",
        *(f"s.{identifier(c.name)} AS new_{place}" for place, c in enumerate(task.columns)),
        *(f"r.{name} AS old_{place}" for place, name in enumerate(units)),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {STAGE} AS s"
        f" LEFT JOIN {leaf} AS r ON {_matched(task, 's')}"
        f" WHERE NOT ({was_there}) OR {_differs(task, 's')}"
    )


def _write(
    task: TableTask, leaf: str, defaults: dict[str, str], units: Sequence[str], *, looked_up: bool
) -> str:
    """Upsert of what was seen, or of the whole stage; returns whether each row is new, and
    what counts of it now."""
    names = [*METADATA, *(identifier(column.name) for column in task.columns)]
    taken = [f"new_{place}" for place in range(len(task.columns))]
    rows, condition = "seen", ""
    if not looked_up:
        rows = f"{STAGE} AS seen ({', '.join(taken)})"
        condition = f" WHERE {_differs(task, 'excluded')}"
    values = ", ".join([storage.raw_id_default(), *defaults.values(), *taken])
    key = ", ".join(identifier(name) for name in task.primary_key)
    assigned = [f"{name} = excluded.{name}" for name in names]
    nulled = [f"{name} = NULL" for name in _dropped_columns(task)]
    returned = "".join(f", r.{name} AS now_{place}" for place, name in enumerate(units))
    return (
        f"INSERT INTO {leaf} AS r ({', '.join(names)}) SELECT {values} FROM {rows}"
        f" ON CONFLICT ({key}) DO UPDATE SET {', '.join([*assigned, *nulled])}{condition}"
        f" RETURNING r.xmax = 0 AS is_new{returned}"
    )


def _differs(task: TableTask, other: str) -> str:
    """True where the stored bytes are others (`*<>`): `IS DISTINCT FROM` takes 1.0 for 1.00
    and fails for json. A marked row is another one than any of the source's."""
    names = [identifier(column.name) for column in task.columns]
    old, new = (", ".join(f"{side}.{name}" for name in names) for side in ("r", other))
    differs = f"row({old})::record OPERATOR(pg_catalog.*<>) row({new})::record"
    return f"({differs} OR r.{MARK} IS NOT NULL)" if task.has_marks else differs


def _renamed(prefix: str, names: Sequence[str], rows: str) -> str:
    """A FROM item of a CTE's numbered columns under the table's own names."""
    listed = ", ".join(f"{prefix}_{place} AS {name}" for place, name in enumerate(names))
    return f"(SELECT {listed} FROM {rows}) AS t"


def _dropped_columns(task: TableTask) -> list[str]:
    """Columns the raw table keeps though the source has none such: NULL from now on, where
    they may be."""
    planned = {column.name for column in task.columns}
    return [
        identifier(name)
        for name, column in task.raw_columns.items()
        if not (name in planned or name in METADATA or column.is_generated or column.not_null)
    ]


def _matched(task: TableTask, other: str) -> str:
    return " AND ".join(
        f"{other}.{identifier(name)} = r.{identifier(name)}" for name in task.primary_key
    )


def count_statement(task: TableTask, leaf: str, staged: bool) -> str:
    """How many rows the leaf will have once the staged ones are in it; of marked ones, none."""
    there = f"r.{MARK} IS NULL" if task.marks else "true"
    count = f"SELECT (SELECT pg_catalog.count(*) FROM {leaf} AS r WHERE {there})"
    if not staged:
        return count
    present = f"SELECT FROM {leaf} AS r WHERE {_matched(task, 's')} AND {there}"
    return f"{count} + (SELECT pg_catalog.count(*) FROM {STAGE} AS s WHERE NOT EXISTS ({present}))"


def _kept(task: TableTask) -> str:
    """Sub-select that finds the key of the row `r` among those that the source has."""
    return f"SELECT FROM {KEYS} AS k WHERE {_matched(task, 'k')}"


def _sweep(
    task: TableTask, leaf: str, _defaults: dict[str, str], counting: UnitCounting | None
) -> str:
    gone = f"DELETE FROM {leaf} AS r WHERE NOT EXISTS ({_kept(task)}) RETURNING r.*"
    return _gone(task, gone, "gone", counting)


def _mark(
    task: TableTask, leaf: str, defaults: dict[str, str], counting: UnitCounting | None
) -> str:
    from elconsole.engine.load.marks import mark_gone

    left = "gone"
    if counting:
        names = [identifier(name) for name in counting.read if name != MARK]
        # Their units leave as they were: without the mark.
        left = f"(SELECT {', '.join([*names, f'NULL::timestamptz AS {MARK}'])} FROM gone) AS t"
    return _gone(task, mark_gone(leaf, defaults, _kept(task)), left, counting)


def _gone(task: TableTask, find: str, left: str, counting: UnitCounting | None) -> str:
    """Run what returns the rows that are gone; selects how many. `left`: FROM item of their
    units."""
    noted = ""
    if _keeps_versions(task):
        from elconsole.engine.load.history import note_gone

        noted = note_gone(task)
    counted = f", counted AS ({counting.moved(left=left)})" if counting else ""
    return f"WITH gone AS ({find}){noted}{counted} SELECT pg_catalog.count(*) FROM gone"


def _unmark(
    task: TableTask, leaf: str, defaults: dict[str, str], counting: UnitCounting | None
) -> str:
    from elconsole.engine.load.marks import unmark_found

    opened = ""
    if _keeps_versions(task):
        from elconsole.engine.load.history import reopen

        opened = reopen(task, defaults)
    back = f"back AS ({unmark_found(leaf, defaults, _kept(task))})"
    counted = f", counted AS ({counting.moved(arrived='back')})" if counting else ""
    return f"WITH {back}{opened}{counted} SELECT pg_catalog.count(*) FROM back"

"""How a raw table is stored, and how its content is replaced without a pause for readers.

`raw.t` is partitioned and has exactly one partition, the DEFAULT one: the leaf, a plain
table in a schema of our own that carries the rows, the primary key and the indexes. A
refresh fills a new leaf and exchanges it for the old one, which takes a catalog change's
time whatever the size; views, grants, comments and policies hang on the parent and stay.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg import sql

from elconsole.core.errors import SchemaConflict, TargetTaken
from elconsole.core.quoting import identifier, literal, qualified
from elconsole.core.record import record
from elconsole.engine.connect.session import Session
from elconsole.engine.ledger.places import Place
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.task import TableTask
from elconsole.engine.plan.types import TypePlan, copy_format
from elconsole.engine.sql.names import MARK, STORAGE_SCHEMA
from elconsole.engine.sql.quoting import constant
from elconsole.engine.sql.statements import statement

PARTITION_KEY = "_airbyte_generation_id"
FILLER = PlannedColumn("_elconsole_filler", "NULL::boolean", TypePlan("boolean", None, 16, -1), "")
"""Stands in for the columns of a table that has none: COPY needs one."""
SMALL_BYTES = 8 * 2**20
"""Up to this size an old leaf, with its indexes, is dropped in the swap itself."""
CANNOT = "ELV01"
"""SQLSTATE of ours: a view could not be made again."""
MOVED = "ELV02"
"""SQLSTATE of ours: what hangs on the table is other than a moment ago."""
EARLY_NUMBERS = 1200
"""Numbers of columns from which on a raw table is made anew, where nothing stands in the way."""
WORN = 200
"""Dropped columns from which on it is worth it."""
PARENT_METADATA = (
    "_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL,"
    " _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint NOT NULL"
)
MARK_COLUMN = f"{MARK} timestamptz"


@record(frozen=True, slots=True)
class Change:
    """What changes a raw table, and what it takes along."""

    task: TableTask
    """Which notes the views."""
    ddl: str
    views: Sequence[int] = ()
    """OIDs of those that are taken down and made again."""


def columns_changed(task: TableTask) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The raw table's columns that this sync retypes and drops; None where it does neither."""
    if task.drift is None or task.parent is None:
        return None
    retyped = tuple(column.name for column in task.drift.retyped)
    dropped = task.drift.dropped if task.strategy == "full" else ()
    return (retyped, dropped) if retyped or dropped else None


def wears_out(task: TableTask) -> bool:
    """Whether a refresh had better make the raw table anew: dropped columns use up the numbers
    that a table has for columns."""
    parent = task.parent
    if parent is None or task.strategy != "full" or task.drift is None:
        return False
    dropped = parent.numbers_used - len(task.raw_columns) + len(task.drift.dropped)
    return dropped >= WORN and numbers_wanted(task) > EARLY_NUMBERS


def numbers_wanted(task: TableTask) -> int:
    """How many numbers of columns the raw table will have used if it is altered."""
    used = task.parent.numbers_used if task.parent else 0
    return used + (len(task.drift.added) if task.drift else 0)


def raw_id_default() -> str:
    """SQL of a default that makes `_airbyte_raw_id`: an RFC 9562 version-8 UUID, its first 74
    free bits random per load, its last group a counter of twelve digits."""
    bits = os.urandom(10).hex()
    variant = "89ab"[os.urandom(1)[0] % 4]
    prefix = f"{bits[:8]}-{bits[8:12]}-8{bits[12:15]}-{variant}{bits[15:18]}-"
    return f"'{prefix}' || pg_catalog.nextval('elconsole.row_counter'::regclass)::text"


def metadata_defaults(extracted_at: datetime, run_number: int, generation: int) -> dict[str, str]:
    """SQL of the metadata columns that are the same for every row of a load."""
    meta = json.dumps({"sync_id": run_number, "changes": []})
    return {
        "_airbyte_extracted_at": f"timestamptz '{extracted_at.isoformat()}'",
        "_airbyte_meta": f"jsonb '{meta}'",
        "_airbyte_generation_id": f"bigint '{generation}'",
    }


def column_definitions(columns: Sequence[PlannedColumn], key: Sequence[str]) -> list[str]:
    return [
        f"{identifier(c.name)} {c.type.type_sql}{' NOT NULL' if c.name in key else ''}"
        for c in columns
    ]


def create_leaf(task: TableTask, leaf: str) -> str:
    """DDL of a new leaf, as the COPY fills it: the constant metadata is not there yet."""
    definitions = [
        f"_airbyte_raw_id varchar NOT NULL DEFAULT {raw_id_default()}",
        *column_definitions(task.columns or (FILLER,), task.primary_key),
    ]
    return f"CREATE TABLE {leaf} ({', '.join(definitions)})"


def copy_into(table: str, columns: Sequence[PlannedColumn], options: str = "") -> str:
    """`COPY … FROM STDIN` of these columns; of a filler for a table that has none."""
    listed = ", ".join(identifier(column.name) for column in columns or (FILLER,))
    shape = copy_format(column.type for column in columns)
    return f"COPY {table} ({listed}) FROM STDIN (FORMAT {shape}{options})"


def finish_leaf(task: TableTask, leaf: str, defaults: dict[str, str]) -> str:
    """DDL after the COPY: constant columns (stored once, not per row), key, index.

    The defaults go once the stored rows have them, or a later insert would inherit them."""
    types = {
        "_airbyte_extracted_at": "timestamptz",
        "_airbyte_meta": "jsonb",
        "_airbyte_generation_id": "bigint",
    }
    added = [
        f"ADD COLUMN {name} {types[name]} NOT NULL DEFAULT {value}"
        for name, value in defaults.items()
    ]
    added += [f"ADD COLUMN {MARK_COLUMN}"] * task.marks
    dropped = [f"ALTER COLUMN {name} DROP DEFAULT" for name in ("_airbyte_raw_id", *defaults)]
    statements = [
        f"ALTER TABLE {leaf} {', '.join(added)}",
        f"ALTER TABLE {leaf} {', '.join(dropped)}",
    ]
    if not task.columns:
        statements.append(f"ALTER TABLE {leaf} DROP COLUMN {identifier(FILLER.name)}")
    if task.primary_key:
        key = ", ".join(identifier(name) for name in task.primary_key)
        statements.append(f"ALTER TABLE {leaf} ADD PRIMARY KEY ({key})")
    if task.parent is None:
        statements.append(f"CREATE INDEX ON {leaf} USING brin (_airbyte_extracted_at)")
    return ";".join(statements)


def match_parent(task: TableTask, leaf: str) -> str:
    """SQL that builds on the leaf all that the attach would otherwise build under the lock.

    What hangs on a column that this refresh drops goes with it; a table that is adopted has
    no unique index but the key's."""
    if task.parent is None and not task.adopt:
        return ""
    standing = literal(qualified(task.target_schema, task.target_name))
    needs = sql.SQL(statement("catalog/parent_needs")).format(
        parent=sql.Literal(task.parent.oid) if task.parent else sql.SQL(f"{standing}::regclass"),
        leaf=constant(leaf),
        unique=sql.SQL("false" if task.adopt else "true"),
    )
    dropping = "true" if task.adopt or (task.drift and task.drift.dropped) else "false"
    return _do(
        f"DECLARE ddl text; BEGIN FOR ddl IN {needs.as_string()} LOOP"
        " BEGIN EXECUTE ddl; EXCEPTION WHEN undefined_column THEN"
        f" IF NOT {dropping} THEN RAISE; END IF; END; END LOOP; END"
    )


def create_parent(task: TableTask, parent: str) -> str:
    marks = [MARK_COLUMN] * task.marks
    definitions = ", ".join([PARENT_METADATA, *column_definitions(task.columns, ()), *marks])
    return f"CREATE TABLE {parent} ({definitions}) PARTITION BY LIST ({PARTITION_KEY})"


def brin_index(parent: str) -> str:
    return f"CREATE INDEX ON {parent} USING brin (_airbyte_extracted_at)"


def attach(parent: str, leaf: str) -> str:
    return f"ALTER TABLE {parent} ATTACH PARTITION {leaf} DEFAULT"


def move(old: Place, new: Place, *, history: bool) -> str:
    """DDL that gives a raw table another place, under its lock; empty where it keeps its own.

    What hangs on it follows. A name that is only passed through must be free in both schemas,
    and so must those of the indexes, which go to the new schema too."""
    if old == new:
        return ""
    free = f"{_free_index_names(old, new)};" if old.schema != new.schema else ""
    tables = [(old, new)]
    if history:
        tables.append((old.history, new.history))
    return free + "".join(_moved(*one) for one in tables)


def _moved(old: Place, new: Place) -> str:
    if old.schema == new.schema:
        return f"ALTER TABLE {qualified(old.schema, old.name)} RENAME TO {identifier(new.name)};"
    passing = f"elconsole_moves_{os.urandom(6).hex()}"
    return (
        f"ALTER TABLE {qualified(old.schema, old.name)} RENAME TO {passing};"
        f"ALTER TABLE {qualified(old.schema, passing)} SET SCHEMA {identifier(new.schema)};"
        f"ALTER TABLE {qualified(new.schema, passing)} RENAME TO {identifier(new.name)};"
    )


def _free_index_names(old: Place, new: Place) -> str:
    """A block that renames the raw table's indexes whose names the new schema has already."""
    table = literal(qualified(old.schema, old.name))
    return _do(
        "DECLARE taken record; BEGIN FOR taken IN"
        " SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_index i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE i.indrelid = {table}::regclass AND EXISTS (SELECT FROM pg_catalog.pg_class o"
        " JOIN pg_catalog.pg_namespace s ON s.oid = o.relnamespace"
        f" WHERE o.relname = c.relname AND s.nspname = {literal(new.schema)})"
        " LOOP EXECUTE pg_catalog.format('ALTER INDEX %I.%I RENAME TO %I', taken.nspname,"
        " taken.relname, pg_catalog.left(taken.relname, 40) || '_' || taken.oid::text);"
        " END LOOP; END"
    )


def exchange(task: TableTask, parent: str, leaf: str) -> str:
    """DDL that shows the new leaf: under the parent's lock, a catalog change only."""
    if task.parent is None:
        steps = [create_parent(task, parent), brin_index(parent)]
    else:
        steps = remove_leaf(task, parent)
        if changes := parent_changes(task):
            steps.append(f"ALTER TABLE {parent} {', '.join(changes)}")
    return ";".join([*steps, attach(parent, leaf)])


def remove_leaf(task: TableTask, parent: str) -> list[str]:
    """DDL that takes the old rows from the raw table."""
    if task.parent is None or task.parent.leaf_name is None:
        return []
    return [_drop_or_detach(parent, qualified(STORAGE_SCHEMA, task.parent.leaf_name))]


def _drop_or_detach(parent: str, leaf: str) -> str:
    """DDL that drops a small old leaf, and detaches any other for `drop_leaf` to drop later.

    DETACH looks through every constraint of the database, twice for a leaf with a key: for
    thousands of small tables that takes longer than their rows. But a COMMIT answers only
    when the dropped files are gone, and somebody may have built upon the leaf, or a vacuum
    be at its TOAST table."""
    detach = f"ALTER TABLE {parent} DETACH PARTITION {leaf}"
    return _do(
        f"BEGIN IF pg_catalog.pg_total_relation_size({literal(leaf)}) > {SMALL_BYTES}"
        f" THEN {detach}; ELSE BEGIN DROP TABLE {leaf};"
        " EXCEPTION WHEN dependent_objects_still_exist OR lock_not_available"
        f" THEN {detach}; END; END IF; END"
    )


def _do(block: str) -> str:
    """An anonymous block of PL/pgSQL, quoted by what no name in it can contain."""
    tag = f"$do_{os.urandom(6).hex()}$"
    return f"DO {tag} {block} {tag}"


def parent_changes(task: TableTask) -> list[str]:
    """ALTER clauses that give the empty parent the planned columns."""
    drift = task.drift
    if drift is None:
        return []
    clauses = [f"DROP COLUMN {identifier(name)}" for name in drift.dropped]
    clauses += [
        f"ALTER COLUMN {identifier(c.name)} TYPE {c.type.type_sql} USING NULL::{c.type.type_sql}"
        for c in drift.retyped
    ]
    clauses += [f"ADD COLUMN {d}" for d in column_definitions(drift.added, ())]
    return clauses + new_mark_column(task)


def new_mark_column(task: TableTask) -> list[str]:
    """ALTER clause that gives a raw table its column for marks, where it lacks one."""
    return [f"ADD COLUMN {MARK_COLUMN}"] * (task.marks and not task.has_marks)


def dependents_error(task: TableTask, error: psycopg.Error) -> SchemaConflict:
    """A column that something uses can't be dropped or retyped: name what uses it."""
    detail = " ".join((error.diag.message_detail or "").split())
    return SchemaConflict(
        f"{task.source}.{task.label}: {error.diag.message_primary}; {detail}".rstrip("; "),
        hint=f"drop what depends on it, sync, and create it again over {task.target_text};"
        " the old rows stand until then",
        sqlstate=error.sqlstate,
    )


def name_taken(task: TableTask, error: psycopg.Error) -> TargetTaken:
    """The raw table's new name, or one that has to go with it, is somebody else's meanwhile."""
    return TargetTaken(
        f"{task.source}.{task.label}: {task.standing.text} can't become {task.target_text}:"
        f" {error.diag.message_primary}",
        hint="rename or drop what has the name; the table stands where it stood",
        sqlstate=error.sqlstate,
    )


def leftovers_query(target_id: int, kept: int | None) -> str:
    """SELECT of the leaves of this target that no parent has, but for one to be kept: an old
    generation, or a dead run's."""
    # A range of names, which the catalog's index serves however many tables there are.
    return (
        "SELECT c.relname FROM pg_catalog.pg_class c"
        f" WHERE c.relname >= 't{target_id}_g' AND c.relname < 't{target_id}_h'"
        f" AND c.relnamespace = pg_catalog.to_regnamespace('{STORAGE_SCHEMA}') AND c.relkind = 'r'"
        f" AND NOT c.relispartition AND c.oid <> {kept or 0}"
    )


def drop_leaf(name: str) -> str:
    """SQL that drops one detached leaf, if it is still there, in a transaction of its own."""
    return (
        "BEGIN; SET LOCAL lock_timeout = '200ms';"
        f" DROP TABLE IF EXISTS {qualified(STORAGE_SCHEMA, name)}; COMMIT"
    )


def try_drop(session: Session, statements: str) -> bool:
    """Run SQL that begins with `drop_leaf`; False, with nothing done, where somebody reads
    the leaf or built upon it: then a later sync tries again."""
    try:
        session.execute(statements.encode())
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.UndefinedTable,
        psycopg.errors.DependentObjectsStillExist,
    ):
        session.execute("ROLLBACK")
        return False
    return True

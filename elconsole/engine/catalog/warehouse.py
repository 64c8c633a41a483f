"""What the warehouse holds before a sync: targets, watermarks, raw tables. Read only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from itertools import groupby
from operator import attrgetter

import psycopg
from psycopg.rows import class_row

from elconsole.core.errors import ElconsoleError
from elconsole.core.record import record
from elconsole.engine.catalog.source import FIRST_USER_OID, MONEY_UNIT, TABLES_AT_ONCE
from elconsole.engine.connect.answers import NotBelieved, several, values_of, words
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.places import Place
from elconsole.engine.ledger.schema import ledger_version
from elconsole.engine.ledger.targets import Target, Targets, read_targets
from elconsole.engine.sql.statements import statement, trusting

NO_TARGETS = Targets(())


@record(frozen=True, slots=True)
class RawColumn:
    relation: int
    name: str
    type_oid: int
    typmod: int
    type_text: str
    not_null: bool
    is_generated: bool = False
    """Whether the server computes it; only a user can have added such a column."""


@record(frozen=True, slots=True)
class RawRelation:
    """A relation that stands in a target schema, ours or not."""

    oid: int
    schema: str
    name: str
    kind: str
    is_ours: bool
    """Whether it is stored the way elconsole stores raw tables."""
    leaf_oid: int | None
    leaf_name: str | None
    leaf_key: Sequence[str] | None = None
    """Columns of the leaf's primary key; of a history, those of its current versions' key."""
    numbers_used: int = 0
    """Of the numbers that a table has for its columns; those of dropped columns stay used."""
    other_partition: str | None = None
    """A partition that is not our leaf."""
    stranger: str | None = None
    """Its owner, or its leaf's, where that is a role that is not trusted."""
    may_run_code: bool = False
    """Whether it has triggers, or others have rights to its leaf."""
    trigger: str | None = None
    """A trigger on either that would run such a role's code."""
    trigger_maker: str | None = None
    """Such a role, if it may put triggers on the leaf."""


@record(frozen=True, slots=True)
class WarehouseState:
    schema: str
    """The warehouse's, by which the ledger knows whose the targets are."""
    known_types: Mapping[int, str]
    """Its built-in types of single values, ranges and arrays, and what it calls them in SQL."""
    encoding: str = "UTF8"
    """The warehouse's, as PostgreSQL names it."""
    server_version: int = 0
    """As libpq gives it: 170002."""
    money_unit: str | None = None
    """The stored bytes of 1 as `money`."""
    ledger: Targets = NO_TARGETS
    targets: Mapping[TableKey, Target] = field(default_factory=dict)
    relations: Mapping[Place, RawRelation] = field(default_factory=dict)
    columns: Mapping[int, Mapping[str, RawColumn]] = field(default_factory=dict)


def read_state(
    session: Session, schemas: Sequence[str], *, is_prepared: bool = False
) -> WarehouseState:
    """A few round trips, whatever the number of tables; works on an empty warehouse.

    `schemas`: all that settings name for raw tables, the warehouse's own first.
    `is_prepared`: this run has seen the ledger already, and that it is no trap."""
    with session.within(CATALOG_TIMEOUT_S), _one_instant(session):
        known, unit = _read_types(session)
        has_ledger = is_prepared or ledger_version(session, schemas)
        ledger = read_targets(session) if has_ledger else NO_TARGETS
        targets = ledger.of(schemas[0])
        looked_at = sorted({*schemas, *(target.place.schema for target in targets.values())})
        with session.cursor(row_factory=class_row(RawRelation)) as cursor:
            found = cursor.execute(trusting("catalog/warehouse_tables"), [looked_at]).fetchall()
        histories = {one.place.history for one in targets.values() if one.history_run_id}
        ours = {
            one.oid
            for one in found
            if one.is_ours or (one.kind == "r" and Place(one.schema, one.name) in histories)
        }
        relations = {
            Place(relation.schema, relation.name): relation
            for relation in _with_triggers(session, found, ours)
        }
        columns = read_raw_columns(session, sorted(ours))
    return WarehouseState(
        schemas[0],
        known,
        session.encoding,
        session.info.server_version,
        unit,
        ledger,
        targets,
        relations,
        columns,
    )


def _with_triggers(
    session: Session, found: Sequence[RawRelation], ours: Collection[int]
) -> Sequence[RawRelation]:
    """The relations, with the triggers of those of ours that have any."""
    asked = [relation.oid for relation in found if relation.oid in ours and relation.may_run_code]
    if not asked:
        return found
    rows = session.execute(trusting("catalog/raw_triggers"), [asked]).fetchall()
    found_rows = (values_of(row, 3) for row in rows)
    hung = {oid: {"trigger": trigger, "trigger_maker": maker} for oid, trigger, maker in found_rows}
    return [replace(relation, **hung.get(relation.oid, {})) for relation in found]


def _read_types(session: Session) -> tuple[dict[int, str], str]:
    row = session.execute(
        "SELECT pg_catalog.array_agg(oid::int8),"
        f" pg_catalog.array_agg(pg_catalog.format_type(oid, -1)), {MONEY_UNIT}"
        " FROM pg_catalog.pg_type WHERE oid < %s AND typtype IN ('b', 'r', 'm')"
        " AND typnamespace = 'pg_catalog'::regnamespace".encode(),
        [FIRST_USER_OID],
    ).fetchone()
    oids, names, unit = values_of(row, 3)
    return dict(zip(several(oids), values_of(names, len(several(oids))), strict=True)), words(unit)


@contextmanager
def _one_instant(session: Session) -> Iterator[None]:
    """A table that another sync publishes meanwhile is seen whole or not at all: a raw table
    without its target would be taken for somebody else's."""
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        yield
    except (psycopg.Error, ElconsoleError, NotBelieved):
        # The run's end is still to be written on this session.
        with suppress(psycopg.Error, ElconsoleError):
            session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")


def read_raw_columns(session: Session, oids: list[int]) -> dict[int, dict[str, RawColumn]]:
    rows: list[RawColumn] = []
    with session.cursor(row_factory=class_row(RawColumn)) as cursor:
        for first in range(0, len(oids) or 1, TABLES_AT_ONCE):
            some = oids[first : first + TABLES_AT_ONCE]
            rows += cursor.execute(statement("catalog/warehouse_columns"), [some]).fetchall()
    return {
        oid: {column.name: column for column in columns}
        for oid, columns in groupby(rows, key=attrgetter("relation"))
    }

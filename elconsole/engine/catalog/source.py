"""What a database says of its own tables, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import psycopg

from elconsole.config.patterns import spelled, table_matches
from elconsole.core.errors import ElconsoleError, UnexpectedAnswer
from elconsole.core.quoting import identifier
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.answers import (
    LARGEST_OID,
    NotBelieved,
    checked_row,
    values_of,
    whole,
    words,
)
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.sql.names import LEDGER_SCHEMA
from elconsole.engine.sql.statements import statement

BASE_TABLE_KINDS = frozenset("rp")
FIRST_USER_OID = 16384
MONEY_OIDS = frozenset({790, 791})
"""`money` and its array."""
MONEY_UNIT = "pg_catalog.encode(pg_catalog.cash_send(1::int4::money), 'hex')"
"""How a database stores 1 as `money`: in cents, in yen, as its `lc_monetary` says."""
SYSTEM_IDENTIFIER = "(pg_catalog.pg_control_system()).system_identifier::text"
TIMELINE = """greatest((pg_catalog.pg_control_checkpoint()).timeline_id,
       (pg_catalog.pg_control_recovery()).min_recovery_end_timeline,
       (SELECT r.received_tli FROM pg_catalog.pg_stat_get_wal_receiver() r),
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN ('x' || pg_catalog.substr(
         pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int8
       END)::int8"""
"""The newest timeline that a server knows of: its control file has the one of its last
checkpoint, which after a failover is another's for as long as the next one takes."""
TABLES_AT_ONCE = 1000
"""Whose columns are asked for in one statement: `inflow.ANSWER_BYTES` bounds its answer."""
LABEL_CELLS = 200
"""Of a source's own name for a type, which is shown and nothing else."""


@record(frozen=True, slots=True)
class SourceRelation:
    """A table, partitioned table, view, materialised view or foreign table."""

    oid: int
    schema: str
    name: str
    kind: str
    """As in `pg_class.relkind`: r, p, v, m, f."""
    is_partition: bool
    of_extension: bool
    rows_estimated: float | None
    bytes_estimated: int | None
    is_readable: bool = True
    """Whether the role may read the whole table: column-level grants allow no LOCK TABLE."""
    has_foreign_partition: bool = False
    """Whether a partition is a foreign table, whose rows come without their transaction."""
    is_ours: bool = False
    """Whether elconsole made it, or it stands among the copies: source and warehouse may be
    one database."""
    has_children: bool = False
    """Whether tables inherit from this one, whose rows a SELECT of it has too."""
    reads_children: bool = False
    """Whether it is read with their rows."""

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def is_base_table(self) -> bool:
        """Whether `*` means it: no view, no part of another table, no extension's own."""
        return self.kind in BASE_TABLE_KINDS and not (self.is_partition or self.of_extension)

    @property
    def has_xmin(self) -> bool:
        """Whether its rows carry the transaction that wrote them."""
        return self.kind in BASE_TABLE_KINDS and not self.has_foreign_partition


@record(frozen=True, slots=True)
class SourceColumn:
    relation: int
    name: str
    number: int
    type_oid: int
    typmod: int
    type_text: str
    """What the source calls it, `numeric(5,2)`: a label for reports, never SQL."""
    collation: str | None
    """Its name where it is not the type's default: a label, too."""
    key_position: int | None
    """1-based place in the primary key."""
    has_missing: bool
    """Whether it was added with a default to rows that existed."""
    nullable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "type_text", clean_text(self.type_text, LABEL_CELLS))
        if self.collation is not None:
            object.__setattr__(self, "collation", clean_text(self.collation, LABEL_CELLS))


@record(frozen=True, slots=True)
class TypeFacts:
    oid: int
    schema: str
    name: str
    kind: str
    """As in `pg_type.typtype`: b, c, d, e, r, m, p."""
    base_oid: int
    base_typmod: int
    element_oid: int
    array_oid: int
    delimiter: str
    """What stands between values of it in an array's text."""

    @property
    def built_in(self) -> bool:
        return self.oid < FIRST_USER_OID


@record(frozen=True, slots=True)
class SourceCatalog:
    """The relations chosen from one source, with their columns and types."""

    relations: tuple[SourceRelation, ...]
    columns: Mapping[int, tuple[SourceColumn, ...]]
    types: Mapping[int, TypeFacts]
    missing: tuple[str, ...] = ()
    """Names in settings that no relation bears."""
    unmatched: tuple[str, ...] = ()
    """Globs in settings that no base table matches."""
    everything: tuple[SourceRelation, ...] = field(default=(), repr=False)
    """Every relation of the source, chosen or not."""
    identity: tuple[str, int] | None = None
    """System identifier and timeline of its cluster, where the role may read them."""
    server_version: int = 0
    """As libpq gives it: 170002."""
    money_unit: str | None = None
    """The stored bytes of 1 as `money`, which `lc_monetary` decides; None where no column
    is of that type."""
    unique: Mapping[int, Sequence[frozenset[str]]] = field(default_factory=dict)
    """Per relation whose key settings name, sets of columns that an index keeps unique."""
    refused: Mapping[int, ElconsoleError] = field(default_factory=dict)
    """Per relation, why its rows can't be read as settings ask."""


@record(frozen=True, slots=True)
class Choice:
    """What patterns name of a source's relations."""

    relations: tuple[SourceRelation, ...]
    missing: tuple[str, ...]
    """Names that no relation bears."""
    unmatched: tuple[str, ...]
    """Globs that no base table matches."""


def choose(
    relations: Sequence[SourceRelation], wanted: Iterable[str], excluded: Iterable[str]
) -> Choice:
    """The relations that the patterns name; a name may name anything, in brackets too, a glob
    means base tables only. Elconsole's own are meant by what spells their schema, and by the
    name that no other bears."""
    chosen: dict[int, SourceRelation] = {}
    missing: dict[str, None] = {}
    unmatched: dict[str, None] = {}
    for pattern in wanted:
        name = spelled(pattern)
        found = _meant([r for r in relations if matches(r, pattern)], pattern)
        chosen.update((relation.oid, relation) for relation in found)
        if not found and name is not None:
            missing[name] = None
        elif not found:
            unmatched[pattern] = None
    refused = list(excluded)
    kept = [r for r in chosen.values() if not any(matches(r, pattern) for pattern in refused)]
    return Choice(tuple(kept), tuple(missing), tuple(unmatched))


def _meant(matching: Sequence[SourceRelation], pattern: str) -> Sequence[SourceRelation]:
    """Those of the relations that bear a pattern's name that it means."""
    name = spelled(pattern)
    found = [r for r in matching if r.is_base_table or name]
    schema, dot, _ = pattern.partition(".")
    others = [r for r in found if not r.is_ours or (dot and spelled(schema) == r.schema)]
    return others if others or name is None else found


def with_copies(
    relations: Sequence[SourceRelation], target_schema: str
) -> Sequence[SourceRelation]:
    """The relations, of which those in the target schema are ours where the ledger is there."""
    if not any((r.schema, r.name) == (LEDGER_SCHEMA, "targets") for r in relations):
        return relations
    return [replace(r, is_ours=r.is_ours or r.schema == target_schema) for r in relations]


def relation_clause(relation: SourceRelation) -> str:
    """The relation as a FROM clause names it: a plain table alone, unless it is read with its
    children."""
    named = f"{identifier(relation.schema)}.{identifier(relation.name)}"
    alone = relation.kind == "r" and not relation.reads_children
    return f"ONLY {named}" if alone else named


def matches(relation: SourceRelation, pattern: str) -> bool:
    """Whether a name, qualified name or glob means this relation."""
    return table_matches(pattern, relation.schema, relation.name)


def read_source(
    session: Session, wanted: Iterable[str], excluded: Iterable[str], target_schema: str
) -> SourceCatalog:
    """Introspect a source; five round trips, and one for each further thousand of tables.

    Raises NotBelieved or UnexpectedAnswer for what no catalog can hold."""
    with session.within(CATALOG_TIMEOUT_S):
        everything = with_copies(read_relations(session), target_schema)
        chosen = choose(everything, wanted, excluded)
        columns = read_columns(session, [relation.oid for relation in chosen.relations])
        used = sorted({column.type_oid for several in columns.values() for column in several})
        types = _complete(read_types(session, used), used)
        identity = read_identity(session)
        unit = read_money_unit(session) if MONEY_OIDS.intersection(types) else None
    return SourceCatalog(
        chosen.relations,
        columns,
        types,
        chosen.missing,
        chosen.unmatched,
        tuple(everything),
        identity,
        session.info.server_version,
        unit,
    )


def read_relations(session: Session, condition: str = "true") -> list[SourceRelation]:
    """Every relation that a sync could read, of which the SQL `condition` is true."""
    query = f"SELECT * FROM ({statement('catalog/source_tables')}) AS found WHERE {condition}"
    with session.cursor(row_factory=checked_row(SourceRelation)) as cursor:
        found = cursor.execute(query.encode()).fetchall()
    for key in (attrgetter("oid"), attrgetter("schema", "name")):
        if len(set(map(key, found))) < len(found):
            raise UnexpectedAnswer(f"{session.server.name} has two tables of one name or OID")
    return found


def read_columns(session: Session, oids: Sequence[int]) -> dict[int, tuple[SourceColumn, ...]]:
    """The columns of tables; of so many at once that an honest answer is never a huge one."""
    rows: list[SourceColumn] = []
    with session.cursor(row_factory=checked_row(SourceColumn)) as cursor:
        for first in range(0, len(oids) or 1, TABLES_AT_ONCE):
            some = list(oids[first : first + TABLES_AT_ONCE])
            rows += cursor.execute(statement("catalog/source_columns"), [some]).fetchall()
    grouped = groupby(rows, key=attrgetter("relation"))
    return {oid: tuple(columns) for oid, columns in grouped}


def read_types(session: Session, oids: Sequence[int]) -> dict[int, TypeFacts]:
    with session.cursor(row_factory=checked_row(TypeFacts)) as cursor:
        rows = cursor.execute(statement("catalog/types"), [list(oids)]).fetchall()
    return {facts.oid: facts for facts in rows}


def _complete(types: dict[int, TypeFacts], used: Iterable[int]) -> dict[int, TypeFacts]:
    """The types, if all that they are made of is among them."""
    for oid in used:
        made_of: set[int] = set()
        while oid and oid not in made_of:
            if oid not in types:
                raise NotBelieved(f"type {oid} is not among the types")
            made_of.add(oid)
            oid = types[oid].base_oid or types[oid].element_oid
    return types


def read_money_unit(session: Session) -> str:
    (unit,) = values_of(session.execute(f"SELECT {MONEY_UNIT}".encode()).fetchone(), 1)
    return words(unit)


def read_identity(session: Session) -> tuple[str, int] | None:
    """Which cluster this is, and how often it was restored or promoted; None where the role
    may not know."""
    try:
        row = session.execute(f"SELECT {SYSTEM_IDENTIFIER}, {TIMELINE}".encode()).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return None if row is None else identity_of(row)


def identity_of(row: Sequence[Any]) -> tuple[str, int]:
    system_identifier, timeline = values_of(row, 2)
    return words(system_identifier), whole(timeline, 0, LARGEST_OID)

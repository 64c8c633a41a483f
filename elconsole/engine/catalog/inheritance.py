"""Tables whose rows stand in others that inherit from them, as TimescaleDB stores hypertables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from elconsole.config.patterns import spelled
from elconsole.engine.catalog.source import SourceCatalog, SourceRelation, matches
from elconsole.engine.connect.answers import LARGEST_OID, values_of, whole
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.sql.statements import statement

Families = Mapping[int, Collection[int]]
"""By a parent's OID, those of all that inherit from it, however far down."""


def with_families(session: Session, catalog: SourceCatalog, tables: Sequence[str]) -> SourceCatalog:
    """The catalog, with each parent that is read with its children marked as such: one that
    `tables` has the name of, while none of its children is selected. Asks nothing where no
    such parent is."""
    parents = [r for r in catalog.relations if r.has_children and _is_named(r, tables)]
    if not parents:
        return catalog
    with session.within(CATALOG_TIMEOUT_S):
        families = _read_families(session, [parent.oid for parent in parents])
    return replace(catalog, relations=_joined(catalog, families))


def _is_named(relation: SourceRelation, tables: Sequence[str]) -> bool:
    return any(spelled(pattern) and matches(relation, pattern) for pattern in tables)


def _read_families(session: Session, parents: Sequence[int]) -> Families:
    families: dict[int, set[int]] = defaultdict(set)
    for row in session.execute(statement("catalog/source_families"), [parents]).fetchall():
        parent, child = (whole(oid, 1, LARGEST_OID) for oid in values_of(row, 2))
        families[parent].add(child)
    return families


def _joined(catalog: SourceCatalog, families: Families) -> tuple[SourceRelation, ...]:
    by_oid = {relation.oid: relation for relation in catalog.everything}
    chosen = {relation.oid for relation in catalog.relations}

    def read(relation: SourceRelation) -> SourceRelation:
        family = families.get(relation.oid, ())
        if not family or not chosen.isdisjoint(family):
            return relation
        return _whole_family(relation, [by_oid[oid] for oid in family if oid in by_oid])

    return tuple(map(read, catalog.relations))


def _whole_family(parent: SourceRelation, children: Sequence[SourceRelation]) -> SourceRelation:
    members = (parent, *children)
    rows = [m.rows_estimated for m in members if m.rows_estimated and m.rows_estimated > 0]
    return replace(
        parent,
        reads_children=True,
        rows_estimated=sum(rows) if rows else None,
        bytes_estimated=sum(m.bytes_estimated or 0 for m in members),
        has_foreign_partition=any(child.kind == "f" for child in children),
    )

"""Which type a source column gets in the warehouse, and how its SELECT must cast it.

Binary COPY carries a value's bytes without its type, so a column travels as it is only
where both servers mean exactly the same type by them. Everything else is cast in the
source's SELECT: domains to their base type, the rest to text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from elconsole.core.record import record
from elconsole.engine.catalog.source import SourceColumn, TypeFacts

NO_PORTABLE_BINARY = frozenset(
    {
        "aclitem",
        "cstring",
        "gtsvector",
        "pg_brin_bloom_summary",
        "pg_brin_minmax_multi_summary",
        "pg_dependencies",
        "pg_mcv_list",
        "pg_ndistinct",
        "pg_node_tree",
    }
)
"""Built-in types without binary input, or whose bytes mean nothing elsewhere."""

TEXT_ONLY_OIDS = frozenset({3615, 3645})
"""tsquery and its array: binary output writes an empty one, binary input refuses it."""


@record(frozen=True, slots=True)
class TypePlan:
    """A column's type in the warehouse."""

    type_sql: str
    cast: str | None
    """The type its SELECT casts to; None where the bytes travel as they are."""
    oid: int
    """The type's OID, the same on every server, to compare with what the warehouse has."""
    typmod: int


def copy_format(plans: Iterable[TypePlan]) -> str:
    """The COPY format that carries these types: binary wherever it can."""
    return "text" if any(plan.oid in TEXT_ONLY_OIDS for plan in plans) else "binary"


TEXT = TypePlan("text", "text", 25, -1)
TEXT_ARRAY = TypePlan("text[]", "text[]", 1009, -1)


def plan_type(column: SourceColumn, types: Mapping[int, TypeFacts], known: Set[int]) -> TypePlan:
    """`known` holds the OIDs of the warehouse's built-in types."""
    facts = types[column.type_oid]
    if facts.kind == "d":
        return _plan_domain(facts, types, known)
    if facts.element_oid:
        return _plan_array(facts, column.type_text, column.typmod, types, known)
    if _travels(facts, known):
        return TypePlan(column.type_text, None, facts.oid, column.typmod)
    return TEXT


def _plan_domain(domain: TypeFacts, types: Mapping[int, TypeFacts], known: Set[int]) -> TypePlan:
    base = types[domain.base_oid]
    if base.kind == "d":
        return _plan_domain(base, types, known)
    text = domain.base_text or base.name
    if base.element_oid:
        plan = _plan_array(base, text, domain.base_typmod, types, known)
        return TypePlan(plan.type_sql, plan.type_sql, plan.oid, plan.typmod)
    if _travels(base, known):
        return TypePlan(text, text, base.oid, domain.base_typmod)
    return TEXT


def _plan_array(
    array: TypeFacts, text: str, typmod: int, types: Mapping[int, TypeFacts], known: Set[int]
) -> TypePlan:
    element = types[array.element_oid]
    if element.kind == "d":
        return _plan_array_of_domain(element, types, known)
    if _travels(element, known) and array.oid in known:
        return TypePlan(text, None, array.oid, typmod)
    return TEXT_ARRAY


def _plan_array_of_domain(
    domain: TypeFacts, types: Mapping[int, TypeFacts], known: Set[int]
) -> TypePlan:
    base = types[domain.base_oid]
    if base.kind == "d":
        return _plan_array_of_domain(base, types, known)
    if base.element_oid or base.array_oid not in known or not _travels(base, known):
        return TEXT_ARRAY
    text = f"{domain.base_text}[]"
    return TypePlan(text, text, base.array_oid, domain.base_typmod)


def _travels(facts: TypeFacts, known: Set[int]) -> bool:
    return (
        facts.built_in
        and facts.oid in known
        and facts.kind in "brm"
        and facts.schema == "pg_catalog"
        and facts.name not in NO_PORTABLE_BINARY
        and not facts.name.startswith("reg")
    )

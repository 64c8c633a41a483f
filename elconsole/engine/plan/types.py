"""Which type a source column gets in the warehouse, and how its SELECT must write it.

Binary COPY carries a value's bytes without its type, so a column travels as it is only
where both servers mean exactly the same type by them. Everything else is written otherwise
in the source's SELECT: domains as their base type, the rest as text.

A type's name in SQL is the warehouse's own for its OID: what a source calls its types is a
label for reports. Text is made by a type's output function, as `concat` calls it: a cast
would run whatever function the type's owner made for it (`CREATE CAST (mood AS text) …`).
Casts of domains are ignored by PostgreSQL, but those of their arrays are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from elconsole.core.errors import PlanError
from elconsole.core.quoting import identifier, qualified
from elconsole.core.record import record
from elconsole.engine.catalog.source import SourceColumn, TypeFacts
from elconsole.engine.plan.modifiers import held_since, with_modifier

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
MOST_DOMAINS = 100
"""Domains upon domains beneath a column; more are a circle."""

Cast = Literal["base", "text", "array", "elements", "hash"]
"""To a domain's base type; to text; through its text to an array; to an array, element by
element; to a digest."""


@record(frozen=True, slots=True)
class TypePlan:
    """A column's type in the warehouse."""

    type_sql: str
    cast: Cast | None
    """How its SELECT writes it; None where the bytes travel as they are."""
    oid: int
    """The type's OID, the same on every server, to compare with what the warehouse has."""
    typmod: int


def copy_format(plans: Iterable[TypePlan]) -> str:
    """The COPY format that carries these types: binary wherever it can."""
    return "text" if any(plan.oid in TEXT_ONLY_OIDS for plan in plans) else "binary"


TEXT = TypePlan("text", "text", 25, -1)
TEXT_ARRAY = TypePlan("text[]", "array", 1009, -1)
TEXT_ELEMENTS = TypePlan("text[]", "elements", 1009, -1)

Types = Mapping[int, TypeFacts]
Known = Mapping[int, str]
"""The warehouse's built-in types, by OID, and their names there as SQL."""

INFINITE_INTERVALS_VERSION = 170000
INTERVAL_OIDS = frozenset({1186, 1187})
JSONPATH_OIDS = frozenset({4072, 4073})
OCTAL_CHARS_VERSION = 150000
CHAR_OIDS = frozenset({18, 1002})


def not_held(source_version: int, warehouse_version: int) -> frozenset[int]:
    """Types, by OID, with values that mean nothing or something else to an older warehouse."""
    found: frozenset[int] = frozenset()
    if warehouse_version < INFINITE_INTERVALS_VERSION <= source_version:
        found |= INTERVAL_OIDS
    if warehouse_version < OCTAL_CHARS_VERSION <= source_version:
        # As text it is written in octal, which an older server reads as a backslash.
        found |= CHAR_OIDS
    if source_version // 10000 > warehouse_version // 10000:
        # Its bytes are its text, which has methods that an older parser does not know.
        found |= JSONPATH_OIDS
    return found


def plan_type(
    where: str, column: SourceColumn, types: Types, known: Known, version: int
) -> TypePlan:
    """`known` and `version` are the warehouse's. Raises PlanError, naming the column of the
    table `where`, for a type that can't be."""
    try:
        return _plan(column, types, known, version)
    except (ValueError, LookupError) as error:
        raise PlanError(
            f"{where}: the source gives the column {column.name} a type that PostgreSQL does not"
            f" have: {error}",
            hint="see what was changed in the source's pg_catalog, or exclude the column",
        ) from error


def compared_as(column: SourceColumn, plan: TypePlan, types: Types) -> str | None:
    """SQL of the type of constants that the column is compared with in the source.

    None where a comparison may call functions of the source's users: a composite's input
    checks its domains, say."""
    if plan.cast in (None, "base"):
        return plan.type_sql
    facts, _, _ = _beneath(column.type_oid, column.typmod, types)
    if plan.cast == "text" and facts.kind in "be":
        # A constant without a type would let an implicit cast of the user's decide.
        return qualified(facts.schema, facts.name)
    return None


def selected(name: str, plan: TypePlan) -> str:
    """SQL of the column in the source's SELECT."""
    column = identifier(name)
    if plan.cast is None:
        return column
    if plan.cast == "base":
        return f"{column}::{plan.type_sql}"
    if plan.cast == "array":
        return unless_null(column, f"pg_catalog.concat({column})::{plan.type_sql}")
    if plan.cast == "elements":
        return unless_null(column, _elements(column))
    return output_text(column)


def text_of(name: str, plan: TypePlan) -> str:
    """SQL of the column's whole text: as the cast to text has it for types of PostgreSQL's
    own, as the output function has it for others."""
    if plan.cast in (None, "base"):
        return f"{selected(name, plan)}::text"
    return output_text(identifier(name))


def output_text(value: str) -> str:
    """SQL of what the output function of a value's type writes."""
    return unless_null(value, f"pg_catalog.concat({value})")


def unless_null(value: str, expression: str) -> str:
    """`IS NOT NULL` would be false for a composite value of NULLs."""
    return f"CASE WHEN {value} IS DISTINCT FROM NULL THEN {expression} END"


def _elements(array: str) -> str:
    """SQL of a text[] with an array's elements, whatever stands between them in its text.

    Its bounds are written before it; for more than one dimension PostgreSQL then finds that
    they do not fit, and the statement fails."""
    texts = (
        f"ARRAY(SELECT {output_text('item.element')}"
        f" FROM pg_catalog.unnest({array}) WITH ORDINALITY AS item (element, place)"
        " ORDER BY item.place)"
    )
    bounds = f"pg_catalog.array_dims({array}) || '='"
    return f"pg_catalog.concat({bounds}, {texts})::text[]"


def _plan(column: SourceColumn, types: Types, known: Known, version: int) -> TypePlan:
    facts, typmod, of_domain = _beneath(column.type_oid, column.typmod, types)
    if facts.element_oid:
        return _plan_array(facts, typmod, of_domain, types, known, version)
    if not _travels(facts, known):
        return TEXT
    typmod = _taken(facts.oid, typmod, version)
    type_sql = with_modifier(facts.oid, known[facts.oid], typmod)
    return TypePlan(type_sql, "base" if of_domain else None, facts.oid, typmod)


def _plan_array(
    array: TypeFacts, typmod: int, of_domain: bool, types: Types, known: Known, version: int
) -> TypePlan:
    element, modifier, of_domains = _beneath(array.element_oid, typmod, types)
    oid = element.array_oid if of_domains else array.oid
    name = known.get(element.oid)
    if element.element_oid or known.get(oid) != f"{name}[]" or not _travels(element, known):
        between = types[array.element_oid].delimiter
        return TEXT_ARRAY if between == "," else TEXT_ELEMENTS
    modifier = _taken(element.oid, modifier, version)
    type_sql = f"{with_modifier(element.oid, known[element.oid], modifier)}[]"
    cast: Cast | None = "array" if of_domains else "base" if of_domain else None
    return TypePlan(type_sql, cast, oid, modifier)


def _taken(oid: int, typmod: int, version: int) -> int:
    """The modifier, or none where the warehouse's version does not take it."""
    return typmod if version >= held_since(oid, typmod) else -1


def _beneath(oid: int, typmod: int, types: Types) -> tuple[TypeFacts, int, bool]:
    """What is beneath domains: the type, its modifier, and whether there are any."""
    for depth in range(MOST_DOMAINS):
        if oid not in types:
            raise LookupError(f"there is no type {oid}")
        facts = types[oid]
        if facts.kind != "d":
            return facts, typmod, depth > 0
        oid, typmod = facts.base_oid, facts.base_typmod
    raise ValueError(f"the domain {oid} is made of itself")


def _travels(facts: TypeFacts, known: Known) -> bool:
    """Whether its bytes mean the same there, by what either server says of it."""
    names = {facts.name, known.get(facts.oid, "")}
    return (
        facts.built_in
        and facts.oid in known
        and facts.kind in "brm"
        and facts.schema == "pg_catalog"
        and not names & NO_PORTABLE_BINARY
        and not any(name.startswith("reg") for name in names)
    )

"""Which raw tables no sync fills any more, and why: pure, from ledger, settings and catalogs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from elconsole.config.patterns import table_matches
from elconsole.core.results import UnfedTable
from elconsole.engine.catalog.source import SourceRelation, choose
from elconsole.engine.ledger.places import Place
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.survey import Survey
from elconsole.engine.plan.table import RELATION_KINDS

if TYPE_CHECKING:
    from elconsole.config.models import Settings, SourceSettings
    from elconsole.engine.catalog.warehouse import WarehouseState

Held = Mapping[str, Iterable[SourceRelation]]
"""Per source that could be asked, every relation it holds."""


def surveyed_unfed(
    settings: Settings, found: Survey, state: WarehouseState
) -> tuple[UnfedTable, ...]:
    """The unfed tables of a survey of every source."""
    held = {name: catalog.everything for name, catalog in found.catalogs.items()}
    standing = {place for place, relation in state.relations.items() if relation.is_ours}
    return unfed_tables(settings, state.targets.values(), standing, held)


def unfed_tables(
    settings: Settings, targets: Iterable[Target], standing: Collection[Place], held: Held
) -> tuple[UnfedTable, ...]:
    """The raw tables that no sync fills any more, by name.

    `targets`: the ledger's, of these settings; `standing`: where raw tables stand, since one
    that was dropped is missed by nobody. A source that is configured and not among `held` did
    not answer, which says nothing of its tables."""
    published = [target for target in targets if target.generation]
    seen = Counter((target.key[0], target.key[2]) for target in published)
    there = {name: {(r.schema, r.name): r for r in relations} for name, relations in held.items()}
    found = []
    for target in sorted(published, key=lambda target: target.place.text):
        source, schema, table = target.key
        reason = _reason(settings, target, there)
        if reason is None or target.place not in standing:
            continue
        found.append(
            UnfedTable(
                target=target.place.text,
                source=source,
                table=f"{schema}.{table}" if seen[source, table] > 1 else table,
                since=target.last_synced_at,
                reason=reason,
            )
        )
    return tuple(found)


def _reason(
    settings: Settings,
    target: Target,
    there: Mapping[str, Mapping[tuple[str, str], SourceRelation]],
) -> str | None:
    """Why no sync fills it; None where one does, or where that can't be told."""
    name, schema, table = target.key
    source = settings.sources.get(name)
    if source is None:
        return f"the source {name} is no longer configured"
    if name not in there:
        return None
    relation = there[name].get((schema, table))
    if relation is None:
        return (
            f"{name} has no table {schema}.{table} any more: it was dropped or renamed,"
            " or its role can't see it"
        )
    return _unselected(name, source, relation)


def _unselected(name: str, source: SourceSettings, relation: SourceRelation) -> str | None:
    """Why settings do not select it; None where they do."""
    if choose([relation], source.tables, source.exclude).relations:
        return None
    schema, table = relation.schema, relation.name
    for pattern in source.exclude:
        if table_matches(pattern, schema, table):
            return f"settings exclude {relation.qualified} of {name} ({pattern})"
    if any(table_matches(pattern, schema, table) for pattern in source.tables):
        kind = _kind(relation)
        return f"{relation.qualified} of {name} is now {kind}, which only its own name selects"
    return f"no pattern in the tables of {name} names {relation.qualified}"


def _kind(relation: SourceRelation) -> str:
    """What it is instead of a base table, which globs select."""
    if relation.is_partition:
        return "a partition of another table"
    if relation.of_extension:
        return "an extension's table"
    if relation.is_ours:
        return "a table of elconsole's own"
    return f"a {RELATION_KINDS[relation.kind]}"

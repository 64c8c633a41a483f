"""What a request selects, and what the sources hold of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

from elconsole.config.keys import nearest
from elconsole.config.patterns import is_glob, read_argument, spelled
from elconsole.core.errors import ElconsoleError, UsageError
from elconsole.core.quoting import qualified
from elconsole.core.record import record
from elconsole.engine.catalog.source import (
    FIRST_USER_OID,
    SourceCatalog,
    SourceRelation,
    matches,
    read_source,
)
from elconsole.engine.connect.parallel import side_by_side
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.conditions import refused_backfill, refused_conditions

if TYPE_CHECKING:
    import threading

    from elconsole.config.fields import NewPolicy
    from elconsole.config.models import Settings, SourceSettings

ONE_TABLE = """name it, with its schema where there are two: `elconsole --headless sync \
SOURCE.TABLE --backfill "CONDITION"`"""


@record(frozen=True, slots=True)
class Selected:
    """One source of a request, and the patterns that name its tables; none means all."""

    name: str
    settings: SourceSettings
    patterns: tuple[str, ...]
    target_schema: str
    """Where its copies stand, which no glob means where the source is the warehouse."""
    backfill: str | None = None
    """The condition whose rows are to be read again; there is one pattern then, a name."""


@record(frozen=True, slots=True)
class Survey:
    """What the sources hold, or why one could not be asked."""

    selected: tuple[Selected, ...]
    catalogs: Mapping[str, SourceCatalog]
    failures: Mapping[str, ElconsoleError]
    relations: Mapping[str, tuple[SourceRelation, ...]] = field(default_factory=dict)
    """Per source, the relations to sync."""

    def keys(self) -> list[TableKey]:
        return [
            (source, relation.schema, relation.name)
            for source, relations in self.relations.items()
            for relation in relations
        ]


def select(
    settings: Settings, selection: Sequence[str], backfill: str | None = None
) -> tuple[Selected, ...]:
    """Read `SOURCE[.TABLE]` arguments; raises UsageError for a source that isn't there, and where
    there is a backfill of anything but one table."""
    selected = _select(settings, selection)
    if backfill is None:
        return selected
    named = [pattern for one in selected for pattern in one.patterns]
    if len(selected) != 1 or len(named) != 1 or is_glob(named[0]):
        raise UsageError("--backfill reads rows of one table again", hint=ONE_TABLE)
    return (replace(selected[0], backfill=backfill),)


def _select(settings: Settings, selection: Sequence[str]) -> tuple[Selected, ...]:
    if not settings.sources:
        raise UsageError(
            "no source is configured", hint="add a [sources.NAME] block; `elconsole init` helps"
        )
    schema = settings.warehouse.target_schema
    if not selection:
        return tuple(
            Selected(name, source, (), schema) for name, source in settings.sources.items()
        )
    patterns: dict[str, list[str]] = {}
    whole: set[str] = set()
    for argument in selection:
        name, table = read_argument(argument, settings.sources)
        require_sources(settings, [name])
        patterns.setdefault(name, []).extend([table] if table else [])
        if not table:
            whole.add(name)
    return tuple(
        Selected(name, settings.sources[name], () if name in whole else tuple(tables), schema)
        for name, tables in patterns.items()
    )


def require_sources(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageError, with the near miss, for the first that is no source."""
    for name in names:
        if name not in settings.sources:
            near = nearest(name, settings.sources)
            listed = ", ".join(settings.sources)
            raise UsageError(
                f"there is no source {name}",
                hint=f"did you mean {near}?" if near else f"the sources are {listed}",
            )


def survey(
    selected: tuple[Selected, ...],
    pools: Mapping[str, Pool],
    stop: threading.Event | None = None,
) -> Survey:
    """Introspect the sources side by side; one that fails does not hold the others up."""
    read = _guarded(pools, stop)
    outcomes = side_by_side((partial(read, one) for one in selected), "survey", stop)
    catalogs = {
        one.name: found
        for one, found in zip(selected, outcomes, strict=True)
        if isinstance(found, SourceCatalog)
    }
    failures = {
        one.name: found
        for one, found in zip(selected, outcomes, strict=True)
        if isinstance(found, ElconsoleError)
    }
    relations = {
        one.name: _chosen(one, catalogs[one.name]) for one in selected if one.name in catalogs
    }
    return Survey(selected, catalogs, failures, relations)


def new_tables(
    settings: Settings, found: Survey, known: Mapping[TableKey, Target]
) -> dict[TableKey, NewPolicy]:
    """Tables that globs alone name, of sources that were synced without them, and what settings
    say of such; none where they say nothing. `known`: the ledger's targets.

    One that has a target was selected before, whatever became of its first load."""
    synced = {target.key[0] for target in known.values() if target.generation}
    policies: dict[TableKey, NewPolicy] = {}
    for one in found.selected:
        policy = one.settings.new_tables or settings.new_tables
        if policy == "sync" or one.name not in synced:
            continue
        plain = [p for p in (*one.settings.tables, *one.patterns) if spelled(p) is not None]
        for relation in found.relations.get(one.name, ()):
            key = (one.name, relation.schema, relation.name)
            if key not in known and not any(matches(relation, pattern) for pattern in plain):
                policies[key] = policy
    return policies


def _guarded(
    pools: Mapping[str, Pool], stop: threading.Event | None
) -> Callable[[Selected], SourceCatalog | ElconsoleError]:
    def read(one: Selected) -> SourceCatalog | ElconsoleError:
        try:
            with pools[one.name].session(stop) as session:
                return _read(session, one)
        except ElconsoleError as error:
            return error

    return read


def _read(session: Session, one: Selected) -> SourceCatalog:
    catalog = read_source(session, one.settings.tables, one.settings.exclude, one.target_schema)
    if any(relation.has_children for relation in catalog.relations):
        from elconsole.engine.catalog.inheritance import with_families

        catalog = with_families(session, catalog, one.settings.tables)
    with session.within(CATALOG_TIMEOUT_S):
        asked = [r for r in catalog.relations if _is_asked(one, r)]
        refused = refused_conditions(session, one.name, one.settings, asked)
        if one.backfill is not None:
            refused |= refused_backfill(session, one.name, one.backfill, asked)
    keyed = [r.oid for r in asked if _names_key(one, r)]
    if keyed:
        from elconsole.engine.catalog.unique_keys import read_unique_keys

        catalog = replace(catalog, unique=read_unique_keys(session, keyed))
    meant = [r.oid for r in asked if _is_incremental(one, r) and _may_change(catalog, r)]
    if meant:
        from elconsole.engine.catalog.meanings import read_meanings

        catalog = replace(catalog, meanings=read_meanings(session, meant))
    return replace(catalog, refused=refused)


def _is_incremental(one: Selected, relation: SourceRelation) -> bool:
    return one.settings.table_settings(relation.schema, relation.name).mode == "incremental"


def _names_key(one: Selected, relation: SourceRelation) -> bool:
    settings = one.settings.table_settings(relation.schema, relation.name)
    return settings.mode == "incremental" and bool(settings.primary_key)


def _may_change(catalog: SourceCatalog, relation: SourceRelation) -> bool:
    """Whether a column's values could change by themselves."""
    return any(
        column.is_virtual or column.type_oid >= FIRST_USER_OID
        for column in catalog.columns.get(relation.oid, ())
    )


def _is_asked(one: Selected, relation: SourceRelation) -> bool:
    return not one.patterns or any(matches(relation, pattern) for pattern in one.patterns)


def _chosen(one: Selected, catalog: SourceCatalog) -> tuple[SourceRelation, ...]:
    for pattern in one.patterns:
        named = any(matches(relation, pattern) for relation in catalog.relations)
        if not named and spelled(pattern) not in catalog.missing:
            known = [relation.name for relation in catalog.relations]
            near = nearest(pattern, known)
            raise UsageError(
                f"no table of {one.name} that settings select matches {pattern}",
                hint=f"did you mean {one.name}.{near}?"
                if near
                else f"`elconsole --headless sync {one.name} --dry-run` lists them",
            )
    chosen = tuple(relation for relation in catalog.relations if _is_asked(one, relation))
    if one.backfill is not None and len(chosen) > 1:
        found = ", ".join(relation.qualified for relation in chosen)
        raise UsageError(
            f"--backfill reads rows of one table again, not of {found}", hint=ONE_TABLE
        )
    return chosen


def labels(relations: tuple[SourceRelation, ...]) -> dict[int, str]:
    """Bare names, qualified where one source selects two tables of a name; quoted as SQL
    does where dots in names would make even these alike."""
    found = {relation.oid: relation.name for relation in relations}
    for clearer in (_qualified, _quoted):
        seen = Counter(found.values())
        found = {r.oid: clearer(r) if seen[found[r.oid]] > 1 else found[r.oid] for r in relations}
    return found


def _qualified(relation: SourceRelation) -> str:
    return relation.qualified


def _quoted(relation: SourceRelation) -> str:
    return qualified(relation.schema, relation.name)

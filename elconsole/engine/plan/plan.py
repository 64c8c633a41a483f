"""Surveying the databases for a request, and planning every table it names."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from elconsole.config.models import is_glob, table_matches
from elconsole.core.errors import Cancelled, ElconsoleError, UsageError
from elconsole.core.record import record
from elconsole.core.results import PlannedTable, SyncRequest, TableRun
from elconsole.engine.catalog.source import SourceCatalog, SourceRelation, matches, read_source
from elconsole.engine.catalog.warehouse import TableKey, Target, WarehouseState
from elconsole.engine.connect.parallel import side_by_side
from elconsole.engine.connect.session import Pool
from elconsole.engine.connect.translate import error_info, table_error
from elconsole.engine.ledger.names import assign_names, spell
from elconsole.engine.plan.columns import salt_mark
from elconsole.engine.plan.cursors import cursor_notes
from elconsole.engine.plan.table import Planner, labels, missing_table
from elconsole.engine.plan.task import Refused, TableTask

if TYPE_CHECKING:
    import threading

    from elconsole.config.models import Settings, SourceSettings


@record(frozen=True, slots=True)
class Selected:
    """One source of a request, and the patterns that name its tables; none means all."""

    name: str
    settings: SourceSettings
    patterns: tuple[str, ...]


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


def select(settings: Settings, selection: Sequence[str]) -> tuple[Selected, ...]:
    """Read `SOURCE[.TABLE]` arguments; raises UsageError for a source that isn't there."""
    if not settings.sources:
        raise UsageError(
            "no source is configured", hint="add a [sources.NAME] block; `elconsole init` helps"
        )
    if not selection:
        return tuple(Selected(name, source, ()) for name, source in settings.sources.items())
    patterns: dict[str, list[str]] = {}
    whole: set[str] = set()
    for argument in selection:
        name, dot, table = argument.partition(".")
        if name not in settings.sources:
            near = difflib.get_close_matches(name, settings.sources, n=1)
            listed = ", ".join(settings.sources)
            raise UsageError(
                f"there is no source {name}",
                hint=f"did you mean {near[0]}?" if near else f"the sources are {listed}",
            )
        patterns.setdefault(name, []).extend([table] if table else [])
        if not dot or not table:
            whole.add(name)
    return tuple(
        Selected(name, settings.sources[name], () if name in whole else tuple(tables))
        for name, tables in patterns.items()
    )


def survey(
    selected: tuple[Selected, ...],
    pools: Mapping[str, Pool],
    stop: threading.Event | None = None,
) -> Survey:
    """Introspect the sources side by side; one that fails does not hold the others up."""
    read = _guarded(pools, stop)
    outcomes = side_by_side((partial(read, one) for one in selected), "survey")
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


def _guarded(
    pools: Mapping[str, Pool], stop: threading.Event | None
) -> Callable[[Selected], SourceCatalog | ElconsoleError]:
    def read(one: Selected) -> SourceCatalog | ElconsoleError:
        try:
            with pools[one.name].session(stop) as session:
                return read_source(session, one.settings.tables, one.settings.exclude)
        except ElconsoleError as error:
            return error
        except psycopg.Error as error:
            return table_error(error, one.name, "source")

    return read


def _chosen(one: Selected, catalog: SourceCatalog) -> tuple[SourceRelation, ...]:
    if not one.patterns:
        return catalog.relations
    for pattern in one.patterns:
        named = any(matches(relation, pattern) for relation in catalog.relations)
        if not named and pattern not in catalog.missing:
            known = [relation.name for relation in catalog.relations]
            near = difflib.get_close_matches(pattern, known, n=1)
            raise UsageError(
                f"no table of {one.name} that settings select matches {pattern}",
                hint=f"did you mean {one.name}.{near[0]}?"
                if near
                else f"`elconsole --headless sync {one.name} --dry-run` lists them",
            )
    return tuple(
        relation
        for relation in catalog.relations
        if any(matches(relation, pattern) for pattern in one.patterns)
    )


def names_for(found: Survey, state: WarehouseState) -> dict[TableKey, str]:
    """The target names as the ledger has them, or would assign them now."""
    taken = {key: target.name for key, target in state.targets.items()}
    newcomers = [key for key in found.keys() if key not in taken]  # noqa: SIM118
    return {**taken, **assign_names(newcomers, taken)}


def plan_tables(
    settings: Settings, found: Survey, state: WarehouseState, request: SyncRequest
) -> list[TableTask | Refused]:
    """Every table of the request, in the settings' order, planned or refused with a reason."""
    names = names_for(found, state)
    salt = settings.hash_salt
    salted = salt_mark(salt.get_secret_value()) if salt else None
    planned: list[TableTask | Refused] = []
    for one in found.selected:
        if one.name in found.failures:
            error = found.failures[one.name]
            planned += unreachable(one, error, state.schema, request.full, state.targets)
            continue
        planner = Planner(
            one.name,
            one.settings,
            found.catalogs[one.name],
            state,
            names,
            request.full,
            request.adopt,
            salted,
        )
        labelled = labels(found.catalogs[one.name].relations)
        for relation in found.relations[one.name]:
            planned.append(_checked(planner.plan(relation, labelled[relation.oid])))
        planned += _missing(
            one, found.catalogs[one.name], state.schema, request.full, state.targets
        )
    return [_spelled(one, state.encoding) for one in planned]


def _spelled(planned: TableTask | Refused, encoding: str) -> TableTask | Refused:
    """A refused table's names and error, as the ledger can hold them."""
    if isinstance(planned, TableTask):
        return planned
    return replace(
        planned,
        source=spell(planned.source, encoding),
        label=spell(planned.label, encoding),
        target=spell(planned.target, encoding),
    )


def _checked(planned: TableTask | Refused) -> TableTask | Refused:
    if isinstance(planned, TableTask) and planned.mode == "incremental":
        try:
            if planned.settings.strategy == "cursor":
                return replace(planned, notes=(*planned.notes, *cursor_notes(planned)))
        except ElconsoleError as error:
            return Refused(
                planned.source,
                planned.label,
                planned.target_text,
                planned.mode,
                planned.strategy,
                error,
            )
    return planned


def unreachable(
    one: Selected,
    error: ElconsoleError,
    schema: str,
    full: bool,
    targets: Mapping[TableKey, Target] | None = None,
) -> list[Refused]:
    """A failed entry for each table that is known to be meant, or one for all of them."""
    keys = _meant(one, targets or {}) or [(one.name, "public", "*")]
    named = _labelled(keys)
    return [_refused(one, key, named[key], schema, full, error, targets or {}) for key in keys]


def _meant(one: Selected, targets: Mapping[TableKey, Target]) -> list[TableKey]:
    """What settings or arguments name, as far as names and earlier syncs tell."""
    excluded = one.settings.exclude
    known = [
        key
        for key in targets
        if key[0] == one.name and not any(table_matches(p, key[1], key[2]) for p in excluded)
    ]
    found: dict[TableKey, None] = {}
    for pattern in one.patterns or one.settings.tables:
        matching = [key for key in known if table_matches(pattern, key[1], key[2])]
        if not matching and not is_glob(pattern):
            matching = [_key(one, pattern)]
        found.update(dict.fromkeys(matching))
    return list(found)


def _key(one: Selected, name: str) -> TableKey:
    namespace, _, bare = name.rpartition(".")
    return (one.name, namespace or "public", bare)


def _labelled(keys: Sequence[TableKey], taken: Iterable[str] = ()) -> dict[TableKey, str]:
    """Bare names, qualified where another table of the source has the same."""
    seen = Counter([*(key[2] for key in keys), *taken])
    return {key: f"{key[1]}.{key[2]}" if seen[key[2]] > 1 else key[2] for key in keys}


def _missing(
    one: Selected,
    catalog: SourceCatalog,
    schema: str,
    full: bool,
    targets: Mapping[TableKey, Target],
) -> list[Refused]:
    names = [name for name in catalog.missing if not one.patterns or name in one.patterns]
    keys = {_key(one, name): name for name in names}
    labelled = _labelled(list(keys), (relation.name for relation in catalog.relations))
    return [
        _refused(
            one,
            key,
            labelled[key],
            schema,
            full,
            missing_table(one.name, name, catalog.names),
            targets,
        )
        for key, name in keys.items()
    ]


def _refused(
    one: Selected,
    key: TableKey,
    label: str,
    schema: str,
    full: bool,
    error: ElconsoleError,
    targets: Mapping[TableKey, Target],
) -> Refused:
    settings = one.settings.table_settings(key[1], key[2])
    mode = "full" if full else settings.mode
    strategy = "full" if mode == "full" else settings.strategy
    name = targets[key].name if key in targets else key[2]
    return Refused(one.name, label, f"{schema}.{name}", mode, strategy, error)


def as_planned_table(planned: TableTask | Refused) -> PlannedTable:
    if isinstance(planned, Refused):
        return PlannedTable(
            source=planned.source,
            table=planned.label,
            target=planned.target,
            mode=planned.mode,
            strategy=planned.strategy,
            error=error_info(planned.error),
        )
    return PlannedTable(
        source=planned.source,
        table=planned.label,
        target=planned.target_text,
        mode=planned.mode,
        strategy=planned.strategy,
        watermark=_watermark_text(planned),
        rows_estimated=planned.rows_estimated,
        schema_changes=planned.changes,
        notes=planned.notes,
        new=planned.parent is None,
    )


def _watermark_text(task: TableTask) -> str | None:
    mark = task.watermark
    if task.strategy == "full" or mark is None:
        return None
    if task.strategy == "cursor":
        return f"{mark.cursor_column} > {mark.cursor_value}"
    return f"xmin ≥ {mark.snapshot_xmin} ({mark.extracted_at:%Y-%m-%d %H:%M:%S} UTC)"


def as_table_run(planned: TableTask | Refused) -> TableRun:
    """The table as it enters the ledger: pending, or failed before it began."""
    if isinstance(planned, Refused):
        return TableRun(
            source=planned.source,
            table=planned.label,
            target=planned.target,
            mode=planned.mode,
            strategy=planned.strategy,
            status="cancelled" if isinstance(planned.error, Cancelled) else "failed",
            error=error_info(planned.error),
        )
    return TableRun(
        source=planned.source,
        table=planned.label,
        target=planned.target_text,
        mode=planned.mode,
        strategy=planned.strategy,
        status="pending",
        rows_estimated=planned.rows_estimated,
        schema_changes=planned.changes,
        notes=planned.notes,
    )

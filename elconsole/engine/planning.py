"""Surveying the databases for a request, and planning every table it names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from elconsole.api import PlannedTable, SyncRequest, TableRun
from elconsole.engine.catalog import SourceCatalog, SourceRelation, matches, read_source
from elconsole.engine.cursors import cursor_notes
from elconsole.engine.faults import error_info, table_error
from elconsole.engine.naming import assign_names, spell
from elconsole.engine.plan import Planner, labels, missing_table
from elconsole.engine.pools import Pool
from elconsole.engine.selection import salt_mark
from elconsole.engine.state import TableKey, WarehouseState
from elconsole.engine.task import Refused, TableTask
from elconsole.engine.threads import side_by_side
from elconsole.errors import Cancelled, ElconsoleError, UsageError
from elconsole.record import record
from elconsole.settings_models import is_glob

if TYPE_CHECKING:
    import threading

    from elconsole.settings_models import Settings, SourceSettings


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
            planned += unreachable(one, found.failures[one.name], state.schema, request.full)
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
        planned += _missing(one, found.catalogs[one.name], state.schema, request.full)
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


def unreachable(one: Selected, error: ElconsoleError, schema: str, full: bool) -> list[Refused]:
    """A failed entry for each table that settings name, or one for all of them."""
    named = [name for name in (one.patterns or one.settings.tables) if not is_glob(name)]
    return [_refused(one, name, schema, full, error) for name in dict.fromkeys(named) or ["*"]]


def _missing(one: Selected, catalog: SourceCatalog, schema: str, full: bool) -> list[Refused]:
    wanted = [name for name in catalog.missing if not one.patterns or name in one.patterns]
    return [
        _refused(one, name, schema, full, missing_table(one.name, name, catalog.names))
        for name in wanted
    ]


def _refused(one: Selected, name: str, schema: str, full: bool, error: ElconsoleError) -> Refused:
    namespace, _, bare = name.rpartition(".")
    settings = one.settings.table_settings(namespace or "public", bare)
    mode = "full" if full else settings.mode
    strategy = "full" if mode == "full" else settings.strategy
    return Refused(one.name, name, f"{schema}.{bare}", mode, strategy, error)


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

"""Surveying the databases for a request, and planning every table it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from elconsole.config.patterns import is_glob, table_matches
from elconsole.core.errors import ElconsoleError
from elconsole.core.results import SyncRequest
from elconsole.engine.catalog.source import SourceCatalog
from elconsole.engine.catalog.warehouse import WarehouseState
from elconsole.engine.ledger.names import TableKey, assign_names, spell
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.columns import salt_mark
from elconsole.engine.plan.cursors import cursor_notes
from elconsole.engine.plan.survey import Selected, Survey
from elconsole.engine.plan.table import Planner, labels, missing_table
from elconsole.engine.plan.task import Refused, TableTask

if TYPE_CHECKING:
    from elconsole.config.models import Settings


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

"""Surveying the databases for a request, and planning every table it names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from elconsole.core.errors import ElconsoleError
from elconsole.core.results import SyncRequest
from elconsole.engine.catalog.warehouse import WarehouseState
from elconsole.engine.ledger.names import TableKey, assign_names, spell
from elconsole.engine.plan.columns import salt_mark
from elconsole.engine.plan.cursors import cursor_notes
from elconsole.engine.plan.refusals import Refusals
from elconsole.engine.plan.survey import Survey
from elconsole.engine.plan.table import Planner, labels
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
        refusals = Refusals(one, state.schema, request.full, state.targets)
        if one.name in found.failures:
            planned += refusals.unreachable(found.failures[one.name])
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
        planned += refusals.missing(found.catalogs[one.name])
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

"""Planning every table that a request names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from elconsole.config.keys import dotted
from elconsole.config.patterns import spelled, split, table_matches
from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.core.record import record
from elconsole.core.results import IgnoredNew, SyncRequest
from elconsole.engine.catalog.source import SourceCatalog
from elconsole.engine.catalog.warehouse import WarehouseState
from elconsole.engine.ledger.names import TableKey, spell
from elconsole.engine.ledger.places import Place, wish_of, wishes_of
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.columns import Hidden, salt_mark
from elconsole.engine.plan.cursors import cursor_notes
from elconsole.engine.plan.survey import Selected, Survey, labels, new_tables
from elconsole.engine.plan.table import Planner
from elconsole.engine.plan.task import WHOLE_SOURCE, Refused, TableTask
from elconsole.engine.plan.unmatched import (
    empty,
    missing_table,
    names_of,
    unmatched,
    unmatched_anywhere,
    unmatched_glob,
)

if TYPE_CHECKING:
    from elconsole.config.models import Settings


def plan_tables(
    settings: Settings, found: Survey, state: WarehouseState, request: SyncRequest
) -> list[TableTask | Refused]:
    """Every table of the request, in the settings' order, planned or refused with a reason."""
    fresh = new_tables(settings, found, state.targets)
    wanted = [key for key in found.keys() if key not in fresh]  # noqa: SIM118
    placed = state.ledger.placed(state.schema, wishes_of(settings, wanted))
    salt = settings.hash_salt
    salted = salt_mark(salt.get_secret_value()) if salt else None
    is_whole = found.catalogs.keys() == settings.sources.keys()
    # One that could not be asked may have the columns.
    general = unmatched_anywhere(settings, found.catalogs.values()) if is_whole else None
    synced = {key for key, target in state.targets.items() if target.generation}
    planned: list[TableTask | Refused] = []
    for one in found.selected:
        refusals = Refusals(one, state.schema, request.full, state.targets)
        if one.name in found.failures:
            planned += refusals.everything(found.failures[one.name])
            continue
        catalog = found.catalogs[one.name]
        error = (
            general
            or unmatched(one.name, one.settings, catalog, synced)
            or empty(one.name, catalog)
        )
        if error is not None:
            planned += refusals.everything(error)
            continue
        planner = Planner(
            one.name,
            one.settings,
            catalog,
            state,
            placed,
            request.full,
            request.adopt,
            salted,
            Hidden(
                settings.exclude_columns + one.settings.exclude_columns,
                settings.hash_columns + one.settings.hash_columns,
            ),
            one.settings.new_columns or settings.new_columns,
            one.backfill,
        )
        labelled = labels(catalog.relations)
        for relation in found.relations[one.name]:
            key, label = (one.name, relation.schema, relation.name), labelled[relation.oid]
            if key not in fresh:
                planned.append(_checked(planner.plan(relation, label)))
            elif fresh[key] == "fail":
                planned.append(refusals.new(key, label))
        planned += refusals.missing(catalog)
    return [_spelled(one, state.encoding) for one in planned]


def ignored_news(
    settings: Settings,
    found: Survey,
    state: WarehouseState,
    planned: Iterable[TableTask | Refused],
) -> tuple[IgnoredNew, ...]:
    """The new tables and columns that settings leave out."""
    fresh = new_tables(settings, found, state.targets)
    labelled = {name: labels(catalog.relations) for name, catalog in found.catalogs.items()}
    tables = [
        IgnoredNew(source, labelled[source][relation.oid])
        for source, relations in found.relations.items()
        for relation in relations
        if fresh.get((source, relation.schema, relation.name)) == "ignore"
    ]
    columns = [
        IgnoredNew(one.source, one.label, column)
        for one in planned
        if isinstance(one, TableTask)
        for column in one.ignored_columns
    ]
    return (*tables, *columns)


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
    if isinstance(planned, TableTask) and planned.mode == "incremental" and not planned.backfill:
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
                planned.relation.schema,
            )
    return planned


@record(frozen=True, slots=True)
class Refusals:
    """What settings, request and earlier syncs tell of one source's tables, unasked."""

    one: Selected
    schema: str
    full: bool
    """Whether the request refreshes every table, whatever its mode."""
    targets: Mapping[TableKey, Target] = field(default_factory=dict)

    def everything(self, error: ElconsoleError) -> list[Refused]:
        """A failed entry for each table that is known to be meant, or one for all of them."""
        keys = self._meant() or [(self.one.name, "public", WHOLE_SOURCE)]
        labelled = _labelled(keys)
        return [self._refused(key, labelled[key], error) for key in keys]

    def missing(self, catalog: SourceCatalog) -> list[Refused]:
        """A failed entry for each name and glob of settings that the source has nothing for."""
        named = set(map(spelled, self.one.patterns))
        names = [name for name in catalog.missing if not named or name in named]
        keys = {self._key(name): name for name in names}
        globs = () if self.one.patterns else catalog.unmatched
        if not keys and not globs:
            return []
        labelled = _labelled(list(keys), (relation.name for relation in catalog.relations))
        # Made once: a source may have renamed all of its tables.
        held = names_of(catalog)
        refused = [
            self._refused(key, labelled[key], missing_table(self.one.name, name, held))
            for key, name in keys.items()
        ]
        return refused + [
            self._refused(self._key(glob), glob, unmatched_glob(self.one.name, glob, catalog, held))
            for glob in globs
        ]

    def new(self, key: TableKey, label: str) -> Refused:
        """A failed entry for a table that was not there before, where settings want to be asked."""
        block = dotted(("sources", self.one.name))
        error = PlanError(
            f"{self.one.name}.{label} is new, and new_tables is fail",
            hint=f'name it in tables or exclude of [{block}], or set new_tables = "ignore"',
        )
        return self._refused(key, label, error)

    def _meant(self) -> list[TableKey]:
        """What settings or arguments name, as far as names and earlier syncs tell."""
        excluded = self.one.settings.exclude
        known = [
            key
            for key in self.targets
            if key[0] == self.one.name
            and not any(table_matches(p, key[1], key[2]) for p in excluded)
        ]
        found: dict[TableKey, None] = {}
        for pattern in self.one.patterns or self.one.settings.tables:
            matching = [key for key in known if table_matches(pattern, key[1], key[2])]
            if not matching and (name := spelled(pattern)) is not None:
                matching = [self._key(name)]
            found.update(dict.fromkeys(matching))
        return list(found)

    def _key(self, name: str) -> TableKey:
        return (self.one.name, *split(name))

    def _refused(self, key: TableKey, label: str, error: ElconsoleError) -> Refused:
        settings = self.one.settings.table_settings(key[1], key[2])
        mode = "full" if self.full else settings.mode
        strategy = "full" if mode == "full" else settings.strategy
        wish = wish_of(self.one.settings, key, self.schema)
        place = Place(wish.schema, wish.name or key[2])
        if key in self.targets:
            place = self.targets[key].place
        of = key[1] if key in self.targets else None
        return Refused(self.one.name, label, place.text, mode, strategy, error, of)


def _labelled(keys: Sequence[TableKey], taken: Iterable[str] = ()) -> dict[TableKey, str]:
    """Bare names, qualified where another table of the source has the same."""
    seen = Counter([*(key[2] for key in keys), *taken])
    return {key: f"{key[1]}.{key[2]}" if seen[key[2]] > 1 else key[2] for key in keys}

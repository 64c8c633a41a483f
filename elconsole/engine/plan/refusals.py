"""Entries of a request for tables that can't be planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from elconsole.config.patterns import is_glob, table_matches
from elconsole.core.errors import ElconsoleError
from elconsole.core.record import record
from elconsole.engine.catalog.source import SourceCatalog
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.survey import Selected
from elconsole.engine.plan.table import missing_table
from elconsole.engine.plan.task import Refused


@record(frozen=True, slots=True)
class Refusals:
    """What settings, request and earlier syncs tell of one source's tables, unasked."""

    one: Selected
    schema: str
    full: bool
    """Whether the request refreshes every table, whatever its mode."""
    targets: Mapping[TableKey, Target] = field(default_factory=dict)

    def unreachable(self, error: ElconsoleError) -> list[Refused]:
        """A failed entry for each table that is known to be meant, or one for all of them."""
        keys = self._meant() or [(self.one.name, "public", "*")]
        labelled = _labelled(keys)
        return [self._refused(key, labelled[key], error) for key in keys]

    def missing(self, catalog: SourceCatalog) -> list[Refused]:
        """A failed entry for each table that settings name and the source has not."""
        patterns = self.one.patterns
        names = [name for name in catalog.missing if not patterns or name in patterns]
        keys = {self._key(name): name for name in names}
        labelled = _labelled(list(keys), (relation.name for relation in catalog.relations))
        return [
            self._refused(key, labelled[key], missing_table(self.one.name, name, catalog.names))
            for key, name in keys.items()
        ]

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
            if not matching and not is_glob(pattern):
                matching = [self._key(pattern)]
            found.update(dict.fromkeys(matching))
        return list(found)

    def _key(self, name: str) -> TableKey:
        namespace, _, bare = name.rpartition(".")
        return (self.one.name, namespace or "public", bare)

    def _refused(self, key: TableKey, label: str, error: ElconsoleError) -> Refused:
        settings = self.one.settings.table_settings(key[1], key[2])
        mode = "full" if self.full else settings.mode
        strategy = "full" if mode == "full" else settings.strategy
        name = self.targets[key].name if key in self.targets else key[2]
        return Refused(self.one.name, label, f"{self.schema}.{name}", mode, strategy, error)


def _labelled(keys: Sequence[TableKey], taken: Iterable[str] = ()) -> dict[TableKey, str]:
    """Bare names, qualified where another table of the source has the same."""
    seen = Counter([*(key[2] for key in keys), *taken])
    return {key: f"{key[1]}.{key[2]}" if seen[key[2]] > 1 else key[2] for key in keys}

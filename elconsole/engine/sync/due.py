"""Which tables are due: those whose last sync began `every` ago, and those never synced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from elconsole.config.fields import duration_seconds
from elconsole.config.patterns import table_matches
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.plan.survey import Survey
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from elconsole.config.models import Settings

EARLY_SHARE, EARLY_MOST_S = 0.05, 60.0
"""How much of `every` may be missing: cron starts a moment later or earlier each time, and a
table that is due at every second start would else be synced at every third."""


def due_tables(
    session: Session, settings: Settings, found: Survey, version: int, now: datetime | None = None
) -> Survey:
    """What is left of a survey when all that is not due is left out; `version` is the ledger's.

    A source that could not be asked stays where one of its tables is due, or none is known."""
    starts = _last_starts(session, settings.warehouse.target_schema) if version else {}
    is_due = _Clock(settings, starts, now or datetime.now(UTC)).is_due
    relations = {
        name: tuple(one for one in each if is_due((name, one.schema, one.name)))
        for name, each in found.relations.items()
    }
    selected = tuple(
        one
        for one in found.selected
        if one.name not in found.failures
        or any(map(is_due, _known(one.name, one.patterns, starts) or [(one.name, "", "")]))
    )
    return replace(found, selected=selected, relations=relations)


class _Clock:
    """When tables are due again."""

    def __init__(
        self, settings: Settings, starts: Mapping[TableKey, datetime], now: datetime
    ) -> None:
        self._settings, self._starts, self._now = settings, starts, now

    def is_due(self, key: TableKey) -> bool:
        name, schema, table = key
        every = self._settings.sources[name].table_settings(schema, table).every
        began = self._starts.get(key)
        if began is None or every in (None, "off"):
            return True
        every_s = duration_seconds(str(every))
        early_s = min(every_s * EARLY_SHARE, EARLY_MOST_S)
        return (self._now - began).total_seconds() >= every_s - early_s


def _known(
    name: str, patterns: tuple[str, ...], starts: Mapping[TableKey, datetime]
) -> list[TableKey]:
    """The tables of a source that were synced before, as far as the request names them."""
    return [
        key
        for key in starts
        if key[0] == name
        and (not patterns or any(table_matches(one, key[1], key[2]) for one in patterns))
    ]


def _last_starts(session: Session, schema: str) -> dict[TableKey, datetime]:
    with session.within(CATALOG_TIMEOUT_S):
        rows = session.execute(statement("ledger/last_starts"), [schema]).fetchall()
    return {(source, of, table): began for source, of, table, began in rows}

"""One table's sync as it was planned: pure data, and what follows from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.core.record import record
from elconsole.core.types import Mode, SchemaChange, Strategy
from elconsole.engine.catalog.source import SourceRelation
from elconsole.engine.catalog.warehouse import RawColumn, RawRelation
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.places import Place
from elconsole.engine.ledger.targets import Target, Watermark
from elconsole.engine.plan.drift import Drift, PlannedColumn, compare

if TYPE_CHECKING:
    from elconsole.config.models import TableSettings

MOST_ROWS = 1e18
"""What the ledger can note; no table has as many."""
SALT_SETTING = "elconsole.hash_salt"
"""Session setting that carries the salt, so that it stands in no statement's text."""

WHOLE_SOURCE = "*"
"""The label of what befalls a source of which no table is known."""


@record(frozen=True, slots=True)
class TableTask:
    """One table's sync, decided before a row moves."""

    source: str
    relation: SourceRelation
    label: str
    """The table's name in reports: bare, or qualified where one source has two of it."""
    settings: TableSettings
    target_schema: str
    target_name: str
    target: Target | None
    """None until the name is assigned in the ledger."""
    parent: RawRelation | None
    """The raw table as it stands; None before the first load."""
    raw_columns: Mapping[str, RawColumn]
    mode: Mode
    strategy: Strategy
    columns: tuple[PlannedColumn, ...]
    fingerprint: tuple[tuple[str, int, int], ...]
    """Name, type and typmod of every source column, to see a change before the copy."""
    primary_key: tuple[str, ...]
    choice: str
    """Which of its columns and rows settings choose, as text to compare with the last sync's."""
    drift: Drift | None
    notes: tuple[str, ...] = ()
    key_proven: bool = True
    """Whether the source keeps the key unique; where it does not, each merge looks."""
    moved_from: Place | None = None
    """Where the raw table stands, if settings give it another place: publishing moves it."""
    reads_identity: bool = False
    """Whether the role may read which cluster the source is, and its timeline."""
    adopt: bool = False
    """Whether to convert the plain table that stands in the target's place."""

    @property
    def key(self) -> TableKey:
        return (self.source, self.relation.schema, self.relation.name)

    @property
    def target_place(self) -> Place:
        """Where the raw table stands once this is published."""
        return Place(self.target_schema, self.target_name)

    @property
    def standing(self) -> Place:
        """Where it stands until then."""
        return self.moved_from or self.target_place

    @property
    def target_text(self) -> str:
        return f"{self.target_schema}.{self.target_name}"

    @property
    def changes(self) -> tuple[SchemaChange, ...]:
        return self.drift.changes if self.drift else ()

    @property
    def rows_estimated(self) -> int | None:
        """The catalog's estimate; None where the table was never analyzed."""
        estimate = self.relation.rows_estimated
        if estimate is None or not 0 <= estimate <= MOST_ROWS:
            return None
        return round(estimate)

    @property
    def watermark(self) -> Watermark | None:
        return self.target.watermark if self.target else None

    @property
    def follows_cursor(self) -> bool:
        """Whether a sync notes the cursor's value: a full refresh on demand does too, so
        that the next one goes on from it."""
        settings = self.settings
        return (
            (settings.mode, settings.strategy) == ("incremental", "cursor")
            and settings.cursor not in settings.hash_columns
            and any(column.name == settings.cursor for column in self.columns)
        )

    def as_full(self, reason: str) -> TableTask:
        """The same table read from the start, with the reason among its notes."""
        return replace(
            self,
            strategy="full",
            notes=(*self.notes, f"full refresh: {reason}"),
            drift=drift_of(self.columns, self.raw_columns, self.target, full=True),
        )


@record(frozen=True, slots=True)
class Refused:
    """A table that can't be planned."""

    source: str
    label: str
    target: str
    mode: Mode
    strategy: Strategy
    error: ElconsoleError


def drift_of(
    columns: tuple[PlannedColumn, ...],
    raw: Mapping[str, RawColumn],
    target: Target | None,
    *,
    full: bool,
) -> Drift | None:
    if not raw:
        return None
    mark = target.watermark if target else None
    known = dict(zip_longest(mark.source_columns, mark.source_numbers)) if mark else {}
    return compare(columns, raw, full=full, known_columns=known)


def known_target(task: TableTask) -> Target:
    """The task's target; it has one from the moment the run assigned the names."""
    if task.target is None:
        raise PlanError(f"{task.source}.{task.label} has no target yet")
    return task.target

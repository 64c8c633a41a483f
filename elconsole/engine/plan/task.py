"""One table's sync as it was planned: pure data, and what follows from it alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from elconsole.config.patterns import typed
from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.core.record import record
from elconsole.core.types import Mode, SchemaChange, Strategy
from elconsole.engine.catalog.source import SourceRelation
from elconsole.engine.catalog.warehouse import RawColumn, RawRelation
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.places import Place, line_to_write
from elconsole.engine.ledger.targets import Target, Watermark
from elconsole.engine.plan.columns import hashed_anew
from elconsole.engine.plan.drift import Drift, PlannedColumn, compare
from elconsole.engine.sql.names import MARK

if TYPE_CHECKING:
    from elconsole.config.models import TableSettings

MOST_ROWS = 1e18
"""What the ledger can note; no table has as many."""
SALT_SETTING = "elconsole.hash_salt"
"""Session setting that carries the salt, so that it stands in no statement's text."""

WHOLE_SOURCE = "*"
"""The label of what befalls a source of which no table is known."""


@record(frozen=True, slots=True)
class HistoryTable:
    """Where the versions of a raw table's rows are kept."""

    name: str
    """Of the table, in the raw table's schema."""
    oid: int | None
    """None before it is made."""
    columns: Mapping[str, RawColumn]
    """As they stand."""
    key: tuple[str, ...]
    """By which its current versions are unique."""
    is_indexed: bool
    """Whether an index sees to that."""
    in_step: bool
    """Whether its current versions are the raw table's unmarked rows."""


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
    ignored_columns: tuple[str, ...] = ()
    """New ones that settings leave out."""
    moved_from: Place | None = None
    """Where the raw table stands, if settings give it another place: publishing moves it."""
    reads_identity: bool = False
    """Whether the role may read which cluster the source is, and its timeline."""
    adopt: bool = False
    """Whether to convert the plain table that stands in the target's place."""
    backfill: str | None = None
    """The condition whose rows are read again, without moving the watermark."""
    history: HistoryTable | None = None
    """None where versions are not kept."""

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
        """The catalog's estimate; None where the table was never analyzed, or of a backfill."""
        if self.backfill is not None:
            return None
        estimate = self.relation.rows_estimated
        if estimate is None or not 0 <= estimate <= MOST_ROWS:
            return None
        return round(estimate)

    @property
    def watermark(self) -> Watermark | None:
        return self.target.watermark if self.target else None

    @property
    def marks(self) -> bool:
        """Whether rows that are gone from the source stay, marked."""
        return self.settings.deletes == "mark"

    @property
    def has_marks(self) -> bool:
        """Whether the raw table has a column for marks, wanted or not."""
        return MARK in self.raw_columns

    @property
    def hashed_anew(self) -> frozenset[str]:
        """Columns whose stored values are not what a refresh would store."""
        return hashed_anew(self.watermark.choice, self.choice) if self.watermark else frozenset()

    @property
    def changes_key(self) -> bool:
        """Whether stored rows can't be matched with the source's by the planned key."""
        stored = set(self.parent.leaf_key or ()) if self.parent else set(self.primary_key)
        return stored != set(self.primary_key) or bool(self.hashed_anew & stored)

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
            drift=drift_of(
                self.columns, self.raw_columns, self.target, full=True, marks=self.marks
            ),
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
    schema: str | None = None
    """Of the source table, where it is known."""


def drift_of(
    columns: tuple[PlannedColumn, ...],
    raw: Mapping[str, RawColumn],
    target: Target | None,
    *,
    full: bool,
    marks: bool,
) -> Drift | None:
    """How the raw table differs, if there is one. With `marks` it keeps its column for them."""
    if not raw:
        return None
    if marks:
        raw = {name: column for name, column in raw.items() if name != MARK}
    mark = target.watermark if target else None
    known = dict(zip_longest(mark.source_columns, mark.source_numbers)) if mark else {}
    return compare(columns, raw, full=full, known_columns=known)


def known_target(task: TableTask) -> Target:
    """The task's target; it has one from the moment the run assigned the names."""
    if task.target is None:
        raise PlanError(f"{task.source}.{task.label} has no target yet")
    return task.target


def not_backfilled(task: TableTask, reason: str) -> PlanError:
    """The error of a backfill for which the raw table is no ground to merge into."""
    argument = typed(task.source, task.label)
    return PlanError(
        f"{task.source}.{task.label} can't be backfilled: {reason}",
        hint=f"sync it first: `elconsole --headless sync {argument}`",
    )


def moved_from(parent: RawRelation | None, place: Place) -> Place | None:
    """Where a raw table of ours stands, if that is not its place."""
    if parent is None or not parent.is_ours:
        return None
    stands = Place(parent.schema, parent.name)
    return None if stands == place else stands


def name_note(
    key: TableKey, target: Target | None, place: Place, by_rule: Collection[TableKey]
) -> tuple[str, ...]:
    """What is to be said of the raw table's name: that it is none of settings' choice, or new."""
    if target is None and key in by_rule and place.name != key[2]:
        return (
            f"named {place.name}: the name {key[2]} is taken or wanted twice;"
            f" {line_to_write(key)} gives it another",
        )
    if target is not None and target.generation and target.place != place:
        return (f"renamed: {target.place.text} becomes {place.text}",)
    return ()

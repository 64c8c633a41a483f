"""How a source table's columns differ from its raw table's, and what that calls for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from elconsole.core.record import record
from elconsole.core.types import Change, SchemaChange
from elconsole.engine.catalog.warehouse import RawColumn
from elconsole.engine.plan.modifiers import precision, scale
from elconsole.engine.plan.types import TypePlan
from elconsole.engine.sql.names import METADATA

VARCHAR, NUMERIC, TEXT, VARBIT = 1043, 1700, 25, 1562
REWRITES = frozenset(
    {(21, 23), (21, 20), (23, 20), (700, 701), (21, 1700), (23, 1700), (20, 1700)}
    | {(1082, 1114), (1082, 1184), (23, 701), (21, 701), (21, 700)}
)
"""Type pairs that only widen, but store values anew."""
PRECISION_TYPES = frozenset({1083, 1114, 1184, 1266})

Severity = Literal["in_place", "full_refresh", "conflict"]


@record(frozen=True, slots=True)
class PlannedColumn:
    """A column as the sync will read and store it."""

    name: str
    expression: str
    """SQL of the source's SELECT."""
    type: TypePlan
    source_type: str
    """What the source calls its type: a label."""
    has_missing: bool = False
    """Whether old rows got its default without being rewritten."""
    number: int = 0
    """`attnum`: another one where a column of the name was dropped and added again."""
    nullable: bool = True
    compared_as: str | None = None
    """SQL of the type of constants that it is compared with; None where it may not be."""


@record(frozen=True, slots=True)
class Drift:
    """All differences, and what an incremental sync must do about them."""

    changes: tuple[SchemaChange, ...]
    added: tuple[PlannedColumn, ...]
    dropped: tuple[str, ...]
    retyped: tuple[PlannedColumn, ...]
    severity: Severity
    reason: str | None = None
    """Why an in-place change won't do."""


def compare(
    columns: Sequence[PlannedColumn],
    raw: Mapping[str, RawColumn],
    *,
    full: bool,
    known_columns: Mapping[str, int | None] | None = None,
) -> Drift:
    """`known_columns` are the source's at the last sync, with their numbers: a column dropped
    before it is no news, and one that came back since has other values than the raw table's."""
    known = known_columns or {}
    added = tuple(column for column in columns if column.name not in raw)
    names = {column.name for column in columns}
    renamed = _renamed(added, names, known)
    changes = [_added(column, full, renamed.get(column.name)) for column in added]
    dropped = tuple(name for name in raw if name not in names and name not in METADATA)
    changes += [_dropped(raw[name], full) for name in dropped if full or name in known or not known]
    retyped = tuple(c for c in columns if c.name in raw and not same_type(c.type, raw[c.name]))
    severity: Severity = "in_place"
    reason = None
    for column in added:
        if column.has_missing and not full:
            severity, reason = "full_refresh", f"column {column.name} was added with a default"
    for new, old in renamed.items():
        if not full:
            severity = "full_refresh"
            reason = (
                f"column {old} was renamed {new}, and every row that has it would be read again"
            )
    for column in columns:
        if column.name in raw and _came_back(column, known):
            changes.append(_replaced(column))
            if not full:
                severity = "full_refresh"
                reason = (
                    f"column {column.name} is another one than before (dropped, added or renamed)"
                )
    for column in retyped:
        how = widening(raw[column.name], column.type)
        changes.append(_retyped(column, raw[column.name], how, full))
        if severity != "conflict" and how != "in_place":
            severity = how
            reason = (
                f"column {column.name} is {column.type.type_sql} in the source and"
                f" {raw[column.name].type_text} in the raw table"
            )
    return Drift(tuple(changes), added, dropped, retyped, severity, reason)


def _renamed(
    added: Sequence[PlannedColumn], names: Collection[str], known: Mapping[str, int | None]
) -> dict[str, str]:
    """The new names of columns that the last sync knew under others, and those."""
    gone = {number: name for name, number in known.items() if number and name not in names}
    return {column.name: gone[column.number] for column in added if column.number in gone}


def _came_back(column: PlannedColumn, known: Mapping[str, int | None]) -> bool:
    """Whether the raw column's values are those of another column of the name."""
    return bool(known) and known.get(column.name, -1) not in (None, column.number)


def same_type(planned: TypePlan, raw: RawColumn) -> bool:
    return (planned.oid, planned.typmod) == (raw.type_oid, raw.typmod)


def widening(raw: RawColumn, planned: TypePlan) -> Severity:
    """Whether the raw column can take the new type in place, by a refresh, or not by itself."""
    old, new = (raw.type_oid, raw.typmod), (planned.oid, planned.typmod)
    if _keeps_stored_bytes(old, new):
        return "in_place"
    if (old[0], new[0]) in REWRITES or (old[0] == new[0] == NUMERIC and _numeric_grows(old, new)):
        return "full_refresh"
    return "conflict"


def _keeps_stored_bytes(old: tuple[int, int], new: tuple[int, int]) -> bool:
    if old[0] == VARCHAR and new[0] in (VARCHAR, TEXT):
        return new[1] == -1 or (old[1] != -1 and new[1] >= old[1])
    if old[0] != new[0]:
        return False
    if old[0] == NUMERIC:
        return new[1] == -1 or (
            old[1] != -1
            and scale(old[1]) == scale(new[1])
            and precision(new[1]) >= precision(old[1])
        )
    if old[0] in PRECISION_TYPES or old[0] == VARBIT:
        return new[1] == -1 or (old[1] != -1 and new[1] >= old[1])
    return False


def _numeric_grows(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """Whether no value loses a digit: scale and whole digits both grow or stay."""
    if old[1] == -1 or new[1] == -1:
        return new[1] == -1
    scales = scale(old[1]), scale(new[1])
    whole = precision(old[1]) - scales[0], precision(new[1]) - scales[1]
    return scales[1] >= scales[0] and whole[1] >= whole[0]


def _added(column: PlannedColumn, full: bool, old_name: str | None) -> SchemaChange:
    if old_name is not None:
        action = (
            f"renamed from {old_name}: "
            + ("with" if full else "full refresh, with")
            + (" all its values")
        )
    elif full:
        action = "added to the raw table"
    elif column.has_missing:
        action = "full refresh: old rows carry its default"
    else:
        action = "added to the raw table; rows not read again stay NULL until a full refresh"
    return SchemaChange(column.name, "added", column.source_type, None, action)


def _replaced(column: PlannedColumn) -> SchemaChange:
    """Of the name of a raw column, with other values: also what a sync that failed had added."""
    action = "full refresh: the raw table has another column's values, or none"
    return SchemaChange(column.name, "added", column.source_type, None, action)


def _dropped(raw: RawColumn, full: bool) -> SchemaChange:
    action = "dropped from the raw table" if full else "kept; NULL in rows written from now on"
    return SchemaChange(raw.name, "dropped", None, raw.type_text, action)


def _retyped(column: PlannedColumn, raw: RawColumn, how: Severity, full: bool) -> SchemaChange:
    action = {
        "in_place": "altered in place",
        "full_refresh": "full refresh with the new type",
        "conflict": "the table fails until a full refresh (`elconsole sync … --full`)",
    }[how]
    if full:
        action = "the raw table takes the new type"
    change: Change = "type_changed" if how == "conflict" else "widened"
    return SchemaChange(column.name, change, column.source_type, raw.type_text, action)

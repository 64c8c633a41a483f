"""The cursor strategy: which column, from which value on, and up to which the last sync read."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from elconsole.config.keys import nearest
from elconsole.core.errors import PlanError
from elconsole.core.quoting import identifier, literal
from elconsole.core.record import record
from elconsole.engine.connect.answers import NotBelieved, words
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.task import TableTask

TIME_TYPES = {1082: "date", 1114: "timestamp", 1184: "timestamptz"}
INTEGER_MINIMA = {21: -(2**15), 23: -(2**31), 20: -(2**63)}
NUMBER_TYPES = frozenset({*INTEGER_MINIMA, 700, 701, 1700})
FLOATING_TYPES = {700: "float4", 701: "float8", 1700: "numeric"}
LONGEST_CURSOR = 2**20
"""Characters of a watermark: what an index of the column can hold is far shorter."""
DEFAULT_LOOKBACK = "1 day"
NUMERIC_INFINITY_VERSION = 140000


@record(frozen=True, slots=True)
class CursorRead:
    """What a snapshot says of the cursor."""

    value: str | None
    """The new watermark, as text that reads back exactly."""
    has_rows_ahead: bool = False
    """Whether rows lie beyond any watermark: in the future, infinite, or not a number."""


def cursor_column(task: TableTask) -> PlannedColumn:
    """The planned cursor column; raises PlanError where it is missing or unfit."""
    where, name = f"{task.source}.{task.label}", task.settings.cursor
    if name in task.settings.hash_columns:
        raise PlanError(
            f"{where}: the cursor column {name} is among hash_columns, but the watermark keeps"
            " its clear value in the warehouse",
            hint='choose another cursor, or strategy = "xmin"',
        )
    for column in task.columns:
        if column.name == name:
            _check_comparable(where, column)
            _check_lookback(where, column, task.settings.lookback)
            return column
    near = nearest(str(name), [column.name for column in task.columns])
    raise PlanError(
        f"{where}: the cursor column {name} is not among its columns",
        hint=f"did you mean {near}?" if near else "correct cursor in settings, or select it",
    )


def _check_comparable(where: str, column: PlannedColumn) -> None:
    if column.compared_as is None:
        raise PlanError(
            f"{where}: the cursor {column.name} is of the type {column.source_type}, whose"
            " comparison may run functions of the source's users",
            hint='choose a cursor of a single value, or strategy = "xmin"',
        )


def _check_lookback(where: str, column: PlannedColumn, lookback: str | None) -> None:
    if lookback is None or column.type.oid not in NUMBER_TYPES:
        return
    try:
        fits = Decimal(lookback).is_finite()
    except InvalidOperation:
        fits = False
    if not fits:
        raise PlanError(
            f"{where}: lookback is {lookback}, but the cursor {column.name} is a number"
            f" ({column.source_type})",
            hint="give lookback as a number: how far behind the highest cursor a row may commit",
        )


def as_cursor(column: PlannedColumn, text: object) -> str:
    """A value that the source says is the highest, as the ledger keeps it; NotBelieved for what
    is none of the column's type."""
    value = words(text, LONGEST_CURSOR)
    try:
        if column.type.oid in INTEGER_MINIMA:
            return str(int(value))
        if column.type.oid not in NUMBER_TYPES or Decimal(value).is_finite():
            return value
    except (ValueError, InvalidOperation):
        pass
    raise NotBelieved(f"no number: {value}")


def cursor_notes(task: TableTask) -> tuple[str, ...]:
    """What the plan warns of."""
    column = cursor_column(task)
    if not column.nullable:
        return ()
    return (f"cursor {column.name} may be NULL: rows without it are read at every sync",)


def beyond_watermark(task: TableTask, value: str | None, written_since: str) -> str:
    """SQL that is true for rows past the watermark, and for those that committed late.

    A row may commit after one with a higher cursor. Where a lookback bounds how late, the
    cursor's index finds such rows, and their version tells them from old ones; else every
    row written since the last snapshot is read."""
    column = cursor_column(task)
    if value is None:
        return written_since if task.relation.has_xmin else "true"
    name = identifier(column.name)
    condition = f"{name} > {_literal(value, column)} OR {name} IS NULL"
    lower = _lower_bound(column, value, task.settings.lookback)
    if not task.relation.has_xmin:
        return f"{name} > {lower} OR {name} IS NULL" if lower else condition
    if lower is None:
        return f"{condition} OR {written_since}"
    return f"{condition} OR ({name} > {lower} AND {written_since})"


def _literal(value: str, column: PlannedColumn) -> str:
    return f"{literal(value)}::{column.compared_as}"


def _lower_bound(column: PlannedColumn, value: str, lookback: str | None) -> str | None:
    """SQL of the watermark less the lookback, in a type that the cursor's index serves."""
    kind = column.type.oid
    if kind in TIME_TYPES:
        back = literal(lookback or DEFAULT_LOOKBACK)
        return f"{_literal(value, column)} - {back}::interval"
    if lookback is None or kind not in NUMBER_TYPES:
        return None
    if kind in INTEGER_MINIMA:
        back_by = int(Decimal(lookback).to_integral_value(ROUND_CEILING))
        return _literal(str(max(int(value) - back_by, INTEGER_MINIMA[kind])), column)
    return f"{_literal(value, column)} - {literal(lookback)}::numeric"


def watermark_limit(column: PlannedColumn, taken_at: datetime, server_version: int) -> str | None:
    """SQL that is true for cursors that may become a watermark. One from the future, or an
    infinite one, would end incremental loading for ever."""
    name, kind = identifier(column.name), column.type.oid
    if kind in TIME_TYPES:
        now = literal(taken_at.isoformat())
        return f"{name} <= {now}::timestamptz::{TIME_TYPES[kind]}"
    if kind in FLOATING_TYPES:
        has_infinity = kind != 1700 or server_version >= NUMERIC_INFINITY_VERSION
        return f"{name} < '{'Infinity' if has_infinity else 'NaN'}'::{FLOATING_TYPES[kind]}"
    return None


def past(column: PlannedColumn, value: str | None) -> str | None:
    """SQL that is true for cursors higher than `value`."""
    if value is None:
        return None
    return f"{identifier(column.name)} > {_literal(value, column)}"

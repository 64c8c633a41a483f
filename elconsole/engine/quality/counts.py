"""Counts per dimension value and period, as the warehouse gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

from elconsole.core.record import record
from elconsole.core.results import Period
from elconsole.engine.quality.statements import (
    NONE_VALUE,
    QualityTarget,
    counts_statement,
    hashing,
    periods_statement,
)
from elconsole.engine.sql.quoting import constant
from elconsole.engine.sql.statements import statement
from elconsole.quality.judge import PeriodCount

if TYPE_CHECKING:
    from psycopg import Connection

MOST_SHIFT_NAMES = 10
"""More shifts than this are single ones with ids of their own; fewer are names that come
back every day, and have no order in time."""
_STEPS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


@record(frozen=True, slots=True)
class CountedLine:
    """One line of `sql/quality/periods.sql`."""

    place: int
    value: str
    label: str | None
    position: float | None
    defect: str | None
    inspected: int
    passed: int
    newest: float | None
    extracted: float | None
    changed: int


def read_counts(
    connection: Connection[Any],
    target: QualityTarget,
    columns: Mapping[str, str],
    dimensions: Sequence[str],
    period: Period,
    now: datetime,
) -> tuple[list[list[PeriodCount]], list[CountedLine], list[str]]:
    """Counts of each dimension (in the order given), the lines they came from, and the
    labels of all periods in time order."""
    lines = _read_lines(connection, target, columns, dimensions, period)
    if period == "shift" and len({line.label for line in lines}) <= MOST_SHIFT_NAMES:
        lines = [replace(line, position=None) for line in lines]
    labels = _labels(lines)
    until = min(target.complete_until or now, now)
    complete = [
        _complete_labels([line for line in lines if line.place == place], period, until)
        for place in range(1, len(dimensions) + 1)
    ]
    grouped: list[dict[tuple[str, str], list[CountedLine]]] = [{} for _ in dimensions]
    for line in lines:
        group = line.value, line.label or NONE_VALUE
        grouped[line.place - 1].setdefault(group, []).append(line)
    places = {label: place for place, label in enumerate(labels)}
    ordered = [
        [
            _summed(value, label, groups[value, label], label in whole)
            for value, label in sorted(groups, key=lambda group: (group[0], places[group[1]]))
        ]
        for groups, whole in zip(grouped, complete, strict=True)
    ]
    return ordered, lines, labels


def _read_lines(
    connection: Connection[Any],
    target: QualityTarget,
    columns: Mapping[str, str],
    dimensions: Sequence[str],
    period: Period,
) -> list[CountedLine]:
    if _is_stored(target, dimensions, period):
        values = {**target.names, "version": target.stored_version or ""}
        named = {name: constant(value) for name, value in values.items()}
        stored = sql.SQL(statement("quality/stored")).format(**named)
        order = {target.definition.by.index(name) + 1: i for i, name in enumerate(dimensions, 1)}
        found = _sum(connection, stored, period)
        lines = [
            line if order[line.place] == line.place else replace(line, place=order[line.place])
            for line in found
            if line.place in order
        ]
        # None: the table is empty, or a sync has come between.
        if lines:
            return lines
    return _sum(connection, counts_statement(target, columns, dimensions, period), period)


def _sum(connection: Connection[Any], counts: sql.Composable, period: Period) -> list[CountedLine]:
    with hashing(connection):
        rows = connection.execute(periods_statement(counts, period)).fetchall()
    return [CountedLine(*row) for row in rows]


def _is_stored(target: QualityTarget, dimensions: Sequence[str], period: Period) -> bool:
    """Whether the last sync stored the daily counts of this content by these settings."""
    return (
        period == "day"
        and target.content_run_id is not None
        and target.counted_version == target.stored_version
        and set(dimensions) <= set(target.definition.by)
    )


def _summed(value: str, label: str, lines: Sequence[CountedLine], complete: bool) -> PeriodCount:
    defects: dict[str, int] = {}
    for line in lines:
        failed = line.inspected - line.passed
        if line.defect is not None and failed:
            defects[line.defect] = defects.get(line.defect, 0) + failed
    inspected = sum(line.inspected for line in lines)
    return PeriodCount(
        value, label, inspected, sum(line.passed for line in lines), complete, defects
    )


def _labels(lines: Sequence[CountedLine]) -> list[str]:
    """Every period once, oldest first; those without a time last."""
    positions: dict[str, float] = {}
    for line in lines:
        label = line.label or NONE_VALUE
        nowhere = math.inf if line.label is None else -math.inf
        place = nowhere if line.position is None else line.position
        positions[label] = max(positions.get(label, -math.inf), place)
    return sorted(positions, key=lambda label: (positions[label], label))


def in_order(lines: Sequence[CountedLine]) -> bool:
    """Whether the periods follow each other in time, so that runs of them mean something."""
    return any(line.position is not None for line in lines)


def _complete_labels(lines: Sequence[CountedLine], period: Period, horizon: datetime) -> set[str]:
    """Periods of one dimension that no unit can join any more: they ended before the
    `horizon`, up to which the last sync read them."""
    if period in _STEPS:
        last_start = (horizon - _STEPS[period]).timestamp()
        return {
            line.label
            for line in lines
            if line.label is not None and line.position is not None and line.position <= last_start
        }
    labels = {line.label for line in lines if line.label is not None}
    return labels - _running(lines, (horizon - _STEPS["day"]).timestamp())


def _running(lines: Sequence[CountedLine], since: float) -> set[str]:
    """Batches or shifts that may go on: the newest of each value, where units are recent.

    Lines work side by side, so that not only the newest of all is at work."""
    if not in_order(lines):
        return set()
    newest: dict[str, CountedLine] = {}
    for line in lines:
        held = newest.get(line.value)
        if line.newest is not None and (held is None or line.newest >= (held.newest or 0.0)):
            newest[line.value] = line
    return {
        line.label
        for line in newest.values()
        if line.label is not None and line.newest is not None and line.newest > since
    }

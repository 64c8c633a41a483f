"""Pass rates on the dashboard: the first dimensions and the others. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.quality import (
    ORIGIN,
    TREND_PERIODS,
    TROUBLE,
    arrow,
    defect,
    mark,
    no_quality,
    nothing_inspected,
    origin,
    rate_tone,
    trend_bar,
    unread,
    unreadable,
)
from elconsole.ui.tables.unread import unread_since
from elconsole.ui.words.cells import ChartLink, Column, Row, Table, Tone, cell
from elconsole.ui.words.text import (
    count,
    dimension_name,
    interval,
    moment,
    percent,
    percentage_points,
    points,
    safe,
)

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.results import QualityReport, QualityTable


def split(report: QualityReport) -> tuple[tuple[QualityTable, ...], tuple[QualityTable, ...]]:
    """The first dimension of every production table, and all others."""
    first: dict[tuple[str, str], QualityTable] = {}
    for item in report.tables:
        first.setdefault((item.source, item.table), item)
    heads = tuple(first.values())
    return heads, tuple(item for item in report.tables if item not in heads)


def _columns(title: str) -> tuple[Column, ...]:
    return (
        Column(title, min_width=10, max_width=24),
        Column("units", align="right", number=True, keep=1),
        Column("pass", align="right", number=True),
        Column("", name="signal"),
        Column("95 %", keep=3),
        Column("trend", min_width=7, max_width=TREND_PERIODS, drawn=trend_bar, keep=2),
        Column("failed", align="right", number=True, keep=6),
        Column("± pp", align="right", number=True, keep=7),
        Column("top defect", keep=8, max_width=28),
        *ORIGIN,
    )


def _row(item: ChartLink, indent: str = "") -> Row:
    row = item.row
    tone = rate_tone(row)
    quiet: Tone = "few" if tone == "few" else "plain"
    value = safe(row.value, 60)
    name: Tone = "bad" if tone == "bad" else quiet
    return Row(
        key=f"{item.table.source}/{item.table.table}/{item.table.dimension}/{row.value}",
        cells=(
            cell(indent + value, name),
            cell(count(row.inspected), quiet),
            cell(percent(row.pass_rate), tone),
            cell(mark(row), tone),
            cell(interval(row.low, row.high), "dim"),
            (),
            cell(count(row.failed), "dim"),
            cell(points(row.change_previous), "dim"),
            cell(defect(row), "dim"),
            *origin(item.table),
        ),
        values=(
            value,
            row.inspected,
            row.pass_rate,
            mark(row),
            row.low,
            (row.trend, tone),
            row.failed,
            percentage_points(row.change_previous),
        ),
        trouble=TROUBLE if arrow(row) else "",
        opens=item,
    )


def first(state: ConsoleState, now: datetime) -> Table:
    """The panel of the first dimension of every table."""
    return _panel(state, now, first=True)


def others(state: ConsoleState, now: datetime) -> Table:
    """The panel of all other dimensions."""
    return _panel(state, now, first=False)


def _panel(state: ConsoleState, now: datetime, *, first: bool) -> Table:
    report = state.quality
    title = "Pass rate" if first else "Pass rate, other dimensions"
    if report is None:
        return Table(_columns(""), title=title, empty=unread(state) if first else "")
    tables = split(report)[0 if first else 1]
    names = _names(tables)
    tables = tuple(sorted(tables, key=lambda item: names.index(dimension_name(item.dimension))))
    if not tables:
        empty = "No second dimension is configured." if report.tables else ""
        return Table(
            _columns(""), title=title, empty=no_quality(bool(state.raw_tables)) if first else empty
        )
    uniform = len(names) == 1 and first
    rows: list[Row] = []
    for item in tables:
        if not uniform and (item.rows or item.error):
            rows.append(_heading(item, names))
        if item.error is not None:
            rows.append(unreadable(item))
        rows += [_row(ChartLink(item, row), "" if uniform else "  ") for row in item.rows]
    if first:
        rows += _total(tables)
    return Table(
        _columns(names[0]),
        rows=tuple(rows),
        title=f"Pass rate by {names[0]}",
        note=_note(state, tables, now, first),
        empty=nothing_inspected(),
    )


def _names(tables: Sequence[QualityTable]) -> list[str]:
    """The dimensions, the commonest first."""
    names = [dimension_name(item.dimension) for item in tables]
    return sorted(dict.fromkeys(names), key=lambda name: -names.count(name))


def _heading(item: QualityTable, names: Sequence[str]) -> Row:
    text = safe(item.source, 40)
    dimension = dimension_name(item.dimension)
    if dimension != names[0]:
        text += f", by {dimension}"
    key = f"{item.source}/{item.table}/{item.dimension}"
    return Row(key, (cell(text, "dim"),), heading=True)


def _total(tables: Sequence[QualityTable]) -> list[Row]:
    inspected = sum(row.inspected for item in tables for row in item.rows)
    passed = sum(row.passed for item in tables for row in item.rows)
    if not inspected:
        return []
    text = (
        *cell("all lines  ", "dim"),
        *cell(count(inspected), "dim"),
        *cell(" units  ", "dim"),
        *cell(percent(passed / inspected), "strong"),
        *cell(f"  {count(inspected - passed)} failed", "dim"),
    )
    return [Row("gap", ((),), heading=True), Row("all", (text,), heading=True)]


def _note(state: ConsoleState, tables: Sequence[QualityTable], now: datetime, first: bool) -> str:
    if first:
        if old := unread_since(state, "quality", state.quality_at):
            return old
        newest = [item.newest_unit_at for item in tables if item.newest_unit_at is not None]
        return f"newest unit {moment(max(newest), now)}" if newest else ""
    return "▼ ▲ out of control, by rule · grey: few units"

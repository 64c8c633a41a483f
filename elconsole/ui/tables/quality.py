"""Pass rates as rows: the dashboard's two panels and the Quality page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.ui.cells import Cell, Column, Row, Span, Table, Tone, cell
from elconsole.ui.state import ConsoleState
from elconsole.ui.text import (
    NOTHING,
    clock,
    count,
    dimension_name,
    interval,
    moment,
    percent,
    points,
    safe,
    spark,
)

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.api import QualityReport, QualityRow, QualityTable

TREND_PERIODS = 14
FEW_UNITS = 30
"""A rate of at most so many units is grey where its chart can't judge it either."""


@dataclass(frozen=True, slots=True)
class QualityItem:
    """One dimension value and the table it belongs to."""

    table: QualityTable
    row: QualityRow


def split(report: QualityReport) -> tuple[tuple[QualityTable, ...], tuple[QualityTable, ...]]:
    """The first dimension of every production table, and all others."""
    first: dict[tuple[str, str], QualityTable] = {}
    for item in report.tables:
        first.setdefault((item.source, item.table), item)
    heads = tuple(first.values())
    return heads, tuple(item for item in report.tables if item not in heads)


def rate_tone(row: QualityRow) -> Tone:
    """How a pass rate is to be read."""
    if row.judged == "signal" or row.signal:
        return "bad" if _fell(row) else "accent"
    if row.inspected == 0 or (row.judged == "insufficient_n" and row.inspected <= FEW_UNITS):
        return "few"
    return "strong"


def _fell(row: QualityRow) -> bool:
    """Whether a signal points down, told from the shown rate farthest from the centre."""
    if row.pass_rate is None or row.center is None:
        return True
    center = row.center
    rates = [rate for rate in row.trend if rate is not None] or [row.pass_rate]
    return max(rates, key=lambda rate: abs(rate - center)) <= center


def mark(row: QualityRow) -> str:
    """The symbol of a row whose chart signals."""
    if row.judged != "signal" and not row.signal:
        return ""
    return "▼ " if _fell(row) else "▲ "


def _trend(value: tuple[tuple[float | None, ...], Tone], width: int) -> Cell:
    """On a scale from the lowest shown rate (at most 85 %) to 100 %."""
    trend, tone = value
    known = [rate for rate in trend if rate is not None]
    if not known:
        return (Span(NOTHING, "dim"),)
    low = min(0.85, *known)
    tones: dict[Tone, Tone] = {"strong": "accent", "bad": "bad", "few": "few", "accent": "accent"}
    return (Span(spark(trend[-width:], low, 1.0), tones.get(tone, "dim")),)


def _columns(title: str, extra: bool) -> tuple[Column, ...]:
    base = (
        Column(title, min_width=10, max_width=32),
        Column("units", align="right", keep=1),
        Column("pass", align="right"),
        Column("95 %", keep=3),
        Column("trend", min_width=7, max_width=TREND_PERIODS, drawn=_trend, keep=2),
    )
    if not extra:
        return base
    return (
        *base,
        Column("failed", align="right", keep=6),
        Column("± pp", align="right", keep=7),
        Column("top defect", keep=8, max_width=28),
    )


def _row(item: QualityItem, indent: str = "") -> Row:
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
            cell(mark(row) + percent(row.pass_rate), tone),
            cell(interval(row.low, row.high), "dim"),
            (),
            cell(count(row.failed), "dim"),
            cell(points(row.change_previous), "dim"),
            cell(_defect(row), "dim"),
        ),
        values=(
            value,
            row.inspected,
            row.pass_rate,
            row.low,
            (row.trend, tone),
            row.failed,
            row.change_previous,
        ),
        data=item,
    )


def _defect(row: QualityRow) -> str:
    if not row.top_defect:
        return ""
    share = f" {row.top_defect_share * 100:.0f} %" if row.top_defect_share is not None else ""
    return safe(row.top_defect.replace("_", " "), 40) + share


def panel(state: ConsoleState, now: datetime, *, first: bool) -> Table:
    """One of the dashboard's panels: the first dimensions, or the others."""
    report = state.quality
    title = "Pass rate" if first else "Pass rate, other dimensions"
    if report is None:
        problem = state.problem("quality")
        empty = f"Can't be read:\n{safe(problem.message)}" if problem else "Counting units…"
        return Table(_columns("", True), title=title, empty=empty if first else "")
    tables = split(report)[0 if first else 1]
    names = _names(tables)
    tables = tuple(sorted(tables, key=lambda item: names.index(dimension_name(item.dimension))))
    if not tables:
        empty = "No second dimension is configured." if report.tables else ""
        return Table(_columns("", True), title=title, empty=_no_quality() if first else empty)
    uniform = len(names) == 1 and first
    rows: list[Row] = []
    for item in tables:
        if not uniform and item.rows:
            rows.append(_heading(item, names))
        rows += [_row(QualityItem(item, row), "" if uniform else "  ") for row in item.rows]
    if first:
        rows += _total(tables)
    return Table(
        _columns(names[0], True),
        rows=tuple(rows),
        title=f"Pass rate by {names[0]}",
        note=_note(tables, now, first),
        empty=_nothing_inspected(),
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


def _note(tables: Sequence[QualityTable], now: datetime, first: bool) -> str:
    if first:
        newest = [item.newest_unit_at for item in tables if item.newest_unit_at is not None]
        return f"newest unit {moment(max(newest), now)}" if newest else ""
    return "▼ out of control · grey: few units"


def _no_quality() -> str:
    return "No pass rates yet: none of the synced tables has an inspection status."


def _nothing_inspected() -> str:
    return "No unit was inspected yet.\nSync the production tables first."


def page(state: ConsoleState, now: datetime) -> Table:
    """The Quality page: every value of every dimension."""
    columns = (
        Column("value", min_width=10, max_width=34),
        Column("units", align="right", keep=1),
        Column("failed", align="right", keep=4),
        Column("pass", align="right"),
        Column("95 %", keep=2),
        Column("limits", keep=8),
        Column("trend", min_width=7, max_width=TREND_PERIODS, drawn=_trend, keep=3),
        Column("± pp", align="right", keep=7),
        Column("base ± pp", align="right", keep=9),
        Column("ppm", align="right", keep=10),
        Column("top defect", keep=6, max_width=34),
        Column("judged", keep=5, min_width=12, max_width=70, grows=True),
    )
    report = state.quality
    if report is None:
        problem = state.problem("quality")
        empty = f"Can't be read:\n{safe(problem.message)}" if problem else "Counting units…"
        return Table(columns, title="Pass rates", empty=empty)
    rows: list[Row] = []
    said = ""
    for item in report.tables:
        facts = _facts(item, now)
        rows.append(_page_heading(item, facts if facts != said else ""))
        said = facts
        rows += [_page_row(QualityItem(item, row)) for row in item.rows]
    signals = sum(row.judged == "signal" for item in report.tables for row in item.rows)
    return Table(
        columns,
        rows=tuple(rows),
        title=f"Pass rates · {signals} out of control" if signals else "Pass rates",
        note=f"counted {clock(state.quality_at)} · enter: control chart",
        empty=_nothing_inspected() if report.tables else _no_quality(),
        alert=bool(signals),
    )


def _facts(item: QualityTable, now: datetime) -> str:
    parts = []
    if item.newest_unit_at is not None:
        parts.append(f"newest unit {moment(item.newest_unit_at, now)}")
    if item.baseline:
        parts.append(f"reference: {safe(item.baseline, 80)}")
    if item.changed_rows:
        parts.append(f"{count(item.changed_rows)} rows changed on the way")
    return "".join(f" · {part}" for part in parts)


def _page_heading(item: QualityTable, facts: str) -> Row:
    name = f"{safe(item.source, 40)} by {dimension_name(item.dimension)}"
    spans = (*cell(name, "accent"), *cell(facts, "dim"))
    return Row(f"{item.source}/{item.table}/{item.dimension}", (spans,), heading=True)


def _page_row(item: QualityItem) -> Row:
    row, tone = item.row, rate_tone(item.row)
    quiet: Tone = "few" if tone == "few" else "plain"
    limits = (
        f"{interval(row.lcl, row.ucl)} {row.chart or ''}".strip() if row.lcl is not None else ""
    )
    value, judged = safe(row.value, 80), judgement(row)
    defects = row.defects_per_million
    return Row(
        key=f"{item.table.source}/{item.table.table}/{item.table.dimension}/{row.value}",
        cells=(
            cell("  " + value, "bad" if tone == "bad" else quiet),
            cell(count(row.inspected), quiet),
            cell(count(row.failed), "plain" if row.failed else "dim"),
            cell(mark(row) + percent(row.pass_rate), tone),
            cell(interval(row.low, row.high), "dim"),
            cell(limits, "dim"),
            (),
            cell(points(row.change_previous), "dim"),
            cell(points(row.change_baseline), "dim"),
            cell(count(round(defects)) if defects is not None else NOTHING, "dim"),
            cell(_defect(row), "plain"),
            cell(judged, judged_tone(row)),
        ),
        values=(
            value,
            row.inspected,
            row.failed,
            row.pass_rate,
            row.low,
            row.lcl,
            (row.trend, tone),
            row.change_previous,
            row.change_baseline,
            defects,
            _defect(row),
            judged,
        ),
        data=item,
    )


def judged_tone(row: QualityRow) -> Tone:
    """The verdict's tone: a chart that can't judge is neither well nor ill."""
    tone = rate_tone(row)
    if tone in ("bad", "accent"):
        return tone
    return "ok" if row.judged == "in_control" else "few"


def judgement(row: QualityRow) -> str:
    """The chart's verdict in words."""
    if row.signal:
        return safe(row.signal, 120)
    words = {
        "in_control": "in control",
        "signal": "out of control",
        "insufficient_n": "too few units",
        "incomplete": "period not over",
        "unjudged": NOTHING,
    }
    return words[row.judged]

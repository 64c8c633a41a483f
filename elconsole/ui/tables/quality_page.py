"""The Quality page: every value of every dimension. Pure."""

from __future__ import annotations

from datetime import datetime

from elconsole.core.results import QualityTable
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.quality import (
    ORIGIN,
    TREND_PERIODS,
    TROUBLE,
    arrow,
    defect,
    judged_tone,
    judgement,
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
    NOTHING,
    clock,
    count,
    dimension_name,
    interval,
    moment,
    percent,
    percentage_points,
    points,
    safe,
)


def table(state: ConsoleState, now: datetime, *, wide: bool = False) -> Table:
    """The page; only a `wide` one has room for a signal in full."""
    columns = (
        Column("value", min_width=10, max_width=34),
        Column("units", align="right", number=True, keep=1),
        Column("failed", align="right", number=True, keep=5),
        Column("pass", align="right", number=True),
        Column("", name="signal"),
        Column("95 %", keep=2),
        Column("limits", keep=8),
        Column("trend", min_width=7, max_width=TREND_PERIODS, drawn=trend_bar, keep=3),
        Column("± pp", align="right", number=True, keep=7),
        Column("base ± pp", align="right", number=True, keep=9),
        Column("ppm", align="right", number=True, keep=10),
        Column("top defect", keep=6, max_width=34),
        *ORIGIN,
        Column("judged", keep=4, min_width=14, max_width=70, grows=True),
    )
    report = state.quality
    if report is None:
        return Table(columns, title="Pass rates", empty=unread(state))
    rows: list[Row] = []
    said = ""
    for item in report.tables:
        facts = _facts(item, now)
        rows.append(_page_heading(item, facts if facts != said else ""))
        said = facts
        if item.error is not None:
            rows.append(unreadable(item))
        rows += [_page_row(ChartLink(item, row), wide) for row in item.rows]
    signals = sum(row.judged == "signal" for item in report.tables for row in item.rows)
    return Table(
        columns,
        rows=tuple(rows),
        title=f"Pass rates · {signals} out of control" if signals else "Pass rates",
        note=unread_since(state, "quality", state.quality_at)
        or f"counted {clock(state.quality_at)} · enter: control chart",
        empty=nothing_inspected() if report.tables else no_quality(bool(state.raw_tables)),
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
    parts += [safe(note, 200) for note in item.notes]
    return "".join(f" · {part}" for part in parts)


def _page_heading(item: QualityTable, facts: str) -> Row:
    name = f"{safe(item.source, 40)} by {dimension_name(item.dimension)}"
    spans = (*cell(name, "accent"), *cell(facts, "dim"))
    return Row(f"{item.source}/{item.table}/{item.dimension}", (spans,), heading=True)


def _page_row(item: ChartLink, wide: bool) -> Row:
    row, tone = item.row, rate_tone(item.row)
    quiet: Tone = "few" if tone == "few" else "plain"
    limits = (
        f"{interval(row.lcl, row.ucl)} {row.chart or ''}".strip() if row.lcl is not None else ""
    )
    value, judged = safe(row.value, 80), judgement(row, short=not wide)
    defects = row.defects_per_million
    return Row(
        key=f"{item.table.source}/{item.table.table}/{item.table.dimension}/{row.value}",
        cells=(
            cell("  " + value, "bad" if tone == "bad" else quiet),
            cell(count(row.inspected), quiet),
            cell(count(row.failed), "plain" if row.failed else "dim"),
            cell(percent(row.pass_rate), tone),
            cell(mark(row, all_rules=True), tone),
            cell(interval(row.low, row.high), "dim"),
            cell(limits, "dim"),
            (),
            cell(points(row.change_previous), "dim"),
            cell(points(row.change_baseline), "dim"),
            cell(count(round(defects)) if defects is not None else NOTHING, "dim"),
            cell(defect(row), "plain"),
            *origin(item.table),
            cell(judged, judged_tone(row)),
        ),
        values=(
            value,
            row.inspected,
            row.failed,
            row.pass_rate,
            mark(row, all_rules=True),
            row.low,
            row.lcl,
            (row.trend, tone),
            percentage_points(row.change_previous),
            percentage_points(row.change_baseline),
            defects,
            defect(row),
            item.table.source,
            dimension_name(item.table.dimension),
            judged,
        ),
        trouble=TROUBLE if arrow(row) else "",
        opens=item,
    )

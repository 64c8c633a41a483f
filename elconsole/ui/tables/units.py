"""Failed units, the defects among them, and the numbers of one period of a chart."""

from __future__ import annotations

from collections import Counter

from elconsole.core.results import QualityRow, UnitsPage
from elconsole.ui.tables.quality import arrow, judged_tone, judgement, rate_tone
from elconsole.ui.words.cells import Cell, Column, Row, Table, cell
from elconsole.ui.words.text import NOTHING, bar, count, interval, percent, safe

UNINTERESTING = "_airbyte_"


def defect_column(page: UnitsPage) -> int | None:
    """Which column names the defect."""
    named = [number for number, name in enumerate(page.columns) if "defect" in name.casefold()]
    return named[0] if named else None


def failed(page: UnitsPage | None, problem: str = "") -> Table:
    """The newest failed units; the columns that tell why come first."""
    if page is None:
        return Table((), title="Failed units", empty=problem or "Reading the failed units…")
    order = sorted(range(len(page.columns)), key=lambda number: _rank(page.columns[number]))
    columns = tuple(
        Column(safe(page.columns[number], 40), keep=place, max_width=30)
        for place, number in enumerate(order)
    )
    rows = tuple(
        Row(
            key=str(index),
            cells=tuple(_value(unit[number], page.columns[number]) for number in order),
            values=tuple(unit[number] for number in order),
        )
        for index, unit in enumerate(page.rows)
    )
    more = "+" if page.truncated else ""
    return Table(
        columns,
        rows=rows,
        title=f"Failed units · the newest {count(len(rows))}{more}",
        note="c copy · e export",
        empty="No unit failed.",
    )


def _rank(name: str) -> tuple[int, str]:
    first = ("id", "timestamp", "defect_type", "machine_id", "batch_id", "shift_id", "operator_id")
    if name in first:
        return first.index(name), ""
    return (99, name) if name.startswith(UNINTERESTING) else (50, "")


def _value(value: str | None, name: str) -> Cell:
    if value is None:
        return cell(NOTHING, "few")
    tone = "warn" if "defect" in name.casefold() else "plain"
    return cell(safe(value, 80), tone)  # type: ignore[arg-type]


def defects(page: UnitsPage | None) -> Table:
    """How often each defect stands among the shown failed units."""
    columns = (
        Column("defect", min_width=10, max_width=26),
        Column("units", align="right", number=True),
        Column(
            "",
            name="share",
            number=True,
            grows=True,
            min_width=4,
            max_width=20,
            drawn=_share_bar,
            keep=1,
        ),
    )
    at = defect_column(page) if page is not None else None
    if page is None or at is None:
        empty = "" if page is None else "No column names a defect."
        return Table(columns, title="Top defects of these units", empty=empty)
    counts = Counter(unit[at] or "unnamed" for unit in page.rows)
    total = sum(counts.values())
    rows = tuple(
        Row(
            key=name,
            cells=(cell(safe(name.replace("_", " "), 60)), cell(count(number), "strong"), ()),
            values=(name, number, number / total),
        )
        for name, number in counts.most_common()
    )
    return Table(columns, rows=rows, title="Top defects of these units", empty="No unit failed.")


def _share_bar(value: float, width: int) -> Cell:
    return bar(value, width, "warn")


def period_cells(row: QualityRow) -> tuple[Cell, ...]:
    """The numbers of the period under the chart's cursor."""
    tone = rate_tone(row)
    limits = NOTHING
    if row.lcl is not None:
        limits = f"{percent(row.lcl).removesuffix(' %')}–{percent(row.ucl)}"
    chart = f" ({row.chart} chart)" if row.chart else ""
    first = (
        *cell(safe(row.period or "all", 40), "strong"),
        *cell("  ", "dim"),
        *cell(f"{arrow(row)} {percent(row.pass_rate)}".lstrip(), tone),
        *cell(f" passed  95 %: {interval(row.low, row.high)}", "dim"),
        *cell(f"  limits {limits}{chart}", "dim"),
    )
    defect = safe(row.top_defect.replace("_", " "), 40) if row.top_defect else ""
    second = (
        *cell(count(row.inspected), "plain"),
        *cell(" inspected  ", "dim"),
        *cell(count(row.failed), "plain"),
        *cell(" failed  ", "dim"),
        *cell(f"most often {defect}  " if defect else "", "dim"),
        *cell(judgement(row), judged_tone(row)),
        *cell(_rules(row), "dim"),
    )
    return first, second


def _rules(row: QualityRow) -> str:
    return f"  rule {', '.join(map(str, row.rules))}" if row.rules else ""

"""How pass rates are told: tones, marks, words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elconsole.ui.state.model import ConsoleState
from elconsole.ui.words.cells import Cell, Column, Row, Span, Tone, cell
from elconsole.ui.words.text import NOTHING, dimension_name, safe, spark
from elconsole.ui.words.wording import error_line

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.results import QualityRow, QualityTable

TREND_PERIODS = 14
TROUBLE = "out of control"
MANY_UNITS = 1000
"""With so many, a chart without limits lacks failures, not units."""
FEW_UNITS = 30
"""A rate of at most so many units is grey where its chart can't judge it either."""


ORIGIN = (
    Column("source", keep=1, max_width=24, instead_of_headings=True),
    Column("by", keep=1, max_width=24, instead_of_headings=True),
)
"""Where a value comes from, while no heading above it says so."""


def origin(table: QualityTable) -> tuple[Cell, Cell]:
    """The cells of `ORIGIN`."""
    return cell(safe(table.source, 40), "dim"), cell(dimension_name(table.dimension), "dim")


def rate_tone(row: QualityRow) -> Tone:
    """How a pass rate is to be read."""
    if row.judged == "signal" or row.signal:
        return "bad" if _fell(row) else "accent"
    if row.inspected == 0 or (row.judged == "insufficient_n" and row.inspected <= FEW_UNITS):
        return "few"
    return "strong"


def _fell(row: QualityRow) -> bool:
    """Whether a signal points down: the rate where it fired, beside the centre line."""
    rate = row.signal_pass_rate if row.signal_pass_rate is not None else row.pass_rate
    if rate is None or row.center is None:
        return True
    return rate <= row.center


def arrow(row: QualityRow) -> str:
    """Which way a chart's signal points; empty where there is none."""
    if row.judged != "signal" and not row.signal:
        return ""
    return "▼" if _fell(row) else "▲"


def mark(row: QualityRow, *, all_rules: bool = False) -> str:
    """Which way a chart's signal points, and by which Nelson rule: `▼ 1`."""
    rules = row.rules if all_rules else row.rules[:1]
    return f"{arrow(row)} {','.join(str(rule) for rule in rules)}".rstrip() if arrow(row) else ""


def trend_bar(value: tuple[tuple[float | None, ...], Tone], width: int) -> Cell:
    """The last pass rates, on a scale from the lowest shown rate (at most 85 %) to 100 %."""
    trend, tone = value
    known = [rate for rate in trend if rate is not None]
    if not known:
        return (Span(NOTHING, "dim"),)
    low = min(0.85, *known)
    tones: dict[Tone, Tone] = {"strong": "accent", "bad": "bad", "few": "few", "accent": "accent"}
    return (Span(spark(trend[-width:], low, 1.0), tones.get(tone, "dim")),)


def defect(row: QualityRow) -> str:
    """The most frequent defect and its share of the failed units."""
    if not row.top_defect:
        return ""
    share = f" {row.top_defect_share * 100:.0f} %" if row.top_defect_share is not None else ""
    return safe(row.top_defect.replace("_", " "), 40) + share


def unread(state: ConsoleState) -> str:
    """What stands in place of rates that are not known."""
    problem = state.problem("quality")
    return f"Can't be read:\n{safe(problem.message)}" if problem else "Counting units…"


def unreadable(item: QualityTable) -> Row:
    """Stands in place of a table's rates, with the reason why there are none."""
    text = (
        *cell("  ✗ ", "bad"),
        *cell(error_line(item.error, f"{item.source}.{item.table}"), "bad"),
    )
    key = f"{item.source}/{item.table}/{item.dimension}/error"
    return Row(key, (text,), heading=True, trouble="unreadable")


def no_quality(synced: bool) -> str:
    """What stands in place of rates where no table has any; `synced` where there are tables."""
    if not synced:
        return "None before the first sync."
    return "No pass rates yet: none of the synced tables has an inspection status."


def nothing_inspected() -> str:
    """What stands in place of rates before the first unit."""
    return "No unit was inspected yet.\nSync the production tables first."


def judged_tone(row: QualityRow) -> Tone:
    """The verdict's tone: a chart that can't judge is neither well nor ill."""
    tone = rate_tone(row)
    if tone in ("bad", "accent"):
        return tone
    return "ok" if row.judged == "in_control" else "few"


def judgement(row: QualityRow, *, short: bool = False) -> str:
    """The chart's verdict in words."""
    if row.signal and not short:
        return safe(row.signal, 120)
    words = {
        "in_control": "in control",
        "signal": "out of control",
        "insufficient_n": "too few units" if row.inspected < MANY_UNITS else "few failures",
        "incomplete": "period not over",
        "unjudged": NOTHING,
    }
    return words["signal" if row.signal else row.judged]

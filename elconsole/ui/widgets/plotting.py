"""A control chart as characters. Pure.

Centre line and 3-sigma limits per period, as in Shewhart's p chart; the limits move
because each period's number of units does.
"""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.record import record
from elconsole.core.results import QualityRow
from elconsole.ui.words.cells import Span, Tone
from elconsole.ui.words.text import percent

AXIS_WIDTH = 9
POINT, SIGNAL_LOW, SIGNAL_HIGH, OPEN = "●", "▼", "▲", "○"

Canvas = list[list[tuple[str, Tone]]]


@record(frozen=True, slots=True)
class Scale:
    """Maps rates to lines and periods to columns of a canvas."""

    low: float
    high: float
    lines: int
    columns: int
    points: int

    def line(self, rate: float) -> int:
        """0 is the top line."""
        share = (self.high - rate) / (self.high - self.low)
        return min(self.lines - 1, max(0, round(share * (self.lines - 1))))

    def column(self, index: int) -> int:
        """The column of a period's point."""
        return int((index + 0.5) * self.columns / max(1, self.points))

    def rate(self, line: int) -> float:
        """The rate that a line stands for."""
        return self.high - (self.high - self.low) * line / max(1, self.lines - 1)


def scale_for(rows: Sequence[QualityRow], lines: int, columns: int) -> Scale:
    """Room for every point and limit, with a little air, within 0 and 1."""
    values = [
        value
        for row in rows
        for value in (row.pass_rate, row.lcl, row.ucl, row.center)
        if value is not None
    ]
    low, high = min(values, default=0.0), max(values, default=1.0)
    air = max(0.01, (high - low) * 0.08)
    low, high = max(0.0, low - air), min(1.0, high + air)
    if high - low < 1e-9:
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return Scale(low, high, max(2, lines), max(2, columns), len(rows))


def chart(rows: Sequence[QualityRow], lines: int, columns: int) -> list[list[Span]]:
    """The whole plot, `lines` high: axis, limits, centre, points, and dates below."""
    room = columns - AXIS_WIDTH
    scale = scale_for(rows, lines - 1, room)
    canvas: Canvas = [[(" ", "plain")] * scale.columns for _ in range(scale.lines)]
    _draw_levels(canvas, rows, scale)
    _draw_links(canvas, rows, scale)
    _draw_points(canvas, rows, scale)
    drawn = [_axis(scale, line, rows) + _spans(canvas[line]) for line in range(scale.lines)]
    return [*drawn, [Span(" " * AXIS_WIDTH), *_dates(rows, scale)]]


def _draw_levels(canvas: Canvas, rows: Sequence[QualityRow], scale: Scale) -> None:
    for index, row in enumerate(rows):
        start = int(index * scale.columns / scale.points)
        stop = int((index + 1) * scale.columns / scale.points)
        for level, character, tone in (
            (row.ucl, "╌", "dim"),
            (row.lcl, "╌", "dim"),
            (row.center, "─", "few"),
        ):
            if level is not None:
                for column in range(start, stop):
                    canvas[scale.line(level)][column] = (character, tone)  # type: ignore[assignment]


def _draw_links(canvas: Canvas, rows: Sequence[QualityRow], scale: Scale) -> None:
    """Dots between neighbouring points."""
    for index in range(len(rows) - 1):
        here, there = rows[index].pass_rate, rows[index + 1].pass_rate
        if here is None or there is None:
            continue
        left, right = scale.column(index), scale.column(index + 1)
        for column in range(left + 1, right):
            share = (column - left) / (right - left)
            canvas[scale.line(here + (there - here) * share)][column] = ("·", "accent")


def _draw_points(canvas: Canvas, rows: Sequence[QualityRow], scale: Scale) -> None:
    for index, row in enumerate(rows):
        if row.pass_rate is not None:
            canvas[scale.line(row.pass_rate)][scale.column(index)] = _point(row)


def _point(row: QualityRow) -> tuple[str, Tone]:
    if row.judged == "signal" or row.signal:
        low = row.center is None or (row.pass_rate or 0.0) <= row.center
        return (SIGNAL_LOW, "bad") if low else (SIGNAL_HIGH, "bad")
    if row.judged in ("insufficient_n", "incomplete"):
        return OPEN, "dim"
    return POINT, "accent"


def _axis(scale: Scale, line: int, rows: Sequence[QualityRow]) -> list[Span]:
    labels: dict[int, tuple[str, Tone]] = {}
    step = max(2, scale.lines // 5)
    for at in range(0, scale.lines, step):
        labels[at] = (percent(scale.rate(at)), "dim")
    judged = [row for row in rows if row.judged != "incomplete"]
    last = judged[-1] if judged else None
    if last is not None:
        for level, tone in ((last.lcl, "dim"), (last.ucl, "dim"), (last.center, "plain")):
            if level is not None:
                at = scale.line(level)
                for near in (at - 1, at + 1):
                    labels.pop(near, None)
                labels[at] = (percent(level), tone)  # type: ignore[assignment]
    text, tone = labels.get(line, ("", "dim"))
    return [Span(f"{text:>{AXIS_WIDTH - 2}}", tone), Span(" │", "few")]


def _spans(cells: list[tuple[str, Tone]]) -> list[Span]:
    spans: list[Span] = []
    for character, tone in cells:
        if spans and spans[-1].tone == tone:
            spans[-1] = Span(spans[-1].text + character, tone)
        else:
            spans.append(Span(character, tone))
    return spans


def _dates(rows: Sequence[QualityRow], scale: Scale) -> list[Span]:
    line = [" "] * scale.columns
    free_from = 0
    for index, row in enumerate(rows):
        text = short_period(row.period)
        start = min(scale.column(index) - len(text) // 2, scale.columns - len(text))
        if start >= free_from:
            line[start : start + len(text)] = text
            free_from = start + len(text) + 2
    return [Span("".join(line[: scale.columns]), "dim")]


def short_period(period: str | None) -> str:
    """`2026-03-13` → `03-13`; an hour keeps its time; names stay."""
    if not period:
        return ""
    if len(period) >= 10 and period[4:5] == "-" and period[7:8] == "-":
        return period[5:10] if len(period) < 13 else f"{period[8:10]} {period[11:13]}h"
    return period[:20]

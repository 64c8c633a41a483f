"""Rows a second and memory over the tables' size, drawn as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tests.benchmarks.rounds import Result

PANEL = (430, 260)
MARGIN = (62, 34)
"""Left and top of a panel."""
LEGEND_LINE = 18
COLOURS = (
    "#0b6e4f", "#1f4e9c", "#6b9bd8", "#8a8a8a", "#b8860b", "#c0553a", "#7a3e9d", "#d17a9c",
    "#3aa6a6", "#555555",
)  # fmt: skip
INK, GRID = "#333333", "#dddddd"


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: a value over the tables' size, both on logarithmic scales."""

    title: str
    value: Callable[[Result], float]


PANELS = (
    Panel("rows a second", lambda r: r.rows / r.median(lambda cost: cost.wall_s)),
    Panel("memory, MB", lambda r: r.median(lambda cost: float(cost.peak_bytes)) / 2**20),
)


def svg(by_rows: Mapping[int, Sequence[Result]]) -> str:
    """The diagrams side by side, with a legend; `by_rows` has the results by rows a table."""
    names = list(dict.fromkeys(r.name for some in by_rows.values() for r in some if r.rows))
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    left, top = MARGIN
    width = len(PANELS) * (PANEL[0] + left) + 20
    height = PANEL[1] + top + 50 + LEGEND_LINE * math.ceil(len(names) / 3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(PANELS):
        parts.append(f'<g transform="translate({left + number * (PANEL[0] + left)} {top})">')
        parts += _panel(panel, by_rows, colours)
        parts.append("</g>")
    for number, (name, colour) in enumerate(colours.items()):
        x = left + number % 3 * 310
        y = PANEL[1] + top + 56 + number // 3 * LEGEND_LINE
        parts.append(f'<path d="M{x} {y - 4}h22" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(x + 28, y, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    panel: Panel, by_rows: Mapping[int, Sequence[Result]], colours: Mapping[str, str]
) -> list[str]:
    lines: dict[str, list[tuple[int, float]]] = {}
    for rows, results in sorted(by_rows.items()):
        for result in results:
            if result.rows:
                lines.setdefault(result.name, []).append((rows, panel.value(result)))
    x = _scale(list(by_rows), PANEL[0], 0)
    y = _scale([value for line in lines.values() for _, value in line], 0, PANEL[1])
    y_at = {value: PANEL[1] - place for value, place in y.items()}
    parts = [_text(PANEL[0] / 2, -12, panel.title, "middle")]
    parts += [_text(PANEL[0] / 2, PANEL[1] + 36, "rows a table", "middle")]
    for decade in _decades(y):
        place = PANEL[1] - _place(decade, y, PANEL[1])
        parts.append(f'<path d="M0 {place:.1f}H{PANEL[0]}" stroke="{GRID}"/>')
        parts.append(_text(-6, place + 4, _short(decade), "end"))
    for rows in by_rows:
        parts.append(f'<path d="M{x[rows]:.1f} 0V{PANEL[1]}" stroke="{GRID}"/>')
        parts.append(_text(x[rows], PANEL[1] + 18, _short(rows), "middle"))
    # The first way comes last, on top of the others.
    for number, (name, line) in reversed(list(enumerate(lines.items()))):
        points = " ".join(f"{x[rows]:.1f},{y_at[value]:.1f}" for rows, value in line)
        style = f'fill="none" stroke="{colours[name]}" stroke-width="{2 if number else 3.5}"'
        parts.append(f'<polyline points="{points}" {style}/>')
        for rows, value in line:
            centre = f'cx="{x[rows]:.1f}" cy="{y_at[value]:.1f}"'
            parts.append(f'<circle {centre} r="3" fill="{colours[name]}"/>')
    return parts


def _scale(values: Sequence[float], width: float, height: float) -> dict[float, float]:
    """Places of values on a logarithmic axis with a little room at both ends."""
    length = width or height
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(high - low, 0.3) * 0.08
    spread = max(high - low, 0.3) + 2 * room
    return {v: (math.log10(v) - low + room) / spread * length for v in values}


def _place(value: float, places: Mapping[float, float], length: float) -> float:
    """Where a further value lies between those of the axis."""
    low, high = min(places), max(places)
    if low == high:
        return length / 2
    step = (places[high] - places[low]) / (math.log10(high) - math.log10(low))
    return places[low] + (math.log10(value) - math.log10(low)) * step


def _decades(places: Mapping[float, float]) -> list[float]:
    low, high = min(places), max(places)
    found = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return [10.0**n for n in found]


def _short(value: float) -> str:
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{INK}">{escape(text)}</text>'

"""Numbers, times and bars as the console writes them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from elconsole.core import humanize
from elconsole.core.safe_text import clean_text
from elconsole.ui.words.cells import Cell, Span, Tone

NOTHING = humanize.NOTHING
KEY_NAMES = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+tab": "⇧tab",
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}
NARROW = 0.03
"""An interval narrower than that is told with a decimal, as the rate beside it is."""


def key_name(key: str) -> str:
    """A key as it is told: `/`, `esc`, `^p`."""
    return KEY_NAMES.get(key, key.replace("ctrl+", "^"))


def safe(text: str | None, limit: int = 300) -> str:
    """Text of a server as one harmless line of at most `limit` characters."""
    return clean_text(text, limit)


def safe_lines(text: str, limit: int = 4000) -> str:
    """Text of a server with its line breaks, each line harmless."""
    lines = [clean_text(line) for line in text[:limit].splitlines()]
    cut = "…" if len(text) > limit else ""
    return "\n".join(lines).rstrip() + cut


def count(number: int) -> str:
    """1234567 → `1,234,567`."""
    return humanize.rows_exact(number)


def count_short(number: int | float) -> str:
    """Three significant digits: 998 → `998`, 41234 → `41.2k`, 1650000 → `1.65M`."""
    value = float(number)
    for suffix in ("", "k", "M", "G", "T"):
        if value < 999.5 or suffix == "T":
            break
        value /= 1000
    if not suffix:
        return f"{value:.0f}"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}{suffix}"


def size(number: int | None) -> str:
    """Bytes: `412 MB`."""
    return humanize.bytes_size(number)


def span_of(seconds: float | None) -> str:
    """A duration: `45 ms`, `3.2 s`, `1 m 05 s`."""
    return humanize.seconds(seconds)


def whole_seconds(seconds: float) -> str:
    """A duration that is still growing: no decimals that flicker."""
    return f"{max(0, int(seconds))} s" if seconds < 60 else humanize.seconds(seconds)


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago, coarsely; `never` where it never was."""
    return "never" if then is None else humanize.age((now - then).total_seconds())


def clock(when: datetime | None) -> str:
    """The time of day where the reader sits."""
    return NOTHING if when is None else when.astimezone().strftime("%H:%M:%S")


def moment(when: datetime | None, now: datetime) -> str:
    """The time of day today, else date and time."""
    if when is None:
        return NOTHING
    local, today = when.astimezone(), now.astimezone()
    if local.date() == today.date():
        return local.strftime("%H:%M:%S")
    pattern = "%d %b %H:%M" if local.year == today.year else "%d %b %Y"
    return local.strftime(pattern)


def percent(rate: float | None) -> str:
    """`94.6 %`; all or none without decimals; never a 100 that is not one."""
    if rate is None:
        return NOTHING
    if rate in (0.0, 1.0):
        return f"{rate * 100:.0f} %"
    return f"{min(max(rate * 100, 0.1), 99.9):.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """`85–98` or `94.5–94.8`, in percent, rounded outwards so that it never claims too much."""
    if low is None or high is None:
        return NOTHING
    if high - low > NARROW:
        return f"{math.floor(low * 100 + 1e-9)}–{math.ceil(high * 100 - 1e-9)}"
    ends = math.floor(low * 1000 + 1e-9) / 10, math.ceil(high * 1000 - 1e-9) / 10
    return "–".join(f"{end:.0f}" if end in (0, 100) else f"{end:.1f}" for end in ends)


def points(difference: float | None) -> str:
    """A difference of two rates in percentage points."""
    return NOTHING if difference is None else f"{difference * 100:+.1f}".replace("-", "−")


def percentage_points(difference: float | None) -> float | None:
    """A difference of two rates in percentage points, as a number."""
    return None if difference is None else round(difference * 100, 2)


def spark(values: Sequence[float | None], low: float, high: float) -> str:
    """One character a value; a gap where there is none."""
    scale = high - low
    out = []
    for value in values:
        if value is None:
            out.append(" ")
            continue
        share = (value - low) / scale if scale > 0 else 0.0
        out.append(humanize.SPARKS[min(7, max(0, int(share * 7.999)))])
    return "".join(out)


def bar(share: float | None, width: int, tone: Tone) -> Cell:
    """A thin bar; half characters give it twice its width in steps."""
    if width <= 0:
        return ()
    if share is None:
        return (Span("┄" * width, "dim"),)
    halves = int(min(1.0, max(0.0, share)) * width * 2 + 0.5)
    full, half = divmod(halves, 2)
    done = "━" * full + ("╸" if half else "")
    rest = "─" * (width - len(done))
    return tuple(item for item in (Span(done, tone), Span(rest, "few")) if item.text)


def dimension_name(dimension: str) -> str:
    """A column's name as people say it: `line_id` → `line`."""
    return safe(dimension.removesuffix("_id").replace("_", " "), 40)

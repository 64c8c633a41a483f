"""Numbers, times and bars as the console writes them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from elconsole.humanize import clean_text as clean
from elconsole.ui.cells import Cell, Span, Tone

SPARKS = "▁▂▃▄▅▆▇█"
NOTHING = "–"


def safe(text: str | None, limit: int = 300) -> str:
    """Text of a server as one harmless line of at most `limit` characters."""
    return NOTHING if text is None else clean(text, limit)


def count(number: int) -> str:
    """1234567 → `1,234,567`."""
    return f"{number:,}"


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
    """Bytes in units of 1024, as `pg_size_pretty` names them."""
    if number is None:
        return NOTHING
    value = float(number)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1023.5 or unit == "TB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 9.95 else f"{value:.1f} {unit}"


def span_of(seconds: float | None) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d`."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    if whole < 86400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{whole // 86400} d"


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago, coarsely; `never` where it never was."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    if seconds < 1.5:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86400:.0f} d ago"


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
    """`85–98`, in percent, rounded outwards so that it never claims too much."""
    if low is None or high is None:
        return NOTHING
    return f"{math.floor(low * 100 + 1e-9)}–{math.ceil(high * 100 - 1e-9)}"


def points(difference: float | None) -> str:
    """A difference of two rates in percentage points."""
    return NOTHING if difference is None else f"{difference * 100:+.1f}".replace("-", "−")


def spark(values: Sequence[float | None], low: float, high: float) -> str:
    """One character a value; a gap where there is none."""
    scale = high - low
    out = []
    for value in values:
        if value is None:
            out.append(" ")
            continue
        share = (value - low) / scale if scale > 0 else 0.0
        out.append(SPARKS[min(7, max(0, int(share * 7.999)))])
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

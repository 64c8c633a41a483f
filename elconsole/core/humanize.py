"""Numbers, sizes, durations and foreign text as people read them. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

NOTHING = "–"
"""Shown where there is no value: never 0, never 1970."""
SPARKS = "▁▂▃▄▅▆▇█"
"""The bars of a sparkline, lowest first."""

_ROW_UNITS = ("", "k", "M", "G", "T", "P")
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def rows(count: int | None) -> str:
    """A row count in at most three significant digits: `350`, `41.2k`, `1.65M`."""
    return NOTHING if count is None else _scaled(count, _ROW_UNITS, "")


def rows_exact(count: int | None) -> str:
    """A row count in full: `610,000`."""
    return NOTHING if count is None else f"{count:,}"


def bytes_size(count: int | None) -> str:
    """A size in decimal units: `412 MB`."""
    return NOTHING if count is None else _scaled(count, _BYTE_UNITS, " ")


def _scaled(count: int, units: tuple[str, ...], gap: str) -> str:
    """Three significant digits in the unit in which they still make less than 1,000."""
    sign, value, power = "-" if count < 0 else "", Decimal(abs(count)), 0
    while (shown := _three_digits(value, power)) >= 1000 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    text = f"{shown:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{sign}{text}{gap}{units[power]}"


def _three_digits(value: Decimal, power: int) -> Decimal:
    decimals = 0 if power == 0 or value >= 100 else 1 if value >= 10 else 2
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def seconds(value: float | None) -> str:
    """A duration: `45 ms`, `3.2 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`."""
    if value is None or value != value:
        return NOTHING
    value = max(value, 0.0)
    if value < 0.9995:
        return f"{value * 1000:.0f} ms" if value else "0 s"
    if value < 59.95:
        return f"{value:.1f} s"
    if value == float("inf"):
        return "∞"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} m"
    return f"{hours // 24} d {hours % 24:02} h"


def age(value: float | None) -> str:
    """How long ago, from seconds: `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.

    A time slightly ahead, from a clock that runs fast, counts as now; one further
    ahead is said to lie in the future.
    """
    if value is None or value != value:
        return NOTHING
    if value < -60:
        return "in the future"
    whole = int(min(value, 1e12))
    if whole < 5:
        return "just now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if whole < limit:
            return f"{whole // size} {unit} ago"
    return f"{whole // 86_400:,} d ago"

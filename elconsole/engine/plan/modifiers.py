"""Type modifiers as SQL: what `format_type` prints behind a built-in type's name, printed
here, so that a server's word for it is not needed."""

from __future__ import annotations

NUMERIC, INTERVAL = 1700, 1186
HEADER = 4
"""What PostgreSQL adds to a modifier that is a length or a precision."""
LENGTHS = {1042: "character({})", 1043: "character varying({})"}
BITS = {1560: "bit({})", 1562: "bit varying({})"}
SECONDS = {
    1083: "time({}) without time zone",
    1266: "time({}) with time zone",
    1114: "timestamp({}) without time zone",
    1184: "timestamp({}) with time zone",
}
MODIFIED = frozenset({NUMERIC, INTERVAL, *LENGTHS, *BITS, *SECONDS})
"""The built-in types that take one; their arrays do too."""
ODD_SCALES_VERSION = 150000
"""From here on a numeric's scale may be below zero or above its precision."""
MOST_DIGITS, MOST_SECONDS_DIGITS = 1000, 6
FULL_PRECISION = 0xFFFF
MONTH, YEAR, DAY, HOUR, MINUTE, SECOND = (1 << bit for bit in (1, 2, 3, 10, 11, 12))
INTERVAL_FIELDS = {
    0x7FFF: "",
    YEAR: " year",
    MONTH: " month",
    DAY: " day",
    HOUR: " hour",
    MINUTE: " minute",
    SECOND: " second",
    YEAR | MONTH: " year to month",
    DAY | HOUR: " day to hour",
    DAY | HOUR | MINUTE: " day to minute",
    DAY | HOUR | MINUTE | SECOND: " day to second",
    HOUR | MINUTE: " hour to minute",
    HOUR | MINUTE | SECOND: " hour to second",
    MINUTE | SECOND: " minute to second",
}


def with_modifier(oid: int, name: str, typmod: int) -> str:
    """The type `name` of this OID with its modifier, as SQL; -1 means none.

    Raises ValueError for a modifier that the type can't have."""
    if typmod == -1:
        return name
    if oid in LENGTHS:
        return LENGTHS[oid].format(_within(typmod - HEADER, 1, 2**31))
    if oid in BITS:
        return BITS[oid].format(_within(typmod, 1, 2**31))
    if oid in SECONDS:
        return SECONDS[oid].format(_within(typmod, 0, MOST_SECONDS_DIGITS))
    if oid == NUMERIC:
        return f"numeric({_within(precision(typmod), 1, MOST_DIGITS)},{scale(typmod)})"
    if oid == INTERVAL:
        return f"interval{_interval(_within(typmod, 0, 2**31))}"
    raise ValueError(f"the type {name} has no modifier, but {typmod} was given")


def held_since(oid: int, typmod: int) -> int:
    """The first server version that takes this modifier; 0 where every supported one does."""
    if oid != NUMERIC or typmod == -1 or 0 <= scale(typmod) <= precision(typmod):
        return 0
    return ODD_SCALES_VERSION


def precision(typmod: int) -> int:
    """Digits of a numeric."""
    return (typmod - HEADER) >> 16 & 0xFFFF


def scale(typmod: int) -> int:
    """Digits of a numeric behind the point: eleven bits, signed, as PostgreSQL 15 and later
    store it."""
    return (((typmod - HEADER) & 0x7FF) ^ 1024) - 1024


def _interval(typmod: int) -> str:
    fields, digits = typmod >> 16 & 0x7FFF, typmod & 0xFFFF
    if fields not in INTERVAL_FIELDS:
        raise ValueError(f"no fields of an interval: {fields}")
    if digits == FULL_PRECISION:
        return INTERVAL_FIELDS[fields]
    return f"{INTERVAL_FIELDS[fields]}({_within(digits, 0, MOST_SECONDS_DIGITS)})"


def _within(value: int, lowest: int, highest: int) -> int:
    if lowest <= value <= highest:
        return value
    raise ValueError(f"the type modifier {value} is not between {lowest} and {highest}")

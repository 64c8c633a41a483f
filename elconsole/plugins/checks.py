"""Built-in checks of a loaded table before it becomes visible; all off by default.

They see what a `post_load` plug-in sees: the unpublished rows, and beside them the
published ones, each through a query-only facade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Protocol

from elconsole.core.quoting import identifier, literal
from elconsole.core.record import record
from elconsole.plugins.types import QueryOnly

_EXAMPLES = 3


class ChecksWanted(Protocol):
    """The checks of one table, as settings give them."""

    @property
    def zero_rows(self) -> bool: ...
    @property
    def row_jump(self) -> float | None: ...
    @property
    def null_jump(self) -> float | None: ...
    @property
    def freshness(self) -> str | None: ...
    @property
    def unique_key(self) -> bool: ...
    @property
    def accepted_values(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def pass_rate_shift(self) -> float | None: ...


@record(frozen=True, slots=True, kw_only=True)
class CheckedTable:
    """What the checks must know of a table beside its rows."""

    columns: tuple[str, ...]
    primary_key: tuple[str, ...] = ()
    time: str | None = None
    """Column with a unit's time, for freshness."""
    status: str | None = None
    passed: tuple[str, ...] = ()
    """Column and values that say whether a unit passed."""


@record(frozen=True, slots=True, kw_only=True)
class Measures:
    """One scan of a table."""

    rows: int
    newest: datetime | None = None
    passed: int | None = None
    nulls: Mapping[str, int] = field(default_factory=dict)


def any_wanted(wanted: ChecksWanted) -> bool:
    """Whether a table has any check at all: without one it costs nothing."""
    return bool(
        wanted.zero_rows
        or wanted.row_jump
        or wanted.null_jump
        or wanted.freshness
        or wanted.unique_key
        or wanted.accepted_values
        or wanted.pass_rate_shift
    )


def run_checks(
    wanted: ChecksWanted,
    table: CheckedTable,
    new: QueryOnly,
    old: QueryOnly | None,
    now: datetime,
) -> str | None:
    """Why the new rows must not be published; None where all checks pass.

    `old` holds the published rows; None at a first load, when nothing can have changed.
    """
    after = measure(wanted, table, new)
    before = measure(wanted, table, old) if old is not None else None
    reasons = compare(wanted, after, before)
    reasons += _stale(wanted, table, after, now)
    if wanted.unique_key and table.primary_key:
        reasons += _duplicates(table, new)
    for column, values in wanted.accepted_values.items():
        reasons += _unaccepted(table, new, column, values)
    return "; ".join(reasons) or None


def measure(wanted: ChecksWanted, table: CheckedTable, rows: QueryOnly) -> Measures:
    """Count what the wanted checks compare, in one scan."""
    parts = ["count(*)", "NULL::timestamptz", "NULL::bigint"]
    if wanted.freshness and table.time:
        parts[1] = f"max({identifier(table.time)})::timestamptz"
    if wanted.pass_rate_shift and table.status:
        accepted = ", ".join(literal(value) for value in table.passed)
        parts[2] = f"count(*) FILTER (WHERE {identifier(table.status)}::text IN ({accepted}))"
    columns = table.columns if wanted.null_jump else ()
    parts += [f"count(*) - count({identifier(column)})" for column in columns]
    [row] = rows.query(f"SELECT {', '.join(parts)} FROM {rows.table}")  # noqa: S608
    return Measures(
        rows=row[0],
        newest=row[1],
        passed=row[2],
        nulls=dict(zip(columns, row[3:], strict=True)),
    )


def compare(wanted: ChecksWanted, after: Measures, before: Measures | None) -> list[str]:
    """What changed more than the settings allow."""
    if before is None or not before.rows:
        return []
    if not after.rows:
        words = f"no rows came where there were {before.rows:,}"
        return [words] if wanted.zero_rows or wanted.row_jump else []
    reasons = []
    jump = (after.rows - before.rows) / before.rows
    if wanted.row_jump and abs(jump) > wanted.row_jump:
        reasons.append(
            f"rows went from {before.rows:,} to {after.rows:,}"
            f" ({jump:+.1%}, allowed {wanted.row_jump:.1%})"
        )
    return reasons + _null_jumps(wanted, after, before) + _rate_shift(wanted, after, before)


def _null_jumps(wanted: ChecksWanted, after: Measures, before: Measures) -> list[str]:
    if not wanted.null_jump:
        return []
    shares = [
        (column, before.nulls.get(column, count) / before.rows, count / after.rows)
        for column, count in after.nulls.items()
        if column in before.nulls
    ]
    return [
        f"NULLs of {column} rose from {was:.1%} to {now:.1%} (allowed +{wanted.null_jump:.1%})"
        for column, was, now in shares
        if now - was > wanted.null_jump
    ]


def _rate_shift(wanted: ChecksWanted, after: Measures, before: Measures) -> list[str]:
    if not wanted.pass_rate_shift or after.passed is None or before.passed is None:
        return []
    was, now = before.passed / before.rows, after.passed / after.rows
    if abs(now - was) <= wanted.pass_rate_shift:
        return []
    return [
        f"the pass rate moved from {was:.1%} to {now:.1%} (allowed {wanted.pass_rate_shift:.1%})"
    ]


def _stale(wanted: ChecksWanted, table: CheckedTable, after: Measures, now: datetime) -> list[str]:
    if not wanted.freshness or not table.time:
        return []
    from elconsole.config.fields import duration_seconds

    if after.newest is None:
        return [f"no row has a {table.time}, asked for within {wanted.freshness}"] * bool(
            after.rows
        )
    age_s = (now - after.newest).total_seconds()
    if age_s <= duration_seconds(wanted.freshness):
        return []
    return [f"the newest {table.time} is {after.newest.isoformat()}, older than {wanted.freshness}"]


def _duplicates(table: CheckedTable, rows: QueryOnly) -> list[str]:
    key = ", ".join(identifier(column) for column in table.primary_key)
    found = rows.query(
        f"SELECT {key} FROM {rows.table} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
    )
    return [f"the key {_shown(found[0])} stands in several rows"] if found else []


def _unaccepted(
    table: CheckedTable, rows: QueryOnly, column: str, values: Sequence[str]
) -> list[str]:
    if column not in table.columns:
        return [f'there is no column "{column}", whose accepted values settings name']
    name = identifier(column)
    accepted = ", ".join(literal(value) for value in values)
    found = rows.query(
        f"SELECT DISTINCT {name}::text FROM {rows.table}"  # noqa: S608
        f" WHERE {name}::text NOT IN ({accepted}) LIMIT {_EXAMPLES}"
    )
    if not found:
        return []
    shown = ", ".join(repr(str(row[0])[:100]) for row in found)
    return [f"{column} holds values that are not accepted, such as {shown}"]


def _shown(row: tuple[Any, ...]) -> str:
    return ", ".join(str(value)[:100] for value in row)

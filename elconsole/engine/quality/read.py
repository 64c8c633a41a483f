"""Pass rates read from the warehouse: servers count, `elconsole.quality.charts` judges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from elconsole.config.patterns import typed
from elconsole.core.errors import TargetTaken, UsageError
from elconsole.core.quoting import dotted
from elconsole.core.results import (
    Period,
    QualityReport,
    QualityRequest,
    QualityRow,
    QualityTable,
    UnitsPage,
)
from elconsole.core.types import ErrorInfo
from elconsole.engine.quality.baselines import (
    Baseline,
    frozen_reference,
    read_baseline,
    write_baseline,
)
from elconsole.engine.quality.counts import in_order, read_counts
from elconsole.engine.quality.statements import (
    QualityTarget,
    dimension_expression,
    has_time,
    passed_condition,
    read_columns,
    there_condition,
)
from elconsole.engine.sql.statements import statement
from elconsole.quality.charts import Reference
from elconsole.quality.judge import (
    RUN_RULES,
    TOTAL,
    UNORDERED_RULES,
    PeriodCount,
    period_rows,
    reference_of,
    summary_row,
    total_counts,
)

if TYPE_CHECKING:
    from psycopg import Connection

_LONGEST_CELL = 500


def read_quality(
    connection: Connection[Any],
    targets: Sequence[QualityTarget],
    request: QualityRequest,
    now: datetime,
) -> QualityReport:
    """Pass rates of every target that the request selects, per dimension.

    A table that can't be judged as settings ask is in the report with its error.
    Raises UsageError where no table has the dimension asked for.
    """
    chosen = [t for t in targets if not request.sources or t.source in request.sources]
    tables: list[QualityTable] = []
    for target in chosen:
        tables += _read_target(connection, target, request, now)
    if request.by is not None and chosen and not tables:
        known = sorted({column for target in chosen for column in target.definition.by})
        raise UsageError(
            f'no selected table has a column "{request.by}" to group by',
            hint=f"configured dimensions: {', '.join(known)}" if known else None,
        )
    return QualityReport(tuple(tables))


def failed_units(
    connection: Connection[Any], target: QualityTarget, dimension: str, value: str, limit: int
) -> UnitsPage:
    """The newest failed units of one dimension value, every column as text."""
    columns = read_columns(connection, target)
    for needed in (target.definition.status, dimension):
        if needed not in columns:
            raise UsageError(f'{target.source}.{target.table} has no column "{needed}"')
    order: sql.Composable = sql.SQL("1")
    if target.definition.time in columns:
        order = sql.SQL("{} DESC").format(sql.Identifier(target.definition.time))
    query = sql.SQL(statement("quality/failed_units")).format(
        columns=sql.SQL(", ").join(
            sql.SQL("pg_catalog.left({}::text, {})").format(
                sql.Identifier(name), sql.Literal(_LONGEST_CELL)
            )
            for name in columns
        ),
        table=target.identifier,
        passed=passed_condition(target.definition),
        there=there_condition(columns),
        dimension=dimension_expression(dimension),
        order=order,
        value=sql.Literal(value),
        # One row more than shown tells whether there are more.
        limit=sql.Literal(limit + 1),
    )
    rows = connection.execute(query).fetchall()
    return UnitsPage(tuple(columns), tuple(rows[:limit]), truncated=len(rows) > limit)


def freeze_baseline(
    connection: Connection[Any], targets: Sequence[QualityTarget], now: datetime
) -> int:
    """Keep the complete days of every target's values as the reference; its version.

    Raises UsageError where no value has a complete day.
    """
    references: list[tuple[QualityTarget, str, str | None, Reference]] = []
    for target in targets:
        references += _references(connection, target, now)
    if not references:
        raise UsageError("there is no complete day to freeze as a baseline yet")
    return write_baseline(connection, references, now)


def _references(
    connection: Connection[Any], target: QualityTarget, now: datetime
) -> list[tuple[QualityTarget, str, str | None, Reference]]:
    columns = read_columns(connection, target)
    dimensions = [column for column in target.definition.by if column in columns]
    usable = has_time(target, columns) and target.definition.status in columns
    if not usable or not dimensions:
        return []
    counted, _, labels = read_counts(connection, target, columns, dimensions, "day", now)
    found: list[tuple[QualityTarget, str, str | None, Reference]] = []
    for dimension, counts in zip(dimensions, counted, strict=True):
        total = reference_of(total_counts(counts, labels))
        if total is not None:
            found.append((target, dimension, None, total))
        for value, own in _by_value(counts).items():
            reference = reference_of(own)
            if reference is not None:
                found.append((target, dimension, value, reference))
    return found


def _by_value(counts: Sequence[PeriodCount]) -> dict[str, list[PeriodCount]]:
    grouped: dict[str, list[PeriodCount]] = {}
    for count in counts:
        grouped.setdefault(count.value, []).append(count)
    return grouped


def _read_target(
    connection: Connection[Any], target: QualityTarget, request: QualityRequest, now: datetime
) -> list[QualityTable]:
    dimensions = (request.by,) if request.by else target.definition.by
    if not dimensions:
        return []
    try:
        columns = read_columns(connection, target)
    except TargetTaken as error:
        return [_failed_table(target, dimension, error.info()) for dimension in dimensions]
    problem = _problem(target, columns, request.period)
    if problem is not None:
        if not target.explicit and columns:
            return []
        return [_failed_table(target, dimension, problem) for dimension in dimensions]
    present = [column for column in dimensions if column in columns]
    missing = [] if request.by else [c for c in dimensions if c not in columns]
    tables = [
        _failed_table(target, column, _missing_column(target, column, "by"))
        for column in missing
        if target.explicit
    ]
    return _judged_tables(connection, target, columns, present, request, now) + tables


def _judged_tables(
    connection: Connection[Any],
    target: QualityTarget,
    columns: Mapping[str, str],
    dimensions: Sequence[str],
    request: QualityRequest,
    now: datetime,
) -> list[QualityTable]:
    if not dimensions:
        return []
    period: Period = request.period or "day"
    counted, lines, labels = read_counts(connection, target, columns, dimensions, period, now)
    baseline = read_baseline(connection, target)
    judged = has_time(target, columns) or request.period in ("shift", "batch")
    rules = RUN_RULES if in_order(lines) else UNORDERED_RULES
    tables = []
    for place, (dimension, counts) in enumerate(zip(dimensions, counted, strict=True), start=1):
        own = [line for line in lines if line.place == place]
        rows, total = _rows(counts, labels, baseline, dimension, period, request.period, rules)
        if not judged:
            rows = tuple(replace(row, judged="unjudged", trend=()) for row in rows)
            total = replace(total, judged="unjudged", trend=())
        tables.append(
            QualityTable(
                source=target.source,
                table=target.table,
                target=target.target,
                dimension=dimension,
                rows=rows,
                total=total,
                baseline=_baseline_words(baseline, dimension),
                newest_unit_at=_newest([line.newest for line in own], now),
                newest_extracted_at=_newest([line.extracted for line in own], now),
                changed_rows=sum(line.changed for line in own),
                notes=(
                    *(() if judged else (_no_time_note(target, columns),)),
                    *_unfrozen_notes(baseline, dimension, counts),
                ),
            )
        )
    return tables


def _rows(
    counts: Sequence[PeriodCount],
    labels: Sequence[str],
    baseline: Baseline | None,
    dimension: str,
    period: Period,
    asked: Period | None,
    rules: Sequence[int],
) -> tuple[tuple[QualityRow, ...], QualityRow]:
    """Rows of every value, and the total over all data."""
    rows: list[QualityRow] = []
    for value, own in _by_value(counts).items():
        frozen = frozen_reference(baseline, dimension, value, own, period)
        if asked is None:
            rows.append(summary_row(own, labels=labels, frozen=frozen, rules=rules))
        else:
            rows += period_rows(own, labels=labels, frozen=frozen, rules=rules)
    totals = total_counts(counts, labels)
    frozen = frozen_reference(baseline, dimension, None, totals, period)
    total = summary_row(totals, labels=labels, frozen=frozen, rules=rules)
    return tuple(rows), replace(total, value=TOTAL)


def _newest(epochs: Sequence[float | None], now: datetime) -> datetime | None:
    known = [epoch for epoch in epochs if epoch is not None and math.isfinite(epoch)]
    if not known:
        return None
    try:
        return datetime.fromtimestamp(max(known), tz=now.tzinfo)
    except (OverflowError, ValueError, OSError):
        # A year that datetime can't hold is a typo, not a freshness.
        return None


def _problem(
    target: QualityTarget, columns: Mapping[str, str], period: Period | None
) -> ErrorInfo | None:
    if not columns:
        return ErrorInfo(
            "not_synced",
            f"{target.target} does not exist yet",
            f"`elconsole --headless sync {typed(target.source, target.table)}`",
        )
    if target.definition.status not in columns:
        return _missing_column(target, target.definition.status, "status")
    needed = {"shift": target.definition.shift, "batch": target.definition.batch}
    if period in ("shift", "batch") and needed[period] not in columns:
        return _missing_column(target, needed[period], period)
    if period in ("day", "hour") and not has_time(target, columns):
        return ErrorInfo("missing_column", _no_time_note(target, columns), _hint(target, "time"))
    return None


def _missing_column(target: QualityTarget, column: str, setting: str) -> ErrorInfo:
    message = f'{target.target} has no column "{column}", which quality.{setting} names'
    return ErrorInfo("missing_column", message, _hint(target, setting))


def _hint(target: QualityTarget, setting: str) -> str:
    block = dotted(("sources", target.source, "table", target.table, "quality"))
    return f"set {setting} in [{block}]"


def _no_time_note(target: QualityTarget, columns: Mapping[str, str]) -> str:
    column = target.definition.time
    if column in columns:
        return (
            f'column "{column}" of {target.target} is of type {columns[column]}, not a time: '
            "no control chart"
        )
    return f'{target.target} has no time column "{column}": no control chart'


def _failed_table(target: QualityTarget, dimension: str, error: ErrorInfo) -> QualityTable:
    return QualityTable(
        source=target.source,
        table=target.table,
        target=target.target,
        dimension=dimension,
        rows=(),
        error=error,
    )


def _unfrozen_notes(
    baseline: Baseline | None, dimension: str, counts: Sequence[PeriodCount]
) -> tuple[str, ...]:
    """Values that came after the baseline are not judged by it, and the table says so."""
    references = baseline.references if baseline is not None else {}
    frozen = {value for column, value in references if column == dimension}
    later = sorted({count.value for count in counts} - frozen)
    if not frozen or not later:
        return ()
    named = ", ".join(later[:5]) + (" …" if len(later) > 5 else "")
    return (f"not in the baseline, so judged against their own periods: {named}",)


def _baseline_words(baseline: Baseline | None, dimension: str) -> str:
    if baseline is None or not any(key[0] == dimension for key in baseline.references):
        return "the shown periods"
    return f"version {baseline.version}, frozen {baseline.frozen_at:%Y-%m-%d}"

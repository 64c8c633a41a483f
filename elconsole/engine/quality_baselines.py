"""Frozen references of pass rates, and the daily counts that a sync stores for readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elconsole.engine.quality_statements import (
    QualityTarget,
    counts_statement,
    hashing,
    read_columns,
    statement,
)
from elconsole.quality import Reference
from elconsole.quality_report import PeriodCount, reference_of

if TYPE_CHECKING:
    from psycopg import Connection

    from elconsole.api import Period

MOST_STORED = 200_000
"""More combinations than this are not stored: reading them would be no faster than a scan."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One frozen version of one table's references."""

    version: int
    frozen_at: datetime
    references: Mapping[tuple[str, str | None], Reference]
    """By dimension and value; value None is the total."""


def create_tables(connection: Connection[Any]) -> None:
    """Create what this module keeps in the schema `elconsole`; harmless when it exists."""
    connection.execute(statement("quality_tables"))


def read_baseline(connection: Connection[Any], target: QualityTarget) -> Baseline | None:
    """The newest frozen baseline of a table."""
    missing = connection.execute(
        "SELECT to_regclass('elconsole.quality_baselines') IS NULL"
    ).fetchone()
    if missing is None or missing[0]:
        return None
    rows = connection.execute(statement("quality_baselines_latest"), target.names).fetchall()
    if not rows:
        return None
    references = {
        (dimension, value): Reference(center, sigma_z, "p'" if chart == "p'" else "p", periods)
        for _, dimension, value, center, sigma_z, chart, periods, _ in rows
    }
    return Baseline(rows[0][0], rows[0][7], references)


def frozen_reference(
    baseline: Baseline | None,
    dimension: str,
    value: str | None,
    counts: Sequence[PeriodCount],
    period: Period,
) -> Reference | None:
    """What a value's periods are judged against, where a baseline holds it.

    Baselines are frozen from days. Other periods share their centre; how much they vary
    is their own.
    """
    frozen = baseline.references.get((dimension, value)) if baseline else None
    if frozen is None or period == "day":
        return frozen
    return reference_of(counts, frozen.center)


def write_baseline(
    connection: Connection[Any],
    references: Iterable[tuple[QualityTarget, str, str | None, Reference]],
    frozen_at: datetime,
) -> int:
    """Write references (target, dimension, value or None for all) as the next version."""
    with connection.transaction():
        connection.execute("LOCK TABLE elconsole.quality_baselines IN EXCLUSIVE MODE")
        row = connection.execute(
            "SELECT coalesce(max(version), 0) + 1 FROM elconsole.quality_baselines"
        ).fetchone()
        version = int(row[0]) if row else 1
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY elconsole.quality_baselines (version, source, target_schema, target_table,"
                " dimension, value, center, sigma_z, chart, periods, frozen_at) FROM STDIN"
            ) as copy,
        ):
            for target, dimension, value, reference in references:
                copy.write_row(
                    (
                        version,
                        target.source,
                        target.target_schema,
                        target.target_table,
                        dimension,
                        value,
                        reference.center,
                        reference.sigma_z,
                        reference.chart,
                        reference.periods,
                        frozen_at,
                    )
                )
    return version


def store_daily_counts(connection: Connection[Any], target: QualityTarget) -> dict[str, int]:
    """Count a table's units per day once, so that every reader finds them counted.

    Call it after publishing, when rows changed; takes one scan of the table. Returns the
    units that `passed` and `failed`; empty, and nothing stored, where a column is missing.
    """
    version, definition = target.stored_version, target.definition
    columns = read_columns(connection, target)
    if definition.status not in columns or not definition.by:
        return {}
    if not set(definition.by) <= set(columns):
        return {}
    query = counts_statement(target, columns, definition.by, "day")
    # INSERT … SELECT would forgo parallel workers, so the few counts pass through here.
    with hashing(connection):
        rows = connection.execute(query).fetchall()
    with connection.transaction():
        connection.execute(
            "DELETE FROM elconsole.quality_daily"
            " WHERE target_schema = %(schema)s AND target_table = %(table)s",
            target.names,
        )
        if version is not None and len(rows) <= MOST_STORED:
            _copy_counts(connection, target, version, rows)
    inspected, passed = sum(row[3] for row in rows), sum(row[4] for row in rows)
    return {"passed": passed, "failed": inspected - passed}


def _copy_counts(
    connection: Connection[Any],
    target: QualityTarget,
    version: str,
    rows: Iterable[tuple[Any, ...]],
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY elconsole.quality_daily (target_schema, target_table, version, period,"
            " values, defect, inspected, passed, newest, extracted, changed) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row((target.target_schema, target.target_table, version, *row))

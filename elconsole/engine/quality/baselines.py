"""Frozen references of pass rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elconsole.core.record import record
from elconsole.engine.quality.statements import QualityTarget
from elconsole.engine.sql.statements import statement
from elconsole.quality.charts import Reference
from elconsole.quality.judge import PeriodCount, reference_of

if TYPE_CHECKING:
    from psycopg import Connection

    from elconsole.core.results import Period


@record(frozen=True, slots=True)
class Baseline:
    """One frozen version of one table's references."""

    version: int
    frozen_at: datetime
    references: Mapping[tuple[str, str | None], Reference]
    """By dimension and value; value None is the total."""


def read_baseline(connection: Connection[Any], target: QualityTarget) -> Baseline | None:
    """The newest frozen baseline of a table."""
    missing = connection.execute(
        "SELECT pg_catalog.to_regclass('elconsole.quality_baselines') IS NULL"
    ).fetchone()
    if missing is None or missing[0]:
        return None
    rows = connection.execute(statement("quality/baselines_latest"), target.names).fetchall()
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
            "SELECT coalesce(pg_catalog.max(version), 0) + 1 FROM elconsole.quality_baselines"
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

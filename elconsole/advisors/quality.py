"""Pass rates out of control, statuses nobody counts as passed, extractions unlike others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from elconsole.advisors.facts import ENOUGH_RUNS, LEAST_CHANGE, SLOW_S, Facts, PastLoad, TableFacts
from elconsole.core.results import Finding, QualityTable

_OUTLIER_MADS = 5.0
_MAD_TO_SIGMA = 1.4826
"""Scales the median absolute deviation to a normal standard deviation."""


def data_quality(facts: Facts) -> Iterator[Finding]:
    """Pass rates out of control, statuses nobody counts as passed, extractions unlike others."""
    for table in facts.quality:
        yield from _signals(table)
        yield from _never_passed(table)
    for one in facts.tables:
        yield from _unusual_load(one)


def _signals(table: QualityTable) -> Iterator[Finding]:
    for row in table.rows:
        if row.judged == "signal" and row.signal:
            yield Finding(
                advisor="data quality",
                subject=f"{table.source}.{table.table} {table.dimension} {row.value}",
                finding=f"its pass rate is out of control: {row.signal}",
                evidence={
                    "rules": list(row.rules),
                    "period": row.signal_period,
                    "pass_rate": row.signal_pass_rate,
                    "center": row.center,
                    "top_defect": row.top_defect,
                    "top_defect_share": row.top_defect_share,
                },
                command=f"elconsole quality {table.source} --by {table.dimension} --period day",
            )


def _never_passed(table: QualityTable) -> Iterator[Finding]:
    total = table.total
    if total is not None and total.inspected >= 20 and not total.passed:
        yield Finding(
            advisor="data quality",
            subject=f"{table.source}.{table.table}",
            finding="not one unit passed: quality.passed may name other values than the status has",
            evidence={"inspected": total.inspected, "passed": 0},
            command=f"elconsole quality {table.source} --by {table.dimension}",
        )


def _unusual_load(table: TableFacts) -> Iterator[Finding]:
    """The newest load against those of its own kind before it."""
    if not table.loads:
        return
    newest = table.loads[0]
    before = [load for load in table.loads[1:] if load.strategy == newest.strategy]
    measured: tuple[tuple[str, Callable[[PastLoad], float]], ...] = (
        ("rows extracted", lambda load: float(load.rows_read)),
        ("seconds", lambda load: load.duration_seconds),
    )
    for name, value in measured:
        usual = [value(load) for load in before]
        if len(usual) < ENOUGH_RUNS or not _outlier(value(newest), usual):
            continue
        # How many rows changed, and how fast a small load was, vary for no reason.
        if name == "rows extracted" and newest.strategy != "full":
            continue
        if name == "seconds" and value(newest) < SLOW_S:
            continue
        middle = median(usual)
        yield Finding(
            advisor="data quality",
            subject=table.name,
            finding=f"{name} of the last load are unusual: {value(newest):,.0f},"
            f" usually about {middle:,.0f}",
            evidence={"last": value(newest), "median": middle, "loads": len(usual)},
            command=f"elconsole --headless reconcile {table.argument}",
        )


def _outlier(value: float, usual: Sequence[float]) -> bool:
    """Far from the median, both against its usual spread and in proportion."""
    middle = median(usual)
    spread = median(abs(one - middle) for one in usual) * _MAD_TO_SIGMA
    distance = abs(value - middle)
    return distance > _OUTLIER_MADS * spread and distance > LEAST_CHANGE * max(middle, 1.0)

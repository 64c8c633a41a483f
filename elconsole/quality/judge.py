"""From counts per value and period to the pass-rate tables that people read.

Pure: the caller says which periods are complete and which reference is frozen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from elconsole.core.record import record
from elconsole.core.results import QualityRow
from elconsole.quality.charts import (
    Limits,
    Reference,
    Streak,
    control_limits,
    estimate_reference,
    nelson_streaks,
    sufficient,
    wilson_interval,
)

Judged = Literal["in_control", "signal", "insufficient_n", "incomplete", "unjudged"]

TREND_PERIODS = 14
"""Points of a sparkline."""
RECENT_PERIODS = 30
"""How many complete periods back one beyond its limits still marks the summary of a value."""
TOTAL = "total"
RUN_RULES = (1, 2, 3, 4)
UNORDERED_RULES = (1,)
"""Runs mean nothing where periods have no order in time."""
RULE_WORDS = {
    1: "beyond a control limit",
    2: "nine or more in a row on one side of the centre",
    3: "six or more in a row rising or falling",
    4: "fourteen or more in a row alternating",
}


@record(frozen=True, slots=True)
class PeriodCount:
    """Units of one dimension value in one period."""

    value: str
    period: str
    """A label; its place in time is the place in the sequence it comes in."""
    inspected: int
    passed: int
    complete: bool = True
    """False for the current period, which more units may still join."""
    defects: Mapping[str, int] = field(default_factory=dict)
    """Failed units by defect type."""


@record(frozen=True, slots=True)
class _Judgement:
    """How one period stands."""

    judged: Judged
    limits: Limits | None = None
    streaks: tuple[Streak, ...] = ()


def summary_row(
    counts: Sequence[PeriodCount],
    *,
    labels: Sequence[str],
    frozen: Reference | None = None,
    rules: Sequence[int] = RUN_RULES,
) -> QualityRow:
    """One value over all data, judged by its periods in time order.

    Limits are those of the newest judged period. `signal` names the newest period beyond its
    limits among the last 30 complete ones, else a pattern that the newest judged period
    continues: a streak that ended is history. `labels` are the periods of the whole table, so
    that a period without a unit of this value is a gap in the trend.
    """
    rows = period_rows(counts, labels=labels, frozen=frozen, rules=rules)
    row = _counted(counts[0].value if counts else TOTAL, None, counts)
    complete = [row for row, count in zip(rows, counts, strict=True) if count.complete]
    if not complete:
        judged: Judged = "incomplete" if rows else "unjudged"
        return replace(row, judged=judged, trend=_trend(_rates(counts), labels, len(labels) - 1))
    standing = [row for row in complete if row.judged in ("in_control", "signal")]
    latest = standing[-1] if standing else complete[-1]
    signalled = [row for row in complete[-RECENT_PERIODS:] if 1 in row.rules or row is latest]
    signalled = [row for row in signalled if row.signal]
    named = _named_signal(signalled) if signalled else latest
    return replace(
        row,
        center=latest.center,
        lcl=latest.lcl,
        ucl=latest.ucl,
        chart=latest.chart,
        judged=named.judged,
        rules=named.rules,
        signal=named.signal,
        signal_period=named.signal_period,
        signal_pass_rate=named.signal_pass_rate,
        signal_since=named.signal_since,
        trend=_trend(_rates(counts), labels, len(labels) - 1),
        change_previous=latest.change_previous,
        change_baseline=latest.change_baseline,
    )


def period_rows(
    counts: Sequence[PeriodCount],
    *,
    labels: Sequence[str],
    frozen: Reference | None = None,
    rules: Sequence[int] = RUN_RULES,
) -> tuple[QualityRow, ...]:
    """One row a period of one value, in time order, each judged against the reference."""
    reference = frozen or reference_of(counts)
    judgements = _judge(counts, reference, rules)
    places = {label: place for place, label in enumerate(labels)}
    rates = _rates(counts)
    aside = reference.set_aside if reference else frozenset()
    rows: list[QualityRow] = []
    previous: float | None = None
    for place, (count, judgement) in enumerate(zip(counts, judgements, strict=True)):
        row = _counted(count.value, count.period, [count])
        signal = _signal_words(row, judgement, counts) if judgement.streaks else None
        if place in aside and signal:
            signal += ", set aside from the reference"
        trend = _trend(rates, labels, places[count.period])
        row = _judged_row(row, judgement, reference, previous, counts, signal, trend)
        rows.append(row)
        if row.pass_rate is not None:
            previous = row.pass_rate
    return tuple(rows)


def _named_signal(signalled: Sequence[QualityRow]) -> QualityRow:
    beyond = [row for row in signalled if 1 in row.rules]
    named = (beyond or signalled)[-1]
    more = len(signalled) - 1
    if not more:
        return named
    words = "1 more period signals" if more == 1 else f"{more} more periods signal"
    return replace(named, signal=f"{named.signal}; {words}")


def reference_of(counts: Sequence[PeriodCount], center: float | None = None) -> Reference | None:
    """The reference that the complete periods themselves give, around a given centre if any."""
    used = [place for place, count in enumerate(counts) if count.complete and count.inspected]
    reference = estimate_reference(
        [counts[place].passed for place in used],
        [counts[place].inspected for place in used],
        center,
    )
    if reference is None:
        return None
    return replace(reference, set_aside=frozenset(used[place] for place in reference.set_aside))


def total_counts(counts: Sequence[PeriodCount], labels: Sequence[str]) -> tuple[PeriodCount, ...]:
    """The periods of all values together, from summed counts."""
    grouped: dict[str, list[PeriodCount]] = {label: [] for label in labels}
    for count in counts:
        grouped[count.period].append(count)
    return tuple(
        PeriodCount(
            TOTAL,
            label,
            sum(c.inspected for c in members),
            sum(c.passed for c in members),
            all(c.complete for c in members),
            _summed_defects(members),
        )
        for label, members in grouped.items()
        if members
    )


def _judge(
    counts: Sequence[PeriodCount], reference: Reference | None, rules: Sequence[int]
) -> list[_Judgement]:
    """Each period's state; patterns are sought among the judged periods alone."""
    if reference is None:
        return [_Judgement("unjudged" if c.complete else "incomplete") for c in counts]
    judgements = [_unruled(count, reference) for count in counts]
    places = [i for i, judgement in enumerate(judgements) if judgement.judged == "in_control"]
    rates = [counts[i].passed / counts[i].inspected for i in places]
    limits = [limit for i in places if (limit := judgements[i].limits) is not None]
    for streak in nelson_streaks(rates, limits, reference.center, rules):
        named = replace(streak, first=places[streak.first], last=places[streak.last])
        for point in range(streak.fired, streak.last + 1):
            place = places[point]
            judgement = judgements[place]
            judgements[place] = _Judgement("signal", judgement.limits, (*judgement.streaks, named))
    return judgements


def _unruled(count: PeriodCount, reference: Reference) -> _Judgement:
    if not count.inspected:
        return _Judgement("unjudged")
    if not count.complete:
        return _Judgement("incomplete", control_limits(count.inspected, reference))
    if not sufficient(count.inspected, reference.center):
        return _Judgement("insufficient_n")
    return _Judgement("in_control", control_limits(count.inspected, reference))


def _judged_row(
    row: QualityRow,
    judgement: _Judgement,
    reference: Reference | None,
    previous: float | None,
    counts: Sequence[PeriodCount],
    signal: str | None,
    trend: tuple[float | None, ...],
) -> QualityRow:
    """A counted row with what its period's judgement says."""
    rate = row.pass_rate
    change = None if rate is None or previous is None else rate - previous
    limits = judgement.limits
    return replace(
        row,
        center=reference.center if reference else None,
        lcl=limits.lower if limits else None,
        ucl=limits.upper if limits else None,
        chart=reference.chart if reference and limits else None,
        judged=judgement.judged,
        rules=tuple(streak.rule for streak in judgement.streaks),
        signal=signal,
        signal_period=row.period if judgement.streaks else None,
        signal_pass_rate=rate if judgement.streaks else None,
        signal_since=counts[_first_streak(judgement).first].period if judgement.streaks else None,
        change_previous=change,
        change_baseline=rate - reference.center if rate is not None and reference else None,
        trend=trend,
    )


def _first_streak(judgement: _Judgement) -> Streak:
    """The streak of the lowest rule: the one that a signal is named by."""
    return min(judgement.streaks, key=lambda streak: streak.rule)


def _signal_words(row: QualityRow, judgement: _Judgement, counts: Sequence[PeriodCount]) -> str:
    """`rule 1 beyond a control limit on 2026-03-04 (88.1 % outside 93.0–97.0 %); …`."""
    words = []
    for streak in judgement.streaks:
        text = f"rule {streak.rule}: {RULE_WORDS[streak.rule]} on {row.period}"
        if streak.rule == 1 and judgement.limits and row.pass_rate is not None:
            lower, upper = judgement.limits.lower, judgement.limits.upper
            text += f" ({row.pass_rate:.1%}, limits {lower:.1%} to {upper:.1%})"
        elif streak.rule != 1:
            text += f", since {counts[streak.first].period}"
        words.append(text)
    return "; ".join(words)


def _counted(value: str, period: str | None, counts: Sequence[PeriodCount]) -> QualityRow:
    """Counts, rate, interval and defects, without a judgement."""
    inspected = sum(count.inspected for count in counts)
    passed = sum(count.passed for count in counts)
    interval = wilson_interval(passed, inspected)
    failed = inspected - passed
    defects = _summed_defects(counts)
    # The name breaks ties, so that the same data always show the same defect.
    top = min(defects, key=lambda name: (-defects[name], name)) if defects and failed else None
    return QualityRow(
        value=value,
        period=period,
        inspected=inspected,
        passed=passed,
        failed=failed,
        pass_rate=passed / inspected if inspected else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        defects_per_million=failed / inspected * 1e6 if inspected else None,
        top_defect=top,
        top_defect_share=defects[top] / failed if top is not None else None,
    )


def _summed_defects(counts: Sequence[PeriodCount]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for count in counts:
        summed.update(count.defects)
    return summed


def _rates(counts: Sequence[PeriodCount]) -> dict[str, float]:
    return {c.period: c.passed / c.inspected for c in counts if c.inspected}


def _trend(
    rates: Mapping[str, float], labels: Sequence[str], last: int
) -> tuple[float | None, ...]:
    """Rates of the periods up to the `last` label; None where nothing was inspected."""
    return tuple(rates.get(label) for label in labels[max(0, last + 1 - TREND_PERIODS) : last + 1])

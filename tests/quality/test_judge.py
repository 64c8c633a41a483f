"""Pass-rate tables, from counts to the rows that people read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.quality.charts import Reference
from elconsole.quality.judge import (
    PeriodCount,
    period_rows,
    reference_of,
    summary_row,
    total_counts,
)

pytestmark = pytest.mark.unit

DAYS = tuple(f"2026-03-{day:02}" for day in range(1, 31))


def days(
    passed: list[int], inspected: int = 1000, value: str = "LINE-1"
) -> tuple[PeriodCount, ...]:
    return tuple(
        PeriodCount(value, day, inspected, good) for day, good in zip(DAYS, passed, strict=False)
    )


def labels(counts: tuple[PeriodCount, ...]) -> list[str]:
    return [count.period for count in counts]


STEADY = [950, 944, 957, 949, 952, 941, 955, 948, 953, 946]


def test_a_summary_adds_counts_and_never_averages_percentages() -> None:
    counts = (PeriodCount("a", DAYS[0], 10, 10), PeriodCount("a", DAYS[1], 90, 45))
    row = summary_row(counts, labels=labels(counts))
    assert (row.inspected, row.passed, row.failed) == (100, 55, 45)
    assert row.pass_rate == 0.55
    assert row.defects_per_million == pytest.approx(450_000)


def test_a_value_without_units_has_no_rate() -> None:
    counts = (PeriodCount("a", DAYS[0], 0, 0),)
    row = summary_row(counts, labels=labels(counts))
    assert (row.pass_rate, row.low, row.high) == (None, None, None)
    assert row.trend == (None,)
    assert row.signal is None


def test_a_steady_value_is_in_control_and_shows_its_newest_limits() -> None:
    counts = days(STEADY)
    row = summary_row(counts, labels=labels(counts))
    assert row.judged == "in_control"
    assert row.signal is None
    assert row.chart == "p"
    assert row.lcl is not None
    assert row.ucl is not None
    assert row.lcl < 0.95 < row.ucl
    assert row.change_previous == pytest.approx(0.946 - 0.953)
    assert row.change_baseline == pytest.approx(0.946 - row.pass_rate) if row.pass_rate else False


def test_a_bad_day_signals_rule_1_and_names_the_day() -> None:
    counts = days([*STEADY[:5], 880, *STEADY[5:]])
    row = summary_row(counts, labels=labels(counts))
    assert row.judged == "signal"
    assert row.rules == (1,)
    assert row.signal is not None
    assert row.signal.startswith("rule 1: beyond a control limit on 2026-03-06 (88.0%, limits ")
    assert (row.signal_since, row.signal_period) == ("2026-03-06", "2026-03-06")


def test_nine_days_on_one_side_signal_rule_2_and_say_since_when() -> None:
    frozen = Reference(0.95, 1.0, "p", 25)
    counts = days([945, 950, 950, *[955, 957] * 5])
    row = summary_row(counts, labels=labels(counts), frozen=frozen)
    assert row.rules == (2,)
    assert row.signal == (
        "rule 2: nine or more in a row on one side of the centre on 2026-03-13, since 2026-03-04"
    )
    assert (row.signal_since, row.signal_period) == ("2026-03-04", "2026-03-13")


def test_a_pattern_that_ended_leaves_the_summary_and_a_day_beyond_its_limits_stays() -> None:
    frozen = Reference(0.95, 1.0, "p", 25)
    ended = days([955, 957] * 5 + [944, 951])
    assert summary_row(ended, labels=labels(ended), frozen=frozen).signal is None
    assert period_rows(ended, labels=labels(ended), frozen=frozen)[9].rules == (2,)
    beyond = days([955, 880, 956, 950, 870, 951])
    row = summary_row(beyond, labels=labels(beyond), frozen=frozen)
    assert row.signal_period == "2026-03-05"
    assert row.signal is not None
    assert row.signal.endswith("; 1 more period signals")


def test_a_signal_of_long_ago_leaves_the_summary_but_stays_on_its_day() -> None:
    counts = tuple(
        PeriodCount("a", f"p{index:03}", 1000, 880 if index == 0 else STEADY[index % 10])
        for index in range(40)
    )
    assert summary_row(counts, labels=labels(counts), rules=(1,)).signal is None
    assert period_rows(counts, labels=labels(counts), rules=(1,))[0].rules == (1,)


def test_the_current_period_is_marked_and_never_signals() -> None:
    counts = days([*STEADY, 700])
    counts = (*counts[:-1], replace(counts[-1], complete=False))
    rows = period_rows(counts, labels=labels(counts))
    assert rows[-1].judged == "incomplete"
    assert rows[-1].rules == ()
    assert rows[-1].lcl is not None
    assert summary_row(counts, labels=labels(counts)).judged == "in_control"
    assert rows[0].center == pytest.approx(sum(STEADY) / 10_000)


def test_a_value_seen_only_today_is_incomplete() -> None:
    counts = (PeriodCount("a", DAYS[0], 500, 100, complete=False),)
    row = summary_row(counts, labels=labels(counts))
    assert row.judged == "incomplete"
    assert row.lcl is None
    assert row.inspected == 500


def test_too_few_units_are_insufficient_and_never_signal() -> None:
    counts = days([8, 8, 8, 8, 0, 8], inspected=8)
    rows = period_rows(counts, labels=labels(counts))
    assert {row.judged for row in rows} == {"insufficient_n"}
    assert all(row.signal is None and row.lcl is None for row in rows)
    assert summary_row(counts, labels=labels(counts)).judged == "insufficient_n"


def test_small_periods_do_not_break_a_run_of_judged_ones() -> None:
    frozen = Reference(0.95, 1.0, "p", 25)
    large = days([955] * 9)
    counts = (*large[:4], PeriodCount("LINE-1", "2026-03-04b", 3, 0), *large[4:])
    rows = period_rows(counts, labels=labels(counts), frozen=frozen)
    assert rows[4].judged == "insufficient_n"
    assert rows[-1].rules == (2,)


def test_periods_without_an_order_are_judged_by_their_limits_alone() -> None:
    frozen = Reference(0.95, 1.0, "p", 25)
    counts = days([955] * 12)
    rows = period_rows(counts, labels=labels(counts), frozen=frozen, rules=(1,))
    assert all(row.signal is None for row in rows)


def test_a_frozen_baseline_finds_a_shift_that_the_shown_periods_would_hide() -> None:
    counts = days([902, 895, 905, 899, 901])
    assert summary_row(counts, labels=labels(counts)).signal is None
    frozen = Reference(0.95, 1.0, "p", 25)
    row = summary_row(counts, labels=labels(counts), frozen=frozen)
    assert row.rules == (1,)
    assert row.center == 0.95
    assert row.change_baseline == pytest.approx(0.901 - 0.95)


def test_a_trend_keeps_gaps_for_periods_in_which_others_worked() -> None:
    counts = (PeriodCount("a", DAYS[0], 10, 5), PeriodCount("a", DAYS[2], 10, 10))
    row = summary_row(counts, labels=[*DAYS[:4]])
    assert row.trend == (0.5, None, 1.0, None)
    first, second = period_rows(counts, labels=[*DAYS[:4]])
    assert first.trend == (0.5,)
    assert second.trend == (0.5, None, 1.0)


def test_a_trend_shows_the_last_fourteen_periods() -> None:
    counts = days(STEADY * 3)
    assert len(summary_row(counts, labels=labels(counts)).trend) == 14


def test_the_top_defect_has_its_share_of_the_failed_units() -> None:
    counts = (
        PeriodCount("a", DAYS[0], 100, 95, defects={"crack": 3, "colour": 2}),
        PeriodCount("a", DAYS[1], 100, 97, defects={"colour": 2}),
    )
    row = summary_row(counts, labels=labels(counts))
    assert row.top_defect == "colour"
    assert row.top_defect_share == pytest.approx(4 / 8)


def test_a_tie_between_defects_is_broken_by_name() -> None:
    counts = (PeriodCount("a", DAYS[0], 10, 6, defects={"tip": 2, "ink": 2}),)
    assert summary_row(counts, labels=labels(counts)).top_defect == "ink"


def test_totals_are_the_sums_of_all_values() -> None:
    first, second = days(STEADY, value="a"), days([500] * 3, value="b")
    totals = total_counts([*first, *second], DAYS[:10])
    assert totals[0].inspected == 2000
    assert totals[0].passed == 1450
    assert totals[9].inspected == 1000
    assert sum(t.inspected for t in totals) == 13_000


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.text(min_size=1, max_size=5))
def test_rules_are_the_same_whatever_values_and_periods_are_called(
    passed: list[int], name: str
) -> None:
    counts = days(passed)
    renamed = tuple(
        replace(count, value=name, period=f"{name}{place}") for place, count in enumerate(counts)
    )
    ours = period_rows(counts, labels=labels(counts))
    theirs = period_rows(renamed, labels=labels(renamed))
    assert [row.rules for row in ours] == [row.rules for row in theirs]
    assert [row.judged for row in ours] == [row.judged for row in theirs]


def test_a_reference_leaves_the_current_period_out() -> None:
    counts = (*days(STEADY), PeriodCount("LINE-1", "now", 1000, 0, complete=False))
    reference = reference_of(counts)
    assert reference is not None
    assert reference.periods == 10
    assert reference.center == pytest.approx(sum(STEADY) / 10_000)

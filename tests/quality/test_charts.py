"""The arithmetic of pass rates, against an oracle library and published examples."""

from __future__ import annotations

import importlib
import itertools
import math
import random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from elconsole.quality.charts import (
    Limits,
    Reference,
    binomial_sigma,
    clearly_overdispersed,
    control_limits,
    estimate_reference,
    laney_sigma_z,
    nelson_streaks,
    sigma_z_error,
    sufficient,
    unclipped_limits,
    wilson_interval,
)
from tests.effort import tries

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def shewhart() -> ModuleType:
    """The oracle, whose imports take longer than those of all other tests together."""
    return importlib.import_module("shewhart")


@pytest.fixture(scope="module")
def rules(shewhart: ModuleType) -> Any:
    return importlib.import_module("shewhart._rules").RULES


# Bruised peaches: T. Pyzdek and P. Keller, The Handbook for Quality Management (2013),
# table 9.6: p̄ = 0.193, limits 0.118 to 0.268 for crates of 250, 0.140 to 0.246 for 500.
PEACHES_BRUISED = [
    *(47, 42, 55, 51, 46, 61, 39, 44, 41, 51, 88, 101, 101),
    *(40, 48, 47, 50, 48, 57, 45, 43, 105, 98, 100, 96),
]
PEACHES_INSPECTED = [*[250] * 10, *[500] * 3, *[250] * 8, *[500] * 4]

periods = st.lists(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=60,
)


@pytest.mark.parametrize(
    ("passed", "inspected", "low", "high"),
    [
        # R. G. Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_equals_the_published_examples(
    passed: int, inspected: int, low: float, high: float
) -> None:
    interval = wilson_interval(passed, inspected)
    assert interval is not None
    assert (round(interval[0], 4), round(interval[1], 4)) == (low, high)


def test_twenty_of_twenty_reaches_from_83_9_to_exactly_100_percent() -> None:
    interval = wilson_interval(20, 20)
    assert interval is not None
    assert f"{interval[0]:.1%}" == "83.9%"
    assert interval[1] == 1.0


def test_no_units_have_no_interval() -> None:
    assert wilson_interval(0, 0) is None


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_lies_inside_zero_and_one_and_holds_the_rate(
    count: tuple[int, int],
) -> None:
    passed, inspected = count
    interval = wilson_interval(passed, inspected)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= passed / inspected <= high <= 1
    assert low < high


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_of_failures_mirrors_that_of_passes(count: tuple[int, int]) -> None:
    passed, inspected = count
    of_passes = wilson_interval(passed, inspected)
    of_failures = wilson_interval(inspected - passed, inspected)
    assert of_passes is not None
    assert of_failures is not None
    assert of_failures[0] == pytest.approx(1 - of_passes[1], abs=1e-12)
    assert of_failures[1] == pytest.approx(1 - of_passes[0], abs=1e-12)


def test_p_chart_limits_equal_the_published_peaches() -> None:
    center = sum(PEACHES_BRUISED) / sum(PEACHES_INSPECTED)
    assert round(center, 3) == 0.193
    reference = Reference(center, 1.0, "p", 25)
    crate, two_crates = control_limits(250, reference), control_limits(500, reference)
    assert (round(crate.lower, 3), round(crate.upper, 3)) == (0.118, 0.268)
    assert (round(two_crates.lower, 3), round(two_crates.upper, 3)) == (0.140, 0.246)


def test_p_chart_limits_equal_montgomerys_exercise() -> None:
    # D. C. Montgomery, Introduction to Statistical Quality Control, exercise 6-1 (5th ed.):
    # 117 nonconforming of 20 × 100, UCL 0.1289, LCL 0; without sample 12, 0.0537 and 0.1213.
    first = control_limits(100, Reference(117 / 2000, 1.0, "p", 20))
    second = control_limits(100, Reference(102 / 1900, 1.0, "p", 19))
    assert (round(first.lower, 4), round(first.upper, 4)) == (0.0, 0.1289)
    assert (round(second.lower, 4), round(second.upper, 4)) == (0.0, 0.1213)


@given(periods)
@pytest.mark.slow
def test_p_chart_equals_the_oracle(shewhart: ModuleType, counts: list[tuple[int, int]]) -> None:
    passed, inspected = [c[0] for c in counts], [c[1] for c in counts]
    center = sum(passed) / sum(inspected)
    assume(0 < center < 1)
    oracle = shewhart.p_chart(passed, size=inspected)
    reference = Reference(center, 1.0, "p", len(counts))
    for row, size in zip(oracle.table.itertuples(), inspected, strict=True):
        limits = control_limits(size, reference)
        assert limits.lower == pytest.approx(row.lcl, abs=1e-9)
        assert limits.upper == pytest.approx(row.ucl, abs=1e-9)
    assert _as_oracle_signals(counts, reference) == {
        (signal.rule, signal.points) for signal in oracle.signals
    }


@given(periods)
@pytest.mark.slow
def test_laney_chart_equals_the_oracle(shewhart: ModuleType, counts: list[tuple[int, int]]) -> None:
    passed, inspected = [c[0] for c in counts], [c[1] for c in counts]
    center = sum(passed) / sum(inspected)
    assume(0 < center < 1)
    sigma_z = laney_sigma_z(passed, inspected, center)
    assume(sigma_z > 0)
    oracle = shewhart.laney_p(passed, size=inspected)
    assert sigma_z == pytest.approx(oracle.stats["sigma_z"], rel=1e-9)
    reference = Reference(center, sigma_z, "p'", len(counts))
    for row, size in zip(oracle.table.itertuples(), inspected, strict=True):
        limits = control_limits(size, reference)
        assert limits.lower == pytest.approx(row.lcl, abs=1e-9)
        assert limits.upper == pytest.approx(row.ucl, abs=1e-9)
    assert _as_oracle_signals(counts, reference) == {
        (signal.rule, signal.points) for signal in oracle.signals
    }


def _as_oracle_signals(
    counts: list[tuple[int, int]], reference: Reference
) -> set[tuple[str, tuple[int, ...]]]:
    rates = [passed / inspected for passed, inspected in counts]
    limits = [control_limits(inspected, reference) for _, inspected in counts]
    streaks = nelson_streaks(rates, limits, reference.center, (1, 2, 3, 4))
    return {
        (f"nelson_{streak.rule}", tuple(range(streak.first, streak.last + 1))) for streak in streaks
    }


@settings(max_examples=tries(50))
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=80))
def test_run_rules_equal_the_oracle_on_series_full_of_ties(rules: Any, values: list[int]) -> None:
    rates = [0.5 + value / 8 for value in values]
    limits = [Limits(0.0, 1.0)] * len(rates)
    centred = importlib.import_module("numpy").array(rates) - 0.5
    for rule in (2, 3, 4):
        ours = [
            tuple(range(streak.first, streak.last + 1))
            for streak in nelson_streaks(rates, limits, 0.5, (rule,))
        ]
        assert sorted(ours) == sorted(rules[f"nelson_{rule}"].fn(centred))


@given(st.integers(1, 10**6), st.floats(0.0, 1.0), st.floats(0.0, 50.0))
def test_limits_hold_the_centre_before_clipping_and_stay_inside_after(
    inspected: int, center: float, sigma_z: float
) -> None:
    lower, upper = unclipped_limits(inspected, center, sigma_z)
    assert lower <= center <= upper
    clipped = control_limits(inspected, Reference(center, sigma_z, "p'", 25))
    assert 0 <= clipped.lower <= center <= clipped.upper <= 1


@given(periods)
def test_rules_are_the_same_when_passed_and_failed_swap_names(
    counts: list[tuple[int, int]],
) -> None:
    center = sum(c[0] for c in counts) / sum(c[1] for c in counts)
    assume(0 < center < 1)
    mirrored = [(inspected - passed, inspected) for passed, inspected in counts]
    other = sum(c[0] for c in mirrored) / sum(c[1] for c in mirrored)
    ours = _as_oracle_signals(counts, Reference(center, 1.0, "p", len(counts)))
    theirs = _as_oracle_signals(mirrored, Reference(other, 1.0, "p", len(counts)))
    assert ours == theirs


def test_each_rule_fires_at_the_point_that_completes_it() -> None:
    wide = Limits(0.0, 1.0)
    nine = nelson_streaks([0.6] * 10, [wide] * 10, 0.5, (2,))
    six = nelson_streaks([0.1, 0.2, 0.3, 0.4, 0.45, 0.6, 0.7], [wide] * 7, 0.5, (3,))
    fourteen = nelson_streaks([0.4, 0.6] * 7, [wide] * 14, 0.5, (4,))
    assert [(streak.first, streak.fired, streak.last) for streak in nine] == [(0, 8, 9)]
    assert [(streak.first, streak.fired, streak.last) for streak in six] == [(0, 5, 6)]
    assert [(streak.first, streak.fired, streak.last) for streak in fourteen] == [(0, 13, 13)]


def test_one_point_fewer_fires_no_rule() -> None:
    wide = Limits(0.0, 1.0)
    assert nelson_streaks([0.6] * 8, [wide] * 8, 0.5, (2,)) == ()
    assert nelson_streaks([0.1, 0.2, 0.3, 0.4, 0.45], [wide] * 5, 0.5, (3,)) == ()
    assert nelson_streaks(([0.4, 0.6] * 7)[:13], [wide] * 13, 0.5, (4,)) == ()


def test_a_point_on_the_limit_is_not_beyond_it() -> None:
    assert nelson_streaks([0.9], [Limits(0.9, 1.0)], 0.95, (1,)) == ()
    assert nelson_streaks([0.89], [Limits(0.9, 1.0)], 0.95, (1,)) != ()


def test_fewer_than_five_expected_failures_are_not_enough() -> None:
    assert sufficient(100, 0.95)
    assert not sufficient(99, 0.95)
    assert not sufficient(99, 0.05)
    assert not sufficient(10**9, 1.0)


def test_standard_error_of_sigma_z_matches_a_simulation() -> None:
    source = random.Random(7)
    estimates = []
    for _ in range(4000):
        z = [source.gauss(0, 1) for _ in range(25)]
        mean_range = sum(abs(b - a) for a, b in itertools.pairwise(z)) / 24
        estimates.append(mean_range / (2 / math.sqrt(math.pi)))
    mean = sum(estimates) / len(estimates)
    spread = math.sqrt(sum((e - mean) ** 2 for e in estimates) / len(estimates))
    assert mean == pytest.approx(1.0, abs=0.01)
    assert spread == pytest.approx(sigma_z_error(25), rel=0.05)


def _binomial(source: random.Random, inspected: int, rate: float) -> int:
    return sum(source.random() < rate for _ in range(inspected))


def _overdispersed(seed: int, spread: float = 0.015) -> list[int]:
    source = random.Random(seed)
    return [_binomial(source, 2000, source.gauss(0.95, spread)) for _ in range(25)]


def _beyond(passed: list[int], reference: Reference) -> list[int]:
    limits = [control_limits(2000, reference)] * len(passed)
    streaks = nelson_streaks([good / 2000 for good in passed], limits, reference.center, (1,))
    return [streak.first for streak in streaks]


def test_overdispersed_data_alarm_the_p_chart_and_not_the_laney_chart() -> None:
    passed = _overdispersed(seed=20240229)
    reference = estimate_reference(passed, [2000] * 25)
    assert reference is not None
    assert reference.chart == "p'"
    assert _beyond(passed, reference) == []
    plain = Reference(reference.center, reference.sigma_z, "p", 25)
    assert len(_beyond(passed, plain)) >= 3


def test_a_shift_planted_in_overdispersed_data_is_found_at_its_period() -> None:
    passed = _overdispersed(seed=20240229)
    passed[17] = 1560
    reference = estimate_reference(passed, [2000] * 25)
    assert reference is not None
    assert reference.chart == "p'"
    assert _beyond(passed, reference) == [17]


@pytest.mark.slow
def test_overdispersion_is_nearly_always_recognised_and_rarely_imagined() -> None:
    sizes = [2000] * 25
    found = imagined = 0
    for seed in range(40):
        passed = _overdispersed(seed)
        found += clearly_overdispersed(passed, sizes, sum(passed) / 50_000)
        source = random.Random(seed)
        steady = [_binomial(source, 2000, 0.95) for _ in range(25)]
        imagined += clearly_overdispersed(steady, sizes, sum(steady) / 50_000)
    assert found >= 39
    assert imagined <= 4


STEADY_WEEK = [9500, 9490, 9512, 9507, 9505, 9498, 9503]


@pytest.mark.parametrize("place", range(7))
def test_one_bad_day_neither_widens_its_limits_nor_drags_the_centre(place: int) -> None:
    passed = [*STEADY_WEEK]
    passed[place] = 8600
    reference = estimate_reference(passed, [10_000] * 7)
    assert reference is not None
    assert reference.set_aside == {place}
    assert reference.chart == "p"
    assert reference.center == pytest.approx(0.9502, abs=0.001)
    limits = [control_limits(10_000, reference)] * 7
    rates = [good / 10_000 for good in passed]
    streaks = nelson_streaks(rates, limits, reference.center, (1, 2, 3, 4))
    assert [(streak.rule, streak.first) for streak in streaks] == [(1, place)]


def test_a_day_little_beyond_its_limits_stays_in_the_reference() -> None:
    passed = [*STEADY_WEEK, 9420]
    reference = estimate_reference(passed, [10_000] * 8)
    assert reference is not None
    assert reference.set_aside == frozenset()
    assert reference.center == pytest.approx(sum(passed) / 80_000)


def test_a_week_that_fell_for_good_keeps_all_its_days_but_one() -> None:
    passed = [9500, 9490, 9512, 8600, 8605, 8590, 8600]
    reference = estimate_reference(passed, [10_000] * 7)
    assert reference is not None
    assert reference.chart == "p'"
    assert reference.set_aside == frozenset()


@given(periods)
def test_a_reference_never_fails_on_counts_of_any_size(counts: list[tuple[int, int]]) -> None:
    reference = estimate_reference([c[0] for c in counts], [c[1] for c in counts])
    assert reference is not None
    assert 0 <= reference.center <= 1
    assert math.isfinite(reference.sigma_z)


def test_nothing_inspected_gives_no_reference() -> None:
    assert estimate_reference([], []) is None
    assert estimate_reference([0], [0]) is None


def test_sigma_z_is_one_where_it_cannot_be_estimated() -> None:
    assert laney_sigma_z([5], [10], 0.5) == 1.0
    assert laney_sigma_z([10, 10], [10, 10], 1.0) == 1.0


def test_binomial_sigma_is_the_textbook_formula() -> None:
    assert binomial_sigma(100, 0.5) == pytest.approx(0.05)

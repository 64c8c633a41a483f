"""Pass-rate statistics: intervals, control limits and run rules, from plain counts.

Pure functions: no database, no clock. All rates are fractions of units that passed.

Sources of the formulas:

- interval: E. B. Wilson (1927), *Probable Inference, the Law of Succession, and
  Statistical Inference*; without continuity correction
  (method 3 of R. G. Newcombe 1998, *Statistics in Medicine* 17, 857-872).
- p chart: W. A. Shewhart; D. C. Montgomery, *Introduction to Statistical Quality
  Control*, section 7.2 (limits vary with each period's size).
- p′ chart: D. B. Laney (2002), *Improved Control Charts for Attributes*,
  *Quality Engineering* 14(4), 531-537.
- run rules: L. S. Nelson (1984), *The Shewhart Control Chart - Tests for Special
  Causes*, *Journal of Quality Technology* 16(4), 237-239; tests 1 to 4 are those that
  need no symmetric zones and so suit attribute charts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from elconsole.core.record import record

Chart = Literal["p", "p'"]

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
D2_OF_TWO = 2.0 / math.sqrt(math.pi)
"""Mean range of two standard normal values: 1.128, without its rounding."""
LIMIT_WIDTH = 3.0
MIN_EXPECTED = 5.0
"""Fewer expected passes or failures than this make the normal limits meaningless."""
FAR_BEYOND = 1.5
"""A period this many limit widths from the others' centre is no part of the reference."""
MIN_PERIODS_TO_SET_ASIDE = 5
PERIODS_PER_SPECIAL_CAUSE = 10
_MIN_PERIODS_FOR_LANEY = 4
_ONE_SIDED_5_PERCENT = 1.6448536269514722
_ROUNDING = 1e-12
"""A point this close to a limit lies on it."""


@record(frozen=True, slots=True)
class Reference:
    """What periods are judged against."""

    center: float
    sigma_z: float
    """Laney's ratio of the variation seen between periods to the binomial one."""
    chart: Chart
    periods: int
    """How many periods it was estimated from."""
    set_aside: frozenset[int] = frozenset()
    """Places of the periods left out of it as special causes."""


@record(frozen=True, slots=True)
class Limits:
    """Control limits of one period, clipped to [0, 1]."""

    lower: float
    upper: float


@record(frozen=True, slots=True)
class Streak:
    """A rule that fired over points in a row, both ends included."""

    rule: int
    first: int
    last: int
    fired: int
    """The point that completed the pattern; it and every later one of the streak signal."""


def wilson_interval(passed: int, inspected: int, z: float = Z_95) -> tuple[float, float] | None:
    """The Wilson score interval of a proportion, inside [0, 1]; None without units."""
    if inspected <= 0:
        return None
    rate = passed / inspected
    squared = z * z
    middle = rate + squared / (2 * inspected)
    half = z * math.sqrt((rate * (1 - rate) + squared / (4 * inspected)) / inspected)
    scale = 1 + squared / inspected
    # The bounds are exactly 0 and 1 at the ends, which floating point misses by an ulp.
    low = 0.0 if passed == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if passed == inspected else min(1.0, (middle + half) / scale)
    return low, high


def sufficient(inspected: int, center: float) -> bool:
    """Whether n·p̄ and n·(1−p̄) reach 5, so that normal limits mean something."""
    return inspected * center >= MIN_EXPECTED and inspected * (1 - center) >= MIN_EXPECTED


def binomial_sigma(inspected: int, center: float) -> float:
    """The standard deviation √(p̄(1−p̄)/n) of a period's rate."""
    return math.sqrt(center * (1 - center) / inspected)


def unclipped_limits(inspected: int, center: float, sigma_z: float = 1.0) -> tuple[float, float]:
    """p̄ ± 3·σᵢ·σ_Z: a p chart with `sigma_z` 1, else a p′ chart."""
    width = LIMIT_WIDTH * binomial_sigma(inspected, center) * sigma_z
    return center - width, center + width


def control_limits(inspected: int, reference: Reference) -> Limits:
    """A period's limits on the chart its reference asks for."""
    sigma_z = reference.sigma_z if reference.chart == "p'" else 1.0
    lower, upper = unclipped_limits(inspected, reference.center, sigma_z)
    return Limits(max(0.0, lower), min(1.0, upper))


def laney_sigma_z(passed: Sequence[int], inspected: Sequence[int], center: float) -> float:
    """σ_Z = mean│zᵢ−zᵢ₋₁│ / d₂ with zᵢ = (pᵢ−p̄)/σᵢ.

    1 where it can't be estimated: fewer than two periods, or p̄ of 0 or 1. d₂ is exact
    (2/√π) where tables print 1.128.
    """
    if len(passed) < 2 or not 0 < center < 1:
        return 1.0
    z = [
        (good / count - center) / binomial_sigma(count, center)
        for good, count in zip(passed, inspected, strict=True)
    ]
    ranges = [abs(after - before) for before, after in itertools.pairwise(z)]
    return math.fsum(ranges) / len(ranges) / D2_OF_TWO


def sigma_z_error(periods: int) -> float:
    """The standard error of σ_Z when the data are binomial.

    From the variance 2 − 4/π of one moving range and the covariance of two that share a
    point, (4/π)(√3/2 + π/12 − 1) (J. D. Cryer and T. P. Ryan 1990, *Journal of Quality
    Technology* 22(3), 187-192, on the estimator MR̄/d₂).
    """
    ranges = periods - 1
    variance = 2 - 4 / math.pi
    covariance = 4 / math.pi * (math.sqrt(3) / 2 + math.pi / 12 - 1)
    return math.sqrt(ranges * variance + 2 * (ranges - 1) * covariance) / (ranges * D2_OF_TWO)


def clearly_overdispersed(passed: Sequence[int], inspected: Sequence[int], center: float) -> bool:
    """Whether periods vary more than the binomial distribution allows.

    σ_Z must exceed 1 by more than a one-sided 5 % test on its standard error allows, and
    still do so when the most extreme period is set aside: one bad day is a special cause,
    which wider limits would hide, while overdispersion is in every day. (Jones and
    Govindaraju's diagnostic, *Quality Engineering* 13(1), 2000, looks at the middle half
    of the periods for the same reason.) Underdispersion keeps the p chart, whose wider
    limits raise no false alarm.
    """
    count = len(passed)
    if count < _MIN_PERIODS_FOR_LANEY:
        return False
    if laney_sigma_z(passed, inspected, center) <= _clear_sigma_z(count):
        return False
    extreme = max(
        range(count),
        key=lambda i: abs(passed[i] / inspected[i] - center) / binomial_sigma(inspected[i], center),
    )
    rest_passed = [value for i, value in enumerate(passed) if i != extreme]
    rest_inspected = [value for i, value in enumerate(inspected) if i != extreme]
    rest_center = sum(rest_passed) / sum(rest_inspected)
    return laney_sigma_z(rest_passed, rest_inspected, rest_center) > _clear_sigma_z(count - 1)


def _clear_sigma_z(periods: int) -> float:
    return 1 + _ONE_SIDED_5_PERCENT * sigma_z_error(periods)


def estimate_reference(
    passed: Sequence[int], inspected: Sequence[int], center: float | None = None
) -> Reference | None:
    """The reference that complete periods give; None where nothing was inspected.

    p̄ is `center`, else comes from all summed counts; σ_Z comes from those periods that
    are large enough to judge. A period half as far again beyond the limits that the others
    set is left out, at most one in ten: a special cause would drag the centre with it until
    every ordinary day stood out (Montgomery, section 7.2, on revising trial limits).
    """
    if sum(inspected) == 0:
        return None
    periods = list(zip(passed, inspected, strict=True))
    set_aside: set[int] = set()
    for _ in range(len(periods) // PERIODS_PER_SPECIAL_CAUSE or 1):
        special = _special_cause(periods, set_aside, center)
        if special is None:
            break
        set_aside.add(special)
    return _reference_without(periods, frozenset(set_aside), center)


def _reference_without(
    periods: Sequence[tuple[int, int]], set_aside: frozenset[int], center: float | None
) -> Reference:
    used = [pair for place, pair in enumerate(periods) if place not in set_aside]
    if center is None:
        center = sum(pair[0] for pair in used) / sum(pair[1] for pair in used)
    judged = [pair for pair in used if sufficient(pair[1], center)]
    good = [pair[0] for pair in judged]
    counts = [pair[1] for pair in judged]
    chart: Chart = "p'" if clearly_overdispersed(good, counts, center) else "p"
    sigma_z = laney_sigma_z(good, counts, center)
    return Reference(center, sigma_z, chart, len(used), set_aside)


def _special_cause(
    periods: Sequence[tuple[int, int]], set_aside: set[int], center: float | None
) -> int | None:
    """The period farthest out, where the others alone put it far beyond their limits."""
    places = [place for place, pair in enumerate(periods) if place not in set_aside and pair[1] > 0]
    if len(places) < MIN_PERIODS_TO_SET_ASIDE:
        return None
    rates = {place: periods[place][0] / periods[place][1] for place in places}
    middle = sum(periods[p][0] for p in places) / sum(periods[p][1] for p in places)
    farthest = max(places, key=lambda p: abs(rates[p] - middle) * math.sqrt(periods[p][1]))
    others = _reference_without(periods, frozenset({*set_aside, farthest}), center)
    inspected = periods[farthest][1]
    if not sufficient(inspected, others.center):
        return None
    sigma_z = others.sigma_z if others.chart == "p'" else 1.0
    far = FAR_BEYOND * LIMIT_WIDTH * binomial_sigma(inspected, others.center) * sigma_z
    return farthest if abs(rates[farthest] - others.center) > far else None


def nelson_streaks(
    rates: Sequence[float], limits: Sequence[Limits], center: float, rules: Sequence[int]
) -> tuple[Streak, ...]:
    """Every maximal streak in which one of Nelson's rules 1 to 4 fires, by rule and place."""
    finders: dict[int, Callable[[], Iterator[tuple[int, int]]]] = {
        1: lambda: _beyond(rates, limits),
        2: lambda: _one_side(rates, center),
        3: lambda: _monotone(rates),
        4: lambda: _alternating(rates),
    }
    lengths = {1: 1, 2: 9, 3: 6, 4: 14}
    return tuple(
        Streak(rule, first, last, first + lengths[rule] - 1)
        for rule in rules
        for first, last in sorted(finders[rule]())
        if last - first + 1 >= lengths[rule]
    )


def _beyond(rates: Sequence[float], limits: Sequence[Limits]) -> Iterator[tuple[int, int]]:
    for index, (rate, limit) in enumerate(zip(rates, limits, strict=True)):
        if rate < limit.lower - _ROUNDING or rate > limit.upper + _ROUNDING:
            yield index, index


def _one_side(rates: Sequence[float], center: float) -> Iterator[tuple[int, int]]:
    signs = [_sign(rate - center) for rate in rates]
    yield from ((first, last) for first, last in _equal_runs(signs) if signs[first] != 0)


def _monotone(rates: Sequence[float]) -> Iterator[tuple[int, int]]:
    steps = _steps(rates)
    yield from ((first, last + 1) for first, last in _equal_runs(steps) if steps[first] != 0)


def _alternating(rates: Sequence[float]) -> Iterator[tuple[int, int]]:
    steps = _steps(rates)
    turns = [before * after < 0 for before, after in itertools.pairwise(steps)]
    yield from ((first, last + 2) for first, last in _equal_runs(turns) if turns[first])


def _steps(rates: Sequence[float]) -> list[int]:
    return [_sign(after - before) for before, after in itertools.pairwise(rates)]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _equal_runs(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last index of every maximal row of equal values."""
    first = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] != values[first]:
            yield first, index - 1
            first = index

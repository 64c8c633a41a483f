"""Rounds of contenders, in turn; medians; and runs that something else disturbed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.machine import Cost


@dataclass(frozen=True, slots=True)
class Policy:
    """How often to measure, and what to reject."""

    rounds: int
    foreign_share_max: float
    """A run during which something else used more of the machine is measured again."""
    retries: int
    """How often at most; the least disturbed run then counts, and is flagged."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender cost in every round."""

    name: str
    rows: int
    costs: tuple[Cost, ...]
    """By round; a way that is too slow for all takes part in the first ones."""

    def median(self, of: Callable[[Cost], float]) -> float:
        return statistics.median(of(cost) for cost in self.costs)

    def ratio(self, other: Result, of: Callable[[Cost], float]) -> float:
        """Median over the rounds of this contender's cost to the other's in the same round."""
        pairs = zip(self.costs, other.costs, strict=False)
        return statistics.median(of(mine) / max(of(theirs), 1e-9) for mine, theirs in pairs)

    def disturbed(self, share_max: float) -> int:
        """How many of the rounds something else disturbed."""
        return sum(cost.foreign_share > share_max for cost in self.costs)


Attempt = Callable[[], Cost]


def alternate(
    attempts: Sequence[tuple[str, Attempt]],
    policy: Policy,
    rows: int,
    narrate: Callable[[str], None],
    before_round: Callable[[int], None] = lambda _number: None,
    repeatable: bool = True,
    rounds_max: Mapping[str, int] | None = None,
) -> list[Result]:
    """Run every contender once a round, another one first each time.

    Where a run changes what the next one finds (`repeatable` false), a disturbed run is
    flagged and not repeated."""
    costs: dict[str, list[Cost]] = {name: [] for name, _ in attempts}
    for number in range(policy.rounds):
        before_round(number)
        first = number % len(attempts)
        for name, attempt in [*attempts[first:], *attempts[:first]]:
            if number >= (rounds_max or {}).get(name, policy.rounds):
                continue
            cost = _least_disturbed(attempt, policy, policy.retries if repeatable else 0)
            costs[name].append(cost)
            narrate(
                f"round {number + 1}/{policy.rounds}  {name}: {cost.wall_s:.2f} s,"
                f" cpu {cost.client_cpu_s:.2f} + {sum(cost.server_cpu_s.values()):.2f} s,"
                f" something else {cost.foreign_share:.0%}"
            )
    return [Result(name, rows, tuple(costs[name])) for name, _ in attempts]


def _least_disturbed(attempt: Attempt, policy: Policy, retries: int) -> Cost:
    best = attempt()
    for _ in range(retries):
        if best.foreign_share <= policy.foreign_share_max:
            break
        best = min(best, attempt(), key=lambda cost: cost.foreign_share)
    return best

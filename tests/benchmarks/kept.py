"""What marks and versions cost: the same changes followed with and without them, by xmin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.incremental import change_rows, delete_rows
from tests.benchmarks.machine import CommandFailed, Cost, measure
from tests.benchmarks.plant import Plant, elconsole, write_settings
from tests.benchmarks.rounds import Attempt, Policy, Result, alternate

PLAIN, SWEPT = "plain", "sweep"
WAYS: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {},
    SWEPT: {"deletes": "sweep"},
    "marks": {"deletes": "mark"},
    "history": {"history": True},
    "marks and history": {"deletes": "mark", "history": True},
}


def compare(
    plant: Plant, changes: int, policy: Policy, narrate: Callable[[str], None], *, deleting: bool
) -> list[Result]:
    """`changes` rows changed and inserted in every table, then each way to follow them, each in
    a warehouse of its own; where `deleting`, every hundredth of those changes deleted besides."""
    ways = []
    for number, (name, settings) in enumerate(WAYS.items()):
        narrate(f"first load, {name}")
        warehouse = f"kept_{number}_{'deleting' if deleting else 'changing'}"
        block = {"mode": "incremental", **settings}
        ways.append((name, _sync(plant, write_settings(plant, warehouse, block)[0])))
        ways[-1][1]()

    def change(_number: int) -> None:
        for name, database in plant.sources.items():
            change_rows(database, name, changes)
            if deleting:
                delete_rows(database, name, changes // 100)

    change(0)
    for _, attempt in ways:
        attempt()
    return alternate(ways, policy, 0, narrate, change, repeatable=False)


def _sync(plant: Plant, settings: Path) -> Attempt:
    def attempt() -> Cost:
        plant.settle()
        command = elconsole(settings, "sync", "--json")
        cost = measure([[command]], plant.postmasters, plant.environment)
        if '"failed"' in cost.output:
            raise CommandFailed(cost.output)
        return cost

    return attempt

"""`python -m tests.benchmarks`: how fast, against what, on which machine."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks import full, incremental
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.plant import open_plant
from tests.benchmarks.report import markdown, plot
from tests.benchmarks.rounds import Policy, Result, alternate
from tests.postgres import SOURCES

DEMO_ROWS = 350
EPILOG = """examples:
  python -m tests.benchmarks                           a quick look, about a minute
  python -m tests.benchmarks --rows 350,100000,1000000 --rounds 5
  python -m tests.benchmarks --rows 10000000 --tables 1
  python -m tests.benchmarks incremental --rows 1000000 --rounds 5
  python -m tests.benchmarks --also 'tool=/venv/bin/tool --from "$SOURCE" --table "$TABLE"'
"""


def _numbers(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",")]


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=["full", "incremental"], default="full")
    parser.add_argument(
        "--rows",
        type=_numbers,
        default=[20_000],
        help=f"rows a table, several by commas; {DEMO_ROWS} is the demo's plant (default 20000)",
    )
    parser.add_argument("--tables", type=int, choices=[1, 2, 3], default=3)
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round, no retries")
    parser.add_argument(
        "--changes",
        type=_numbers,
        help="incremental: changed or new rows a table (default 0, 1.1 %% and 30 %% of the rows)",
    )
    parser.add_argument("--ways", help="only the ways whose name has one of these words, by commas")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another tool: a shell command, run once a table at the same time, which finds"
        " SOURCE and WAREHOUSE (libpq connection strings) and TABLE in its environment",
    )
    parser.add_argument(
        "--noise", type=float, default=0.05, help="share of the machine that others may use"
    )
    parser.add_argument("--retries", type=int, default=2, help="of a run that was disturbed")
    parser.add_argument(
        "--output", type=Path, help="write the Markdown there too; a plot beside it"
    )
    return parser.parse_args(given)


def _narrate(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(given: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, and print Markdown."""
    chosen = _arguments(given)
    policy = (
        Policy(1, chosen.noise, 0)
        if chosen.quick
        else Policy(chosen.rounds, chosen.noise, chosen.retries)
    )
    parts = [f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {describe_machine()}"]
    parts.append(
        f"medians of {policy.rounds}; disturbed: others used over {policy.foreign_share_max:.0%}"
    )
    by_rows: dict[int, list[Result]] = {}
    for rows in chosen.rows:
        if chosen.what == "full":
            by_rows[rows] = _full(chosen, policy, rows)
            parts += [_title(chosen, rows), markdown(by_rows[rows], full.PIPE, chosen.noise)]
        else:
            parts += _incremental(chosen, policy, rows)
    text = "\n\n".join(parts)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")
        if len(by_rows) > 1 and not plot(by_rows, chosen.output.with_suffix(".png")):
            _narrate("no plot: matplotlib is not installed")


def _title(chosen: argparse.Namespace, rows: int) -> str:
    tables = f"{chosen.tables} × {rows:,} rows"
    return f"### {'the demo, 350 rows' if rows == DEMO_ROWS else tables}"


def _full(chosen: argparse.Namespace, policy: Policy, rows: int) -> list[Result]:
    also = dict(one.split("=", 1) for one in chosen.also)
    demo = rows == DEMO_ROWS
    _narrate(f"seeding {chosen.tables} × {rows:,} rows")
    with open_plant(None if demo else rows, SOURCES[: chosen.tables]) as plant:
        ways = full.contenders(plant, rows, also)
        if demo:
            ways += full.startup(plant)
        if chosen.ways:
            words = chosen.ways.split(",")
            ways = [w for w in ways if w.name == full.PIPE or any(x in w.name for x in words)]
        attempts = [(way.name, partial(full.run_once, plant, way)) for way in ways]
        for _, attempt in attempts:
            attempt()
        return alternate(attempts, policy, plant.row_count(), _narrate)


def _incremental(chosen: argparse.Namespace, policy: Policy, rows: int) -> list[str]:
    changes = chosen.changes or [0, rows * 11 // 1000, rows * 3 // 10]
    parts = []
    _narrate(f"seeding {chosen.tables} × {rows:,} rows")
    with open_plant(rows, SOURCES[: chosen.tables]) as plant:
        stage = incremental.make_stage(plant, _narrate)
        for count in changes:
            _narrate(f"{count:,} changes a table")
            results = incremental.compare(stage, count, policy, 0, _narrate)
            parts.append(f"{_title(chosen, rows)}, {count:,} changed or new in each")
            parts.append(markdown(results, incremental.SCANS, chosen.noise))
    return parts


if __name__ == "__main__":
    main()

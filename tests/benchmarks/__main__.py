"""`python -m tests.benchmarks`: how fast, against what, on which machine."""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.benchmarks import full, incremental, kept, latency, pause, scale
from tests.benchmarks.archive import Part, is_saved, load, save
from tests.benchmarks.drawing import svg
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.plant import Plant, open_plant
from tests.benchmarks.report import markdown
from tests.benchmarks.rounds import Policy, alternate
from tests.postgres import SOURCES

DEMO_ROWS = 350
EPILOG = """examples:
  python -m tests.benchmarks                           a quick look, about a minute
  python -m tests.benchmarks full --rows 100000,1000000 --rounds 5
  python -m tests.benchmarks full --rows 10000000 --tables 1 --rounds 3
  python -m tests.benchmarks incremental --rows 1000000 --rounds 5
  python -m tests.benchmarks kept --rows 1000000 --rounds 5
  python -m tests.benchmarks scale
  python -m tests.benchmarks latency
  python -m tests.benchmarks pause
  python -m tests.benchmarks all --results FOLDER      everything, what FOLDER has left out
  python -m tests.benchmarks render --results FOLDER   figures.md and figures.svg from FOLDER
  python -m tests.benchmarks --also 'tool=/venv/bin/tool --from "$SOURCE" --table "$TABLE"'
"""
EVERYTHING = (
    "full --rows 350 --rounds 7",
    "full --rows 100000 --rounds 5",
    "full --rows 1000000 --rounds 5",
    "full --rows 10000000 --tables 1 --rounds 3",
    "incremental --rows 1000000 --rounds 5 --changes 0,11000,300000",
    "kept --rows 1000000 --rounds 5",
    "scale",
    "latency",
    "pause",
)
"""The command lines of `all`."""

FULL_BASES = {full.PIPE: "pipe", full.CHEAP_PIPE: "cheap ids", full.BARE_PIPE: "no metadata"}
INCREMENTAL_BASES = {
    incremental.SCRIPT: "script",
    incremental.SCANS: "scans",
    incremental.SCRIPTED_SCANS: "scripted scans",
}


def _numbers(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",")]


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whats = ["full", "incremental", "kept", "scale", "latency", "pause", "all", "render"]
    parser.add_argument("what", nargs="?", choices=whats, default="full")
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
        "--tool-venvs",
        type=Path,
        default=os.environ.get("ELCONSOLE_BENCHMARK_TOOLS"),
        metavar="DIR",
        help="virtual environments of other tools: dlt, ingestr, sling, as far as they are there"
        " (default: what ELCONSOLE_BENCHMARK_TOOLS names)",
    )
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
        "--results",
        type=Path,
        metavar="FOLDER",
        help="keep results there as JSON, and leave out what it has already",
    )
    return parser.parse_args(given)


def _narrate(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(given: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, and print Markdown."""
    # As Ctrl-C does: stop the servers, remove their folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = _arguments(given)
    if chosen.what in ("all", "render") and not chosen.results:
        sys.exit(f"{chosen.what} needs --results FOLDER")
    if chosen.what == "all":
        shared = list(sys.argv[1:] if given is None else given)
        shared.remove("all")
        for line in EVERYTHING:
            _narrate(f"{datetime.datetime.now(datetime.UTC):%H:%M:%S} {line}")
            _measure(_arguments([*shared, *line.split()]))
    elif chosen.what != "render":
        for part in _measure(chosen):
            print(_text(part), end="\n\n")
    if chosen.results:
        _render(chosen.results)


def _measure(chosen: argparse.Namespace) -> list[Part]:
    """Measure and keep every part that is not there yet; returns the new ones."""
    parts = []
    for part in _MEASURES[chosen.what](chosen):
        parts.append(part)
        if chosen.results:
            save(chosen.results, part)
    return parts


def _is_missing(chosen: argparse.Namespace, name: str) -> bool:
    if is_saved(chosen.results, name):
        _narrate(f"{name} is there already")
        return False
    return True


def _name(chosen: argparse.Namespace, rows: int) -> str:
    return f"1-full-{rows:08}-{chosen.tables}"


def _text(part: Part) -> str:
    body = part.text or markdown(part.results, part.bases, part.foreign_share_max)
    pieces = [f"### {part.title}", part.circumstances + ".", body, part.remark]
    return "\n\n".join(piece for piece in pieces if piece)


def _render(folder: Path) -> None:
    parts = list(load(folder))
    (folder / "figures.md").write_text("\n\n".join(map(_text, parts)) + "\n")
    by_rows = {part.rows: part.results for part in parts if part.name.startswith("1-full")}
    if by_rows:
        (folder / "figures.svg").write_text(svg(by_rows))
    _narrate(f"{folder / 'figures.md'} has {len(parts)} parts")


def _policy(chosen: argparse.Namespace) -> Policy:
    if chosen.quick:
        return Policy(1, chosen.noise, 0)
    return Policy(chosen.rounds, chosen.noise, chosen.retries)


def _circumstances(chosen: argparse.Namespace) -> str:
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    policy = _policy(chosen)
    return (
        f"{today}, {describe_machine()}; medians of {policy.rounds};"
        f" `!`: others used over {policy.foreign_share_max:.0%} of the machine"
    )


def _title(chosen: argparse.Namespace, rows: int) -> str:
    tables = f"{chosen.tables} × {rows:,} rows"
    return "The demo, 350 rows" if rows == DEMO_ROWS else tables


def _full(chosen: argparse.Namespace) -> Iterator[Part]:
    for rows in chosen.rows:
        if _is_missing(chosen, _name(chosen, rows)):
            yield _full_refresh(chosen, rows)


def _full_refresh(chosen: argparse.Namespace, rows: int) -> Part:
    demo = rows == DEMO_ROWS
    _narrate(f"seeding {chosen.tables} × {rows:,} rows")
    with open_plant(None if demo else rows, SOURCES[: chosen.tables]) as plant:
        ways = _ways(chosen, plant, rows)
        attempts = [(way.name, partial(full.run_once, plant, way)) for way in ways]
        few = {way.name: way.rounds_max for way in ways if way.rounds_max}
        for name, attempt in attempts:
            # A slow way warms up in its first round; so do all where a round takes minutes.
            if name not in few and rows <= full.TOOL_ROWS_MAX:
                attempt()
        results = alternate(attempts, _policy(chosen), plant.row_count(), _narrate, rounds_max=few)
    starts = {way.name for way in ways if way.rowless}
    absent = full.left_out(rows, chosen.tool_venvs)
    return Part(
        _name(chosen, rows),
        f"Full refresh, {_title(chosen, rows)}",
        rows,
        FULL_BASES,
        _circumstances(chosen),
        chosen.noise,
        tuple(replace(r, rows=0) if r.name in starts else r for r in results),
        f"Left out at this size: {', '.join(absent)}." if absent else "",
    )


def _ways(chosen: argparse.Namespace, plant: Plant, rows: int) -> list[full.Contender]:
    also = dict(one.split("=", 1) for one in chosen.also)
    ways = full.contenders(plant, rows, also, chosen.tool_venvs)
    if rows == DEMO_ROWS:
        ways += full.startup(plant)
    if chosen.ways:
        words = chosen.ways.split(",")
        ways = [w for w in ways if w.name == full.PIPE or any(x in w.name for x in words)]
    return ways


def _incremental(chosen: argparse.Namespace) -> Iterator[Part]:
    for rows in chosen.rows:
        names = {
            count: f"2-incremental-{rows:08}-{count:08}"
            for count in chosen.changes or [0, rows * 11 // 1000, rows * 3 // 10]
        }
        missing = {count: name for count, name in names.items() if _is_missing(chosen, name)}
        if not missing:
            continue
        _narrate(f"seeding {chosen.tables} × {rows:,} rows")
        with open_plant(rows, SOURCES[: chosen.tables]) as plant:
            stage = incremental.make_stage(plant, _narrate)
            for count, name in missing.items():
                yield _changes(chosen, stage, rows, count, name)


def _changes(
    chosen: argparse.Namespace, stage: incremental.Stage, rows: int, count: int, name: str
) -> Part:
    _narrate(f"{count:,} changes a table")
    policy = _policy(chosen)
    many = count > rows // 10
    if many:
        # Making the changes takes longer than following them.
        policy = replace(policy, rounds=min(policy.rounds, full.SLOW_ROUNDS))
    results = incremental.compare(stage, count, policy, _narrate, sweeping=not many)
    return Part(
        name,
        f"Incremental, {_title(chosen, rows)}, {count:,} changed or new in each",
        0,
        INCREMENTAL_BASES,
        _circumstances(chosen),
        chosen.noise,
        tuple(results),
    )


def _kept(chosen: argparse.Namespace) -> Iterator[Part]:
    for rows in chosen.rows:
        count = chosen.changes[0] if chosen.changes else rows * 11 // 1000
        for deleting, title in (
            (False, "changed or new"),
            (True, "changed or new, 1 % as many gone"),
        ):
            name = f"2-kept-{rows:08}-{count:08}-{'deleting' if deleting else 'changing'}"
            if not _is_missing(chosen, name):
                continue
            with open_plant(rows, SOURCES[: chosen.tables]) as plant:
                found = kept.compare(plant, count, _policy(chosen), _narrate, deleting=deleting)
            yield Part(
                name,
                f"Marks and versions, {_title(chosen, rows)}, {count:,} {title} in each",
                0,
                {kept.PLAIN: "plain", kept.SWEPT: "sweep"},
                _circumstances(chosen),
                chosen.noise,
                tuple(found),
            )


def _scale(chosen: argparse.Namespace) -> Iterator[Part]:
    if _is_missing(chosen, "3-scale"):
        text = scale.report(_narrate)
        yield Part("3-scale", "Scale", 0, {}, _circumstances(chosen), chosen.noise, text=text)


def _latency(chosen: argparse.Namespace) -> Iterator[Part]:
    if _is_missing(chosen, "4-latency"):
        text = latency.report(_narrate)
        yield Part("4-latency", "Latency", 0, {}, _circumstances(chosen), chosen.noise, text=text)


def _pause(chosen: argparse.Namespace) -> Iterator[Part]:
    if _is_missing(chosen, "5-pause"):
        text = pause.report(_narrate)
        yield Part("5-pause", "A pause", 0, {}, _circumstances(chosen), chosen.noise, text=text)


_MEASURES = {
    "full": _full,
    "incremental": _incremental,
    "kept": _kept,
    "scale": _scale,
    "latency": _latency,
    "pause": _pause,
}


if __name__ == "__main__":
    main()

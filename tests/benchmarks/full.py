"""Full refreshes side by side: elconsole, the pipe, and what scripts do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks import tools
from tests.benchmarks.machine import CommandFailed, Cost, Pipeline, measure
from tests.benchmarks.plant import (
    METADATA_EXPRESSIONS,
    Plant,
    column_names,
    elconsole,
    make_plain_tables,
    table,
    write_settings,
)
from tests.benchmarks.scripts import METADATA
from tests.postgres import Database

PIPE = "psql │ psql"
BARE_PIPE = "psql │ psql, no metadata"
CHEAP_PIPE = "psql │ psql, cheap ids"
ELCONSOLE = "elconsole"
BATCH_ROWS_MAX = 100_000
"""Above this many rows a table, rows as Python objects only cost time."""
TOOL_ROWS_MAX = 1_000_000
"""Above this many rows a table, the tools take minutes a run and say nothing new."""
SLOW_ROUNDS = 3
CHEAP_ID = "'00000000-0000-8000-8000-' || lpad(id::text, 12, '0')"
"""A UUID made of the primary key: what a tuned script may write, at a tenth of the cost."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to do the job: what to run, what to do before, and how to see that it was done."""

    name: str
    pipelines: Sequence[Pipeline]
    prepare: Callable[[], None]
    check: Callable[[Cost], None]
    environment: Mapping[str, str]
    rowless: bool = False
    """Whether it moves no rows."""
    rounds_max: int | None = None
    """In how many rounds it takes part, where it is too slow for all."""


def contenders(
    plant: Plant, rows: int, also: Mapping[str, str], venvs: Path | None = None
) -> list[Contender]:
    """The ways to copy every table whole, each to a warehouse of its own."""
    found = [_elconsole(plant), _pipe(plant), _cheap_pipe(plant), _bare_pipe(plant)]
    if rows <= BATCH_ROWS_MAX:
        slow = [_script(plant, "copy-rows"), _script(plant, "insert-batches")]
        found += [replace(one, rounds_max=SLOW_ROUNDS) for one in slow]
    if rows <= TOOL_ROWS_MAX:
        found.append(_script(plant, "copy-blocks"))
        found += [_tool(plant, name, at, rows) for name, at in tools.installed(venvs).items()]
    return found + [_other(plant, name, command) for name, command in also.items()]


def left_out(rows: int, venvs: Path | None) -> list[str]:
    """The ways that are hopeless at this size."""
    scripts = ["script: copy-rows", "script: insert-batches"] if rows > BATCH_ROWS_MAX else []
    if rows <= TOOL_ROWS_MAX:
        return scripts
    return [*scripts, "script: copy-blocks", *tools.installed(venvs)]


def _elconsole(plant: Plant) -> Contender:
    settings, warehouse = write_settings(plant, "warehouse")
    return Contender(
        ELCONSOLE,
        [[elconsole(settings, "sync", "--full", "--json")]],
        _nothing,
        _counted(plant, warehouse, raw_tables(plant)),
        plant.environment,
    )


def raw_tables(plant: Plant) -> list[str]:
    """Where elconsole puts the plant's tables."""
    return [f"raw.{table(source)}" for source in plant.sources]


def _pipe(plant: Plant) -> Contender:
    """The yardstick: the same rows with the same metadata, into plain tables without keys."""
    return _pipes(
        plant, PIPE, make_plain_tables(plant), f"{METADATA}, ", METADATA_EXPRESSIONS + ", "
    )


def _cheap_pipe(plant: Plant) -> Contender:
    """The pipe without what random UUIDs cost in this build: an id made of the key."""
    cheap = METADATA_EXPRESSIONS.replace("gen_random_uuid()::text", CHEAP_ID)
    return _pipes(plant, CHEAP_PIPE, make_plain_tables(plant), f"{METADATA}, ", f"{cheap}, ")


def _bare_pipe(plant: Plant) -> Contender:
    """What no copy in one piece can beat by much: the source's columns alone."""
    return _pipes(plant, BARE_PIPE, make_plain_tables(plant, metadata=False), "", "")


def _pipes(plant: Plant, name: str, target: Database, metadata: str, expressions: str) -> Contender:
    pipelines: list[Pipeline] = []
    for source_name, source in plant.sources.items():
        columns = ", ".join(column_names(source, source_name))
        select = f"SELECT {expressions}{columns} FROM {table(source_name)}"
        copy_out = f"COPY ({select}) TO STDOUT (FORMAT binary)"
        copy_in = f"COPY {table(source_name)} ({metadata}{columns}) FROM STDIN (FORMAT binary)"
        pipelines.append([psql(plant, source, copy_out), psql(plant, target, copy_in)])
    return _into_plain_tables(plant, name, target, pipelines)


def psql(plant: Plant, database: Database, command: str) -> list[str]:
    """The command line of a bare psql."""
    return [plant.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.conninfo, "-c", command]


def _script(plant: Plant, way: str) -> Contender:
    target = make_plain_tables(plant)
    return _into_plain_tables(plant, f"script: {way}", target, [[script(plant, way, target)]])


def script(plant: Plant, way: str, target: Database) -> list[str]:
    """The command line of one of `scripts.WAYS` over every table of the plant."""
    jobs = [
        {
            "source": source.conninfo,
            "target": target.conninfo,
            "table": table(name),
            "columns": column_names(source, name),
            "metadata": METADATA_EXPRESSIONS,
        }
        for name, source in plant.sources.items()
    ]
    return [sys.executable, "-m", "tests.benchmarks.scripts", way, json.dumps(jobs)]


def _tool(plant: Plant, name: str, program: Path, rows: int) -> Contender:
    target = plant.make_warehouse(name)
    target.sql(f"CREATE SCHEMA {tools.SCHEMA}")
    tables = [f"{tools.SCHEMA}.{table(source)}" for source in plant.sources]
    return Contender(
        name,
        tools.pipelines(name, program, plant, target),
        _nothing,
        _counted(plant, target, tables),
        tools.environment(name, plant),
        rounds_max=SLOW_ROUNDS if rows > BATCH_ROWS_MAX else None,
    )


def _other(plant: Plant, name: str, command: str) -> Contender:
    """A tool in an environment of its own: one shell command, run for every source at once."""
    target = make_plain_tables(plant)
    before = 'export SOURCE="$1" WAREHOUSE="$2" TABLE="$3"; '
    pipelines = [
        [["sh", "-c", before + command, "sh", source.conninfo, target.conninfo, table(source_name)]]
        for source_name, source in plant.sources.items()
    ]
    return Contender(name, pipelines, _nothing, _unchecked, plant.environment)


def _into_plain_tables(
    plant: Plant, name: str, target: Database, pipelines: Sequence[Pipeline]
) -> Contender:
    tables = [table(source) for source in plant.sources]

    def truncate() -> None:
        target.sql(f"TRUNCATE {', '.join(tables)}")

    check = _counted(plant, target, tables)
    return Contender(name, pipelines, truncate, check, plant.environment)


def _counted(plant: Plant, target: Database, tables: Sequence[str]) -> Callable[[Cost], None]:
    expected = plant.row_count()

    def check(cost: Cost) -> None:
        check_rows(target, tables, expected, cost.output)

    return check


def check_rows(target: Database, tables: Sequence[str], expected: int, output: str = "") -> None:
    """See that the rows arrived."""
    loaded = sum(target.scalar(f"SELECT count(*) FROM {one}") for one in tables)
    if loaded != expected:
        raise CommandFailed(f"{loaded} rows of {expected} in {target.name}\n{output[-2000:]}")


def _nothing() -> None:
    return None


def _unchecked(_cost: Cost) -> None:
    return None


def startup(plant: Plant) -> list[Contender]:
    """What no sync can go below: an interpreter that imports psycopg; and elconsole's help."""
    commands = {
        "python -c 'import psycopg'": [sys.executable, "-c", "import psycopg"],
        "elconsole --help": [sys.executable, "-m", "elconsole", "--help"],
    }
    return [
        Contender(name, [[command]], _nothing, _unchecked, plant.environment, rowless=True)
        for name, command in commands.items()
    ]


def run_once(plant: Plant, contender: Contender) -> Cost:
    """Prepare, measure and check one contender."""
    contender.prepare()
    plant.settle()
    cost = measure(contender.pipelines, plant.postmasters, contender.environment)
    contender.check(cost)
    return cost

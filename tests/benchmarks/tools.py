"""Other tools, each where it is installed in a virtual environment of its own.

A folder holds one environment a tool, named like it: `dlt`, `ingestr`, `sling`. Every tool
runs by its fastest documented settings, and connects as all others do: over TCP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.machine import Pipeline
from tests.benchmarks.plant import Plant, table
from tests.postgres import Database

SCHEMA = "copied"
"""Where a tool leaves its tables in a warehouse of its own."""
DLT_SCRIPT = Path(__file__).with_name("dlt_pipeline.py")


def installed(venvs: Path | None) -> dict[str, Path]:
    """The tools found in the folder, each with what to run."""
    if venvs is None:
        return {}
    programs = {name: _program(venvs / name, pattern) for name, pattern in PROGRAMS.items()}
    return {name: program for name, program in programs.items() if program is not None}


PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "dlt": ("bin/python",),
    "ingestr": ("bin/ingestr",),
    # The package's `bin/sling` only starts the binary, after an interpreter.
    "sling": ("lib/python*/site-packages/sling_linux_*/bin/sling-linux-*", "bin/sling"),
}


def _program(venv: Path, patterns: Sequence[str]) -> Path | None:
    for pattern in patterns:
        for found in sorted(venv.glob(pattern)):
            return found
    return None


def pipelines(name: str, program: Path, plant: Plant, target: Database) -> list[Pipeline]:
    """The commands that copy every table of the plant into `target`, side by side."""
    return _COMMANDS[name](program, plant, target)


def environment(name: str, plant: Plant) -> dict[str, str]:
    """No telemetry, no colours; Sling writes straight into the table, which is its fastest."""
    quiet = {"NO_COLOR": "1", "DO_NOT_TRACK": "1", "DISABLE_TELEMETRY": "true"}
    return {
        **{key: value for key, value in plant.environment.items() if key != "PYTHONPATH"},
        **quiet,
        **_ENVIRONMENTS.get(name, {}),
    }


_ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "dlt": {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"},
    "ingestr": {"INGESTR_DISABLE_TELEMETRY": "true"},
    "sling": {"SLING_DIRECT_INSERT": "true", "SLING_DISABLE_TELEMETRY": "true"},
}


def url(database: Database) -> str:
    """A connection URL; the servers have no TLS."""
    p = database.params
    login = f"{p['user']}:{p['password']}"
    return f"postgresql://{login}@{p['host']}:{p['port']}/{p['dbname']}?sslmode=disable"


def _dlt(program: Path, plant: Plant, target: Database) -> list[Pipeline]:
    """A process a table: one for all of them has one interpreter, and is slower."""
    jobs = [
        {
            "sources": {table(name): url(source)},
            "target": url(target),
            "schema": SCHEMA,
            "folder": str(plant.folder / "dlt" / name),
        }
        for name, source in plant.sources.items()
    ]
    return [[[str(program), str(DLT_SCRIPT), json.dumps(job)]] for job in jobs]


def _ingestr(program: Path, plant: Plant, target: Database) -> list[Pipeline]:
    """`replace` of one table a process; the parallelism is its default."""
    return [
        [
            [str(program), "ingest", "--yes", "--full-refresh", "--progress", "log"]
            + ["--source-uri", url(source), "--source-table", f"public.{table(name)}"]
            + ["--dest-uri", url(target), "--dest-table", f"{SCHEMA}.{table(name)}"]
        ]
        for name, source in plant.sources.items()
    ]


def _sling(program: Path, plant: Plant, target: Database) -> list[Pipeline]:
    """Streams side by side belong to its paid edition: a process a table."""
    return [
        [
            [str(program), "run", "--mode", "full-refresh"]
            + ["--src-conn", url(source), "--src-stream", f"public.{table(name)}"]
            + ["--tgt-conn", url(target), "--tgt-object", f"{SCHEMA}.{table(name)}"]
        ]
        for name, source in plant.sources.items()
    ]


_COMMANDS: Mapping[str, Callable[[Path, Plant, Database], list[Pipeline]]] = {
    "dlt": _dlt,
    "ingestr": _ingestr,
    "sling": _sling,
}

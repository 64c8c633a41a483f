"""Incremental syncs: a few changes in big tables, by both strategies, beside bare scans."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import full
from tests.benchmarks.full import script
from tests.benchmarks.machine import CommandFailed, Cost, measure
from tests.benchmarks.plant import (
    Plant,
    column_names,
    elconsole,
    make_plain_tables,
    table,
    write_settings,
)
from tests.benchmarks.rounds import Attempt, Policy, Result, alternate
from tests.postgres import Database

SCANS = "bare count(*), three psql"
SCRIPTED_SCANS = "script: bare count(*)"
SCRIPT = "script: COPY, temporary table, ON CONFLICT"
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "xmin": {"mode": "incremental", "strategy": "xmin"},
    "cursor": {"mode": "incremental", "strategy": "cursor", "cursor": "timestamp"},
}


@dataclass(frozen=True, slots=True)
class Raw:
    """A warehouse that elconsole keeps by one strategy, and its settings with and without
    a sweep of deletes."""

    strategy: str
    plain: Path
    sweeping: Path
    warehouse: Database


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything loaded once, ready for changes."""

    plant: Plant
    raw: tuple[Raw, ...]
    script_target: Database


def make_stage(plant: Plant, narrate: Callable[[str], None]) -> Stage:
    """Index the cursor, load every warehouse in full once."""
    for name, database in plant.sources.items():
        database.sql(f"CREATE INDEX ON {table(name)} (timestamp)")
        database.sql(f"VACUUM (ANALYZE) {table(name)}")
    raw = []
    for strategy, settings in STRATEGIES.items():
        narrate(f"first load for {strategy}")
        plain, warehouse = write_settings(plant, f"by_{strategy}", settings)
        sweeping = plain.with_name(f"by_{strategy}_sweep.toml")
        block = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
        sweeping.write_text(plain.read_text().replace(block, f'{block}\ndeletes = "sweep"'))
        sweeping.chmod(0o600)
        _run(plant, elconsole(plain, "sync", "--json"))
        raw.append(Raw(strategy, plain, sweeping, warehouse))
    narrate("first load for the script")
    return Stage(plant, tuple(raw), _load_for_script(plant))


def _load_for_script(plant: Plant) -> Database:
    target = make_plain_tables(plant)
    _run(plant, script(plant, "copy-blocks", target))
    for name in plant.sources:
        target.sql(
            f"ALTER TABLE {table(name)} ADD PRIMARY KEY (id);"
            f" CREATE TABLE mark_{table(name)} AS"
            f" SELECT max(timestamp) AS timestamp FROM {table(name)}; ANALYZE {table(name)}"
        )
    return target


def compare(
    stage: Stage, changes: int, policy: Policy, narrate: Callable[[str], None], sweeping: bool
) -> list[Result]:
    """`changes` rows changed and inserted in every table, then every way to follow them.

    Where `sweeping`, the sweeping syncs come after the others in a round, and find every
    hundredth of those changes deleted besides."""
    plant = stage.plant
    sources = plant.sources.items()
    plain: list[tuple[str, Attempt]] = [
        (f"elconsole, {raw.strategy}", _sync(plant, raw.plain)) for raw in stage.raw
    ]
    sweeps: list[tuple[str, Attempt]] = [
        (f"elconsole, {raw.strategy}, sweep", _sync(plant, raw.sweeping)) for raw in stage.raw
    ]

    def scans() -> Cost:
        plant.settle()
        return _run(plant, *(full.psql(plant, db, scan(name)) for name, db in sources))

    def scripted_scans() -> Cost:
        return _measured(plant, script(plant, "count", stage.script_target))

    def upsert() -> Cost:
        return _measured(plant, script(plant, "upsert", stage.script_target))

    def change(_number: int) -> None:
        for name, database in plant.sources.items():
            change_rows(database, name, changes)

    def change_and_delete(number: int) -> None:
        change(number)
        for name, database in plant.sources.items():
            delete_rows(database, name, changes // 100)

    without = [*plain, (SCRIPT, upsert), (SCANS, scans), (SCRIPTED_SCANS, scripted_scans)]
    results = alternate(without, policy, 0, narrate, change, repeatable=False)
    if sweeping:
        results += alternate(sweeps, policy, 0, narrate, change_and_delete, repeatable=False)
        # The script took no part in this half: let it find the next changes only.
        upsert()
    for raw in stage.raw:
        full.check_rows(raw.warehouse, full.raw_tables(plant), plant.row_count())
    return results


def scan(name: str) -> str:
    """What a sync by xmin has to read at least, in one process as a sync reads it."""
    return f"SET max_parallel_workers_per_gather = 0; SELECT count(*) FROM {table(name)}"


def change_rows(database: Database, name: str, changes: int) -> None:
    """Change half as many rows, spread over the table, and insert the other half."""
    if not changes:
        return
    columns = [c for c in column_names(database, name) if c not in ("id", '"timestamp"')]
    listed = ", ".join(columns)
    updated = changes // 2
    database.sql(
        f"UPDATE {table(name)} SET timestamp = clock_timestamp(), operator_id = 'OP-99',"
        " oee = 1 - oee WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id)"
        f" AS n, count(*) OVER () AS total FROM {table(name)}) r"
        f" WHERE n % greatest(total / {updated}, 1) = 0 LIMIT {updated})"
    )
    database.sql(
        f"INSERT INTO {table(name)} (timestamp, {listed})"
        f" SELECT clock_timestamp(), {listed} FROM {table(name)} LIMIT {changes - updated}"
    )
    database.sql(f"VACUUM (ANALYZE) {table(name)}")


def delete_rows(database: Database, name: str, count: int) -> None:
    """Delete the oldest rows."""
    database.sql(
        f"DELETE FROM {table(name)} WHERE id IN"
        f" (SELECT id FROM {table(name)} ORDER BY id LIMIT {count})"
    )


def _sync(plant: Plant, settings: Path) -> Attempt:
    return lambda: _measured(plant, elconsole(settings, "sync", "--json"))


def _measured(plant: Plant, command: list[str]) -> Cost:
    plant.settle()
    return _run(plant, command)


def _run(plant: Plant, *commands: list[str]) -> Cost:
    cost = measure([[command] for command in commands], plant.postmasters, plant.environment)
    if '"failed"' in cost.output:
        raise CommandFailed(cost.output)
    return cost

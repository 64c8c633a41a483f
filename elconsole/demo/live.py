"""A plant that goes on producing while somebody watches (`--demo-live`).

New units are older units of the same line with new dates: their measures fit by
construction, and a bad batch is one that copies many failed units.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from elconsole.core.errors import DemoUnavailable
from elconsole.core.record import record
from elconsole.demo.plant import SOURCES, Plant

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_NOT_COPIED = ("id", "timestamp", "created_at", "batch_id")


@record(frozen=True, slots=True)
class Pace:
    """How a live plant produces."""

    units_per_second: float = 2.0
    """Of all sources together."""
    batch_units: int = 25
    failed_share: float = 0.05
    bad_batch_share: float = 0.1
    """How many of the batches are bad."""
    bad_failed_share: float = 0.4
    """Failed units in a bad batch."""


def run_live(
    plant: Plant, stop: threading.Event, pace: Pace | None = None, *, seed: int | None = None
) -> int:
    """Insert units until `stop` is set; how many.

    Runs in the calling thread and returns within a second of `stop`. Raises DemoUnavailable
    where a connection is lost: the demo goes on without.
    """
    import psycopg

    try:
        return _produce(plant, stop, pace or Pace(), random.Random(seed))  # noqa: S311  a demo's dice
    except psycopg.Error as error:
        if stop.is_set():
            return 0
        raise DemoUnavailable(f"no more units appear: {str(error).strip()}") from error


def _produce(plant: Plant, stop: threading.Event, pace: Pace, dice: random.Random) -> int:
    connections = {name: plant.connect(name) for name in SOURCES}
    try:
        statements = {name: _statement(connections[name], name) for name in SOURCES}
        units_total = 0
        batches = {name: _failures(pace, dice) for name in SOURCES}
        while not stop.wait(1.0 / pace.units_per_second):
            name = dice.choice(SOURCES)
            batch, failed = next(batches[name])
            status = "error" if failed else "ok"
            parameters = {"batch": f"BATCH-LIVE-{batch:06d}", "status": status, "at": dice.random()}
            units_total += connections[name].execute(statements[name], parameters).rowcount
        return units_total
    finally:
        for connection in connections.values():
            connection.close()


def _failures(pace: Pace, dice: random.Random) -> Iterator[tuple[int, bool]]:
    """For ever: the number of a unit's batch, and whether the unit fails."""
    batch = 0
    while True:
        batch += 1
        is_bad = dice.random() < pace.bad_batch_share
        share = pace.bad_failed_share if is_bad else pace.failed_share
        for _ in range(pace.batch_units):
            yield batch, dice.random() < share


def _statement(connection: psycopg.Connection[tuple[object, ...]], source: str) -> sql.Composed:
    """Copy one unit of a status, from a random place of the table, into the present."""
    from psycopg import sql

    table = f"{source}_production"
    names = [
        str(row[0])
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND NOT attname = ANY (%s) ORDER BY attnum",
            [table, list(_NOT_COPIED)],
        )
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL(
        'INSERT INTO {table} ("timestamp", batch_id, {columns})'
        " SELECT clock_timestamp(), %(batch)s, {columns} FROM {table}"
        " WHERE quality_status = %(status)s"
        " AND id >= (SELECT floor(max(id) * %(at)s * 0.5) FROM {table})"
        " ORDER BY id LIMIT 1"
    ).format(table=sql.Identifier(table), columns=columns)

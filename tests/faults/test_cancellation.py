"""Stopping a sync in each of its phases: prompt, and as if it had never begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from elconsole.core.events import TableFailed
from tests.faults.conftest import Background, Wire, begin, closed_gate, only
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.faults

PROMPT_S = 4.0
"""A second is promised; the rest is for a busy machine."""


def workers() -> list[str]:
    """Threads of a run that are still at work, though nobody waits for them."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith(("sync-", "survey", "ledger"))]


def activity(pair: Pair, condition: str) -> bool:
    """Whether a session of the engine does this in the warehouse."""
    return bool(
        pair.warehouse.scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = 'elconsole' AND {condition}"
        )
    )


@contextmanager
def extracting(wire: Wire) -> Iterator[Callable[[], bool]]:
    with closed_gate(wire.pair):
        yield lambda: bool(
            wire.pair.source.scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
                " AND datname = current_database()"
            )
        )


@contextmanager
def sleeping_at(pair: Pair, tag: str, seconds: float = 60) -> Iterator[Callable[[], bool]]:
    """DDL of this kind takes long in the warehouse."""
    pair.warehouse.sql(
        "CREATE FUNCTION public.slow_ddl() RETURNS event_trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_sleep({seconds}); END $$;"
        f"CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('{tag}')"
        " EXECUTE FUNCTION public.slow_ddl()"
    )
    try:
        yield lambda: activity(pair, "wait_event = 'PgSleep'")
    finally:
        pair.warehouse.sql("DROP EVENT TRIGGER slow; DROP FUNCTION public.slow_ddl")


@contextmanager
def building_indexes(wire: Wire) -> Iterator[Callable[[], bool]]:
    with sleeping_at(wire.pair, "ALTER TABLE") as reached:
        yield reached


@contextmanager
def creating_the_leaf(wire: Wire) -> Iterator[Callable[[], bool]]:
    with sleeping_at(wire.pair, "CREATE TABLE") as reached:
        yield reached


@contextmanager
def waiting_to_swap(wire: Wire) -> Iterator[Callable[[], bool]]:
    with wire.pair.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT count(*) FROM raw.t")
        yield lambda: activity(wire.pair, "wait_event_type = 'Lock'")


@contextmanager
def merging(wire: Wire) -> Iterator[Callable[[], bool]]:
    wire.pair.source.sql("UPDATE t SET v = 'changed' WHERE id = 0")
    with wire.pair.warehouse.connect() as writer:
        writer.execute("BEGIN; SELECT * FROM raw.t WHERE id = 0 FOR UPDATE")
        yield lambda: activity(wire.pair, "wait_event_type = 'Lock'")


@contextmanager
def connecting(wire: Wire) -> Iterator[Callable[[], bool]]:
    assert wire.pair.engine is not None
    wire.pair.engine.close()
    wire.pair.configure({"t": {"mode": "full"}}, plant={"tables": ["t"]})
    wire.source.swallow()
    before = wire.source.connections
    yield lambda: wire.source.connections > before


@pytest.mark.parametrize(
    ("mode", "phase"),
    [
        ("full", extracting),
        ("at_once", extracting),
        ("incremental", extracting),
        ("full", creating_the_leaf),
        ("at_once", creating_the_leaf),
        ("full", building_indexes),
        ("full", waiting_to_swap),
        ("incremental", merging),
        ("full", connecting),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_stopped_sync_ends_at_once_and_leaves_nothing(
    wire: Wire, mode: str, phase: Callable[[Wire], Iterator[Callable[[], bool]]]
) -> None:
    begin(wire.pair, mode, stall_timeout=30)
    before = wire.pair.raw("id, v")
    with phase(wire) as reached:  # type: ignore[attr-defined]
        running = Background(wire.pair)
        until(reached)
        assert wire.pair.engine is not None
        started = time.monotonic()
        running.stop.set()
        wire.pair.engine.interrupt()
        detail = running.join()
        assert time.monotonic() - started < PROMPT_S
        assert detail.run.status == "cancelled"
        assert {table.status for table in detail.tables} == {"cancelled"}
        until(lambda: not workers(), timeout_s=PROMPT_S)
    assert not any(isinstance(e, TableFailed) and e.will_retry for e in wire.pair.events)
    assert wire.pair.raw("id, v") == before
    wire.assert_healed()


def test_a_warehouse_that_hangs_while_it_works_fails_after_stall_timeout(wire: Wire) -> None:
    begin(wire.pair, "full", stall_timeout=1, connect_timeout=2)
    with building_indexes(wire) as reached:
        running = Background(wire.pair)
        until(reached)
        wire.warehouse.freeze()
        table = only(running.join().tables)
    assert table.error is not None
    assert (table.status, table.error.kind) == ("failed", "stalled")
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


def test_a_warehouse_that_works_for_longer_than_stall_timeout_is_waited_for(wire: Wire) -> None:
    begin(wire.pair, "full", stall_timeout=0.3)
    with sleeping_at(wire.pair, "ALTER TABLE", seconds=0.8):
        assert Background(wire.pair).join().run.status == "succeeded"
    wire.assert_healed()


def test_a_warehouse_at_work_that_takes_no_more_connections_is_waited_for(wire: Wire) -> None:
    begin(wire.pair, "full", stall_timeout=0.3)
    role = wire.pair.warehouse_role
    try:
        with sleeping_at(wire.pair, "ALTER TABLE", seconds=0.8) as reached:
            running = Background(wire.pair)
            until(reached)
            wire.pair.warehouse.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT 1')
            assert running.join().run.status == "succeeded"
    finally:
        wire.pair.warehouse.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT -1')
    wire.assert_healed()


def test_a_stop_between_retries_does_not_wait_for_the_next(wire: Wire) -> None:
    begin(wire.pair, "full", retries=50)
    wire.source.arm("drop", after_bytes=200_000, times=99)
    running = Background(wire.pair)
    until(lambda: any(isinstance(e, TableFailed) and e.attempt > 1 for e in wire.pair.events))
    started = time.monotonic()
    running.stop.set()
    assert running.join().run.status == "cancelled"
    assert time.monotonic() - started < PROMPT_S
    wire.assert_healed()

"""Servers and sessions that die, stop or change under a sync."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from elconsole.engine.connect.session import Session
from elconsole.engine.extract import snapshot as snapshots
from elconsole.engine.extract.snapshot import begin_snapshot, opening
from elconsole.engine.load import load, refresh
from elconsole.engine.plan.task import TableTask
from tests.faults.conftest import (
    ROWS,
    Background,
    Wire,
    begin,
    closed_gate,
    is_publishing,
    only,
)
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.faults

SIDES = pytest.mark.parametrize("side", ["source", "warehouse"])
MODES = pytest.mark.parametrize("mode", ["full", "at_once", "incremental"])


def copying(pair: Pair, side: str) -> list[int]:
    """Process ids of the backends that copy."""
    database = pair.source if side == "source" else pair.warehouse
    return [
        row[0]
        for row in database.sql(
            "SELECT pid FROM pg_stat_progress_copy"
            " WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    ]


@contextmanager
def mid_copy(pair: Pair, side: str) -> Iterator[tuple[Background, int]]:
    """A sync that stands in the middle of its copy, and the backend that copies; it goes on
    at the block's end."""
    with closed_gate(pair):
        running = Background(pair)
        until(lambda: len(copying(pair, side)) == 1)
        yield running, copying(pair, side)[0]


@SIDES
@MODES
def test_a_terminated_backend_leaves_the_old_rows(wire: Wire, side: str, mode: str) -> None:
    begin(wire.pair, mode, retries=0)
    with mid_copy(wire.pair, side) as (running, backend):
        wire.pair.source.sql(f"SELECT pg_terminate_backend({backend})")
        failed = only(running.join().tables)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "terminating connection" in failed.error.message
    assert failed.error.sqlstate == "57P01"
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


@SIDES
def test_a_terminated_backend_is_made_good_by_a_retry(wire: Wire, side: str) -> None:
    begin(wire.pair, "incremental", retries=3)
    with mid_copy(wire.pair, side) as (running, backend):
        wire.pair.source.sql(f"SELECT pg_terminate_backend({backend})")
    table = only(running.join().tables)
    assert (table.status, table.attempts) == ("succeeded", 2)
    wire.assert_healed()


@SIDES
@MODES
def test_a_stopped_backend_fails_after_stall_timeout(wire: Wire, side: str, mode: str) -> None:
    """It ignores cancels, and keeps the connection open."""
    begin(wire.pair, mode, retries=3, stall_timeout=1)
    with mid_copy(wire.pair, side) as (running, backend):
        os.kill(backend, signal.SIGSTOP)
        try:
            failed = only(running.join().tables)
        finally:
            os.kill(backend, signal.SIGCONT)
    assert failed.error is not None
    assert (failed.status, failed.error.kind) == ("failed", "stalled")
    until(lambda: not copying(wire.pair, side))
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


@MODES
def test_a_column_added_while_a_sync_plans_is_seen_before_a_row_moves(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(pair, "full" if mode == "at_once" else mode)
    if mode == "at_once":
        pair.configure({"t": {"mode": "full"}})
    changed: list[str] = ["ALTER TABLE t ADD COLUMN late int DEFAULT 3"]

    def after_a_change(task: TableTask) -> sql.Composed:
        if changed:
            pair.source.sql(changed.pop())
        return opening(task)

    for module in (refresh, snapshots):
        monkeypatch.setattr(module, "opening", after_a_change)
    table = only(pair.run().tables)
    assert (table.status, table.attempts) == ("succeeded", 2)
    assert pair.raw("id, v, late") == pair.rows("id, v, late")


@MODES
def test_a_table_made_anew_while_a_sync_plans_is_planned_once_more(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old')")
    where = {} if mode == "at_once" else {"where": "true"}
    pair.configure({"t": {"mode": "incremental" if mode == "incremental" else "full", **where}})
    pair.sync()
    changed: list[str] = [
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (2, 'new')"
    ]

    def after_a_change(task: TableTask) -> sql.Composed:
        if changed:
            pair.source.sql(changed.pop())
        return opening(task)

    for module in (refresh, snapshots):
        monkeypatch.setattr(module, "opening", after_a_change)
    table = pair.sync()
    assert (table.attempts, table.strategy) == (2, "full")
    assert pair.raw("id, v") == [(2, "new")]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_table_stays_as_the_snapshot_shows_it_until_it_is_copied(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(pair, mode)
    refused: list[bool] = []

    def then_a_change(*arguments: Any) -> Any:
        snapshot = begin_snapshot(*arguments)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            pair.source.sql("SET lock_timeout = '50ms'; ALTER TABLE t ADD COLUMN late int")
        refused.append(True)
        return snapshot

    monkeypatch.setattr(load, "begin_snapshot", then_a_change)
    pair.sync()
    assert refused == [True]


def test_a_change_of_the_source_waits_for_the_copy(wire: Wire) -> None:
    begin(wire.pair, "full")
    with (
        mid_copy(wire.pair, "source") as (running, _),
        wire.pair.source.connect() as owner,
    ):
        owner.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute("ALTER TABLE t ADD COLUMN late int")
    assert only(running.join().tables).status == "succeeded"
    wire.pair.source.sql("ALTER TABLE t ADD COLUMN late int DEFAULT 3")
    wire.assert_healed()


@pytest.mark.parametrize("deletes", ["ignore", "sweep"])
@MODES
def test_a_change_of_the_source_does_not_wait_for_publishing(
    pair: Pair, mode: str, deletes: str
) -> None:
    begin(pair, "incremental" if mode == "incremental" else "full")
    # What is asked at once has no condition.
    where = {} if mode == "at_once" else {"where": "true"}
    block = {"mode": mode if mode == "incremental" else "full", "deletes": deletes, **where}
    pair.configure({"t": block})
    pair.sync()
    pair.source.sql("UPDATE t SET v = 'changed' WHERE id = 0; DELETE FROM t WHERE id = 1")
    with pair.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM raw.t WHERE id = 0 FOR UPDATE")
        running = Background(pair)
        until(lambda: bool(waiting(pair)))
        pair.source.sql("SET lock_timeout = '50ms'; ALTER TABLE t ADD COLUMN late int")
    assert only(running.join().tables).status == "succeeded"
    assert pair.raw("v", order="id")[0] == ("changed",)


def waiting(pair: Pair) -> int:
    """Sessions that wait for a lock in the warehouse."""
    return int(
        pair.warehouse.scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
    )


class Commits:
    """Stands between the engine and its COMMITs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pair: Pair, *, before: bool) -> None:
        self.pair = pair
        self.before = before
        self.strikes = 1
        execute = Session.execute

        def struck(session: Session, query: Any, *rest: Any, **options: Any) -> Any:
            if is_publishing(session, query) and self.strikes:
                self.strikes -= 1
                if not self.before:
                    execute(session, query)
                self._terminate(session.info.backend_pid)
            return execute(session, query, *rest, **options)

        monkeypatch.setattr(Session, "execute", struck)

    def _terminate(self, backend: int) -> None:
        self.pair.warehouse.sql(f"SELECT pg_terminate_backend({backend}, 5000)")


@MODES
def test_a_commit_whose_answer_was_lost_is_not_done_twice(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(pair, mode, retries=0)
    generations = "SELECT generation FROM elconsole.targets"
    before = pair.warehouse.scalar(generations)
    Commits(monkeypatch, pair, before=False)
    table = only(pair.run().tables)
    assert (table.status, table.attempts, table.error) == ("succeeded", 1, None)
    assert pair.warehouse.scalar(generations) == before + (mode != "incremental")
    assert pair.raw("id, v") == pair.rows("id, v")
    assert pair.sync().rows_written == (0 if mode == "incremental" else ROWS + 1)


@MODES
@pytest.mark.parametrize("retries", [0, 2])
def test_a_commit_that_never_happened_is_not_believed(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch, retries: int
) -> None:
    begin(pair, mode, retries=retries)
    Commits(monkeypatch, pair, before=True)
    table = only(pair.run().tables)
    if retries:
        assert (table.status, table.attempts) == ("succeeded", 2)
        assert pair.raw("id, v") == pair.rows("id, v")
    else:
        assert table.error is not None
        assert table.error.kind == "commit_in_doubt"
        assert pair.raw("id") == [(0,)]
    pair.sync()
    assert pair.raw("id, v") == pair.rows("id, v")
    assert pair.leftovers() == []


def test_the_ledgers_own_connection_may_die_too(wire: Wire) -> None:
    begin(wire.pair, "full")
    with mid_copy(wire.pair, "warehouse") as (running, copier):
        wire.pair.warehouse.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'elconsole'"
            f" AND pid <> {copier}"
        )
    detail = running.join()
    assert only(detail.tables).status == "succeeded"
    assert wire.pair.engine is not None
    assert wire.pair.engine.runs(1)[0].status == "succeeded"
    wire.assert_healed()


def test_a_reader_that_holds_the_raw_table_is_named_and_nobody_waits_behind_it(
    pair: Pair,
) -> None:
    begin(pair, "full", lock_wait=1.5)
    waits: list[float] = []
    with pair.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT count(*) FROM raw.t")
        running = Background(pair)
        while running.result is None:
            started = time.monotonic()
            pair.warehouse.sql("SELECT count(*) FROM raw.t")
            waits.append(time.monotonic() - started)
        failed = only(running.join().tables)
        assert failed.error is not None
        assert failed.error.kind == "lock"
        assert f"pid {reader.info.backend_pid}" in failed.error.message
    assert max(waits) < 2
    assert pair.raw("id") == [(0,)]
    pair.sync()
    assert pair.raw("id, v") == pair.rows("id, v")


def test_a_sync_succeeds_once_the_reader_is_gone(pair: Pair) -> None:
    begin(pair, "full", lock_wait=30)
    with pair.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT count(*) FROM raw.t")
        running = Background(pair)
        until(lambda: waits_for_lock(pair))
        reader.execute("COMMIT")
        assert only(running.join().tables).status == "succeeded"


def waits_for_lock(pair: Pair) -> bool:
    return bool(
        pair.warehouse.scalar(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )

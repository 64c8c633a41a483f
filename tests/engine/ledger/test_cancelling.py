"""Asking a run to stop, wherever it runs, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from elconsole.core.errors import UsageError
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.service import PostgresEngine
from elconsole.engine.sql.names import CANCEL_CHANNEL, RUN_LOCK_CLASS
from tests.engine.ledger.test_ledger import held_open, other_process, status_of
from tests.link import Link, only
from tests.waiting import until

pytestmark = pytest.mark.integration
LEDGER_SESSION = (
    " FROM pg_stat_activity JOIN pg_locks USING (pid)"
    f" WHERE locktype = 'advisory' AND classid = {RUN_LOCK_CLASS} AND objid = 2"
)
QUIET = f"SELECT clock_timestamp() - state_change > interval '2 seconds' {LEDGER_SESSION}"


@pytest.fixture
def units(link: Link) -> Link:
    link.source.sql("CREATE TABLE units (id integer PRIMARY KEY); INSERT INTO units VALUES (1)")
    link.source.sql("CREATE TABLE others (id integer PRIMARY KEY); INSERT INTO others VALUES (1)")
    return link


@contextmanager
def going_on(link: Link) -> Iterator[tuple[PostgresEngine, list[RunDetail], threading.Thread]]:
    """A second run, which waits for a reader of the raw table and has nothing to tell the
    ledger; an engine that did not start it; and what the run returns."""
    link.synced()
    runner, other = link.engine(lock_wait=60.0), link.engine()
    details: list[RunDetail] = []
    stop = threading.Event()

    def sync() -> None:
        request = SyncRequest((f"{link.name}.units",))
        details.append(runner.sync(request, emit=link.events.append, stop=stop))

    with link.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT FROM raw.units")
        thread = threading.Thread(target=sync)
        thread.start()
        until(lambda: status_of(other, 2, "units") == "running")
        until(lambda: link.warehouse.scalar(QUIET), "the run has nothing to tell any more")
        try:
            yield other, details, thread
        finally:
            stop.set()
            thread.join(10)


@pytest.mark.parametrize("wanted", [None, "2"])
def test_a_run_that_is_cancelled_ends_and_says_who_asked(units: Link, wanted: str | None) -> None:
    with going_on(units) as (other, details, thread):
        run = other.cancel(wanted)
        assert run is not None
        assert (run.run_number, run.status) == (2, "running")
        thread.join(5)
        assert not thread.is_alive()
    (detail,) = details
    who = detail.run.cancelled_by
    assert "@" in who
    assert detail.run.status == "cancelled"
    told = only(detail)
    assert told.error is not None
    assert (told.status, told.error.message) == ("cancelled", f"the run was cancelled by {who}")
    kept = other.run("2")
    assert (kept.run.status, kept.run.cancelled_by) == ("cancelled", who)
    assert only(kept).error == told.error
    assert units.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.units") == 1
    again = other.cancel("2")
    assert again is not None
    assert again.status == "cancelled"
    assert other.cancel() is None


def test_a_notification_alone_stops_nothing(units: Link) -> None:
    with going_on(units) as (other, _, thread):
        run_id = other.run("2").run.run_id
        units.warehouse.sql(f"SELECT pg_notify('{CANCEL_CHANNEL}', '{run_id}')")
        thread.join(3)
        assert thread.is_alive()
        assert other.run("2").run.status == "running"


def test_a_run_whose_ledger_session_died_hears_all_the_same(units: Link) -> None:
    with going_on(units) as (other, details, thread):
        units.warehouse.sql(f"SELECT pg_terminate_backend(pid) {LEDGER_SESSION}")
        until(lambda: other.run("2").run.status == "running", "its lock is held again")
        assert other.cancel() is not None
        thread.join(10)
        assert [detail.run.status for detail in details] == ["cancelled"]


def test_where_several_runs_go_on_one_must_be_named(units: Link) -> None:
    with going_on(units) as (other, _, thread), held_open(units, "others"):
        second = units.engine()
        stop = threading.Event()
        request = SyncRequest((f"{units.name}.others",))
        beside = threading.Thread(target=lambda: second.sync(request, emit=print, stop=stop))
        beside.start()
        until(lambda: status_of(other, 3, "others") == "running")
        with pytest.raises(UsageError, match=r"2 runs go on: 3 .*, 2 ") as refused:
            other.cancel()
        assert refused.value.hint == "name the one that is to stop: `elconsole cancel 3`"
        assert other.cancel("3") is not None
        beside.join(10)
        assert not beside.is_alive()
        assert thread.is_alive()


def test_a_dead_run_is_abandoned_and_nothing_is_asked_of_it(units: Link) -> None:
    units.synced()
    engine = units.engine()
    with held_open(units, "units"), other_process(units) as process:
        until(lambda: status_of(engine, 2, "units") == "running")
        process.kill()
        process.wait()
        until(lambda: engine.run("2").run.status == "abandoned")
        dead = engine.cancel("2")
        assert dead is not None
        assert dead.status == "abandoned"
        assert engine.cancel() is None
    asked = units.warehouse.scalar("SELECT count(cancel_requested_at) FROM elconsole.runs")
    assert asked == 0


def test_a_run_that_is_not_there_cannot_be_cancelled(units: Link) -> None:
    engine = units.engine()
    assert engine.cancel() is None
    with pytest.raises(UsageError, match="there is no run 7"):
        engine.cancel("7")

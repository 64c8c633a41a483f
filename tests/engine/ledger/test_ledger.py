"""The warehouse's book of runs: live, heard by others, honest about the dead."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import psycopg
import pytest

from elconsole.core.errors import ServerUnsupported, UsageError
from elconsole.core.events import DataLoaded, SyncCompleted, SyncStarted, TableStarted
from elconsole.core.results import QualityRequest, RunDetail, RunSummary, SyncRequest
from elconsole.core.targets import TargetRequest
from elconsole.engine.catalog import warehouse
from elconsole.engine.catalog.warehouse import RawColumn
from elconsole.engine.connect.session import Session
from elconsole.engine.ledger import runs, watch
from elconsole.engine.service import PostgresEngine
from tests.conftest import REPOSITORY
from tests.link import Link, by_table, only
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def units(link: Link) -> Link:
    link.source.sql(
        "CREATE TABLE units (id integer PRIMARY KEY); INSERT INTO units VALUES (1), (2);"
        "CREATE TABLE others (id integer PRIMARY KEY); INSERT INTO others VALUES (3)"
    )
    return link


@contextlib.contextmanager
def held_open(link: Link, table: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Keep a source table locked, so that a sync of it waits for its first row."""
    with link.source.connect() as connection:
        connection.execute(f"BEGIN; LOCK TABLE {table}")
        link.grants_wanted = False
        yield connection
        link.grants_wanted = True


def status_of(engine: PostgresEngine, run: int, table: str) -> str | None:
    """The table's state in the ledger; None before the run has entered it."""
    if engine.runs(1)[0].run_number != run:
        return None
    tables = by_table(engine.run(str(run)))
    return tables[table].status if table in tables else None


@contextlib.contextmanager
def other_process(link: Link) -> Iterator[subprocess.Popen[str]]:
    """The same sync in another process."""
    link.grant(link.settings())
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.syncing_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(link.values()))
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def test_a_finished_run_reads_back_as_it_was_reported(units: Link) -> None:
    detail = units.synced()
    engine = units.engine()
    (summary,) = engine.runs()
    assert summary.run_number == detail.run.run_number == 1
    assert summary.status == "succeeded"
    assert summary.rows_written == detail.run.rows_written == 3
    assert (summary.tables_total, summary.tables_failed) == (2, 0)
    for wanted in (detail.run.run_id, detail.run.run_id[:8], "1"):
        stored = engine.run(wanted)
        assert stored.run.run_id == detail.run.run_id
        for name, table in by_table(stored).items():
            reported = by_table(detail)[name]
            assert table.status == reported.status == "succeeded"
            assert table.rows_written == reported.rows_written
            assert table.bytes == reported.bytes
            assert table.attempts == reported.attempts == 1
            assert table.duration_seconds > 0
            assert table.finished_at is not None


def test_an_unknown_run_is_a_usage_error(units: Link) -> None:
    engine = units.engine()
    assert engine.runs() == ()
    for wanted in ("7", "feed", "%", "99999999999999999999999", "' OR true --", ""):
        with pytest.raises(UsageError):
            engine.run(wanted)
    units.synced()
    for wanted in ("7", "not-hex", "%", "_"):
        with pytest.raises(UsageError):
            engine.run(wanted)


def test_events_tell_the_run_in_order(units: Link) -> None:
    detail = units.synced()
    kinds = [type(event) for event in units.events]
    assert kinds[0] is SyncStarted
    assert kinds[-1] is SyncCompleted
    assert kinds.count(TableStarted) == kinds.count(DataLoaded) == 2
    assert {event.run_id for event in units.events} == {detail.run.run_id}


@pytest.mark.slow
def test_rows_are_live_while_a_run_lasts_and_a_notification_follows(units: Link) -> None:
    units.synced()
    engine = units.engine()
    heard: list[str] = []
    with units.warehouse.connect() as listener, held_open(units, "units"):
        listener.execute("LISTEN elconsole")
        with other_process(units):
            until(lambda: status_of(engine, 2, "others") == "succeeded")
            run = engine.runs(1)[0]
            assert engine.run("2").run.status == "running"
            until(lambda: status_of(engine, 2, "units") == "running")
            assert run.host
            assert run.pid
            heard += [notice.payload for notice in listener.notifies(timeout=2, stop_after=2)]
    assert set(heard) == {run.run_id}


@pytest.mark.slow
def test_a_dead_run_shows_as_abandoned_at_once_and_is_closed_by_the_next(units: Link) -> None:
    units.synced()
    engine = units.engine()
    with held_open(units, "units"):
        with other_process(units) as process:
            until(lambda: status_of(engine, 2, "units") == "running")
            process.kill()
            process.wait()
            until(lambda: engine.run("2").run.status == "abandoned")
        dead, table = engine.run("2").run, by_table(engine.run("2"))["units"]
        assert dead.finished_at is not None
        assert dead.finished_at >= dead.started_at
        assert (table.status, table.finished_at) == ("failed", dead.finished_at)
        ended = [other.status for other in engine.run("2").tables]
        assert dead.tables_failed == ended.count("failed")
        assert table.error == runs.ABANDONED
        assert engine.run("2").run == dead
        stored = units.warehouse.sql("SELECT status FROM elconsole.runs WHERE run_number = 2")
        assert stored == [("running",)]
    units.synced()
    assert units.warehouse.sql(
        "SELECT r.status, t.status, t.error_kind FROM elconsole.runs r"
        " JOIN elconsole.table_runs t USING (run_id)"
        " WHERE run_number = 2 AND t.table_name = 'units'"
    ) == [("abandoned", "failed", "abandoned")]
    closed = engine.run("2")
    assert (closed.run, by_table(closed)["units"]) == (dead, table)


@pytest.mark.slow
def test_a_closed_dead_run_keeps_what_it_did(units: Link) -> None:
    units.synced()
    engine = units.engine()
    with held_open(units, "units"), other_process(units) as process:
        until(lambda: status_of(engine, 2, "others") == "succeeded")
        process.kill()
        process.wait()
    units.synced()
    (closed,) = [run for run in engine.runs(9) if run.run_number == 2]
    tables = by_table(engine.run("2"))
    assert (closed.status, tables["others"].status) == ("abandoned", "succeeded")
    assert (closed.rows_written, closed.tables_failed) == (1, 1)
    ended = [table.finished_at for table in tables.values() if table.finished_at]
    assert closed.finished_at == max(ended)


@pytest.mark.slow
def test_the_second_sync_of_a_table_is_locked_and_names_the_first(units: Link) -> None:
    units.synced()
    engine = units.engine()
    with held_open(units, "units"), other_process(units) as process:
        until(lambda: status_of(engine, 2, "units") == "running")
        holder = engine.runs(1)[0]
        detail = units.sync()
        tables = by_table(detail)
        assert tables["others"].status == "succeeded"
        assert tables["units"].status == "locked", tables["units"].error
        error = tables["units"].error
        assert error is not None
        assert error.kind == "locked"
        assert f"run 2 on {holder.host} (pid {process.pid}, started " in error.message
    assert units.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.others") == 3


def test_two_syncs_of_different_tables_run_side_by_side(units: Link) -> None:
    units.synced()
    engine = units.engine()
    with held_open(units, "units"), other_process(units):
        until(lambda: status_of(engine, 2, "others") == "succeeded")
        assert only(units.synced("plant.others")).status == "succeeded"
        assert engine.run("2").run.status == "running"


@pytest.mark.slow
def test_watch_sees_the_run_of_another_process(units: Link) -> None:
    first = units.synced()
    stop = threading.Event()
    engine = units.engine()
    updates = engine.watch(stop)
    assert next(updates).run.run_id == first.run.run_id
    statuses = []
    with other_process(units):
        for detail in updates:
            assert detail.run.run_number == 2
            statuses.append(detail.run.status)
            if detail.run.status == "succeeded":
                break
    stop.set()
    assert list(updates) == []
    assert statuses[0] == "running"
    assert statuses[-1] == "succeeded"


@pytest.mark.slow
def test_a_watch_reads_an_ended_run_no_more_and_goes_back_where_the_newest_is_deleted(
    units: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = units.synced().run.run_id, units.synced().run.run_id
    read: list[int] = []
    read_newest = runs.read_newest

    def spy(session: Session, ids: Sequence[str], done: RunSummary | None) -> tuple[RunDetail, ...]:
        found = read_newest(session, ids, done)
        read.append(len(found))
        return found

    monkeypatch.setattr(runs, "read_newest", spy)
    monkeypatch.setattr(watch, "POLL_EVERY_S", 0.02)
    monkeypatch.setattr(watch, "TICK_S", 0.01)
    stop = threading.Event()
    seen: list[str] = []
    engine = units.engine()
    watcher = threading.Thread(
        target=lambda: seen.extend(one.run.run_id for one in engine.watch(stop))
    )
    watcher.start()
    try:
        until(lambda: read[-3:] == [0, 0, 0])
        assert read == [1, 1, *[0] * (len(read) - 2)]
        units.warehouse.sql("DELETE FROM elconsole.runs WHERE run_number = 2")
        until(lambda: read.count(1) == 4 and read[-3:] == [0, 0, 0])
    finally:
        stop.set()
        watcher.join(10)
    assert seen == [second, first]


def test_a_stopped_watch_ends(units: Link) -> None:
    stop = threading.Event()
    engine = units.engine()
    watcher = threading.Thread(target=lambda: list(engine.watch(stop)))
    watcher.start()
    stop.set()
    watcher.join(10)
    assert not watcher.is_alive()


def test_a_cancelled_sync_leaves_the_old_rows_and_says_so(units: Link) -> None:
    units.synced()
    stop = threading.Event()
    engine = units.engine()
    details: list[RunDetail] = []
    with held_open(units, "units"):
        syncing = threading.Thread(
            target=lambda: details.append(
                engine.sync(SyncRequest(), emit=units.events.append, stop=stop)
            )
        )
        syncing.start()
        until(lambda: status_of(engine, 2, "units") == "running")
        until(lambda: status_of(engine, 2, "others") == "succeeded")
        stop.set()
        engine.interrupt()
        syncing.join(10)
        assert not syncing.is_alive()
    assert details[0].run.status == "cancelled"
    assert {name: t.status for name, t in by_table(engine.run("2")).items()} == {
        "units": "cancelled",
        "others": "succeeded",
    }
    assert engine.run("2").run.status == "cancelled"
    assert units.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.units") == 1


@pytest.mark.slow
def test_first_use_by_many_at_once_makes_one_ledger(units: Link) -> None:
    engines = [units.engine() for _ in range(4)]
    details: list[RunDetail] = []

    def sync(number: int) -> None:
        details.append(
            engines[number].sync(SyncRequest(), emit=lambda e: None, stop=threading.Event())
        )

    threads = [threading.Thread(target=sync, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(details) == 4
    statuses = {table.status for detail in details for table in detail.tables}
    assert statuses <= {"succeeded", "locked"}, [t.error for d in details for t in d.tables]
    assert len(units.engine().runs()) == 4
    assert units.warehouse.scalar("SELECT count(*) FROM elconsole.targets") == 2
    assert units.warehouse.scalar("SELECT count(*) FROM raw.units") == 2


def test_published_tables_are_listed_with_rows_and_size(units: Link) -> None:
    engine = units.engine()
    assert engine.raw_tables() == ()
    units.synced()
    tables = {table.target: table for table in engine.raw_tables()}
    assert {name: table.rows for name, table in tables.items()} == {
        "raw.units": 2,
        "raw.others": 1,
    }
    assert all(table.bytes > 0 and table.last_synced_at for table in tables.values())


def test_a_ledger_from_a_newer_elconsole_is_left_alone(units: Link) -> None:
    units.synced()
    units.warehouse.sql("INSERT INTO elconsole.migrations (version, name) VALUES (99, 'future')")
    detail = units.sync()
    error = detail.tables[0].error
    assert error is not None
    assert error.hint == "upgrade elconsole"
    assert units.warehouse.scalar("SELECT count(*) FROM elconsole.runs") == 1


READERS: dict[str, Callable[[PostgresEngine], object]] = {
    "runs": lambda engine: engine.runs(),
    "runs last": lambda engine: engine.run("last"),
    "runs prune": lambda engine: engine.prune_runs(1.0),
    "tables": lambda engine: engine.raw_tables(),
    "targets": lambda engine: engine.targets(),
    "targets reset": lambda engine: engine.change_targets(TargetRequest("reset", "plant.units")),
    "quality": lambda engine: engine.quality(QualityRequest()),
    "baselines": lambda engine: engine.freeze_baseline(),
    "failed units": lambda engine: engine.failed_units("plant", "units", "all", ""),
    "plan": lambda engine: engine.plan(SyncRequest()),
    "schema": lambda engine: engine.schema(),
    "reconcile": lambda engine: engine.reconcile((), stop=threading.Event()),
    "advise": lambda engine: engine.advise(),
    "watch": lambda engine: next(engine.watch(threading.Event())),
}


def test_a_ledger_from_a_newer_elconsole_is_not_read(units: Link) -> None:
    units.synced()
    units.warehouse.sql("INSERT INTO elconsole.migrations (version, name) VALUES (99, 'future')")
    engine = units.engine()
    for name, read in READERS.items():
        with pytest.raises(
            ServerUnsupported, match="the warehouse's ledger has version 99"
        ) as told:
            read(engine)
        assert (told.value.hint, told.value.exit_code) == ("upgrade elconsole", 3), name
    error = engine.check().connections[-1].error
    assert error is not None
    assert (error.kind, error.hint) == ("unsupported_server", "upgrade elconsole")


def test_a_late_report_of_progress_does_not_reopen_a_table(units: Link) -> None:
    detail = units.synced()
    engine = units.engine()
    for status in ("running", "cancelled"):
        late = [replace(table, status=status) for table in detail.tables]
        with engine._warehouse() as session:
            runs.report_progress(session, detail.run.run_id, late)
        after = engine.run(detail.run.run_id)
        assert {table.status for table in after.tables} == {"succeeded"}


def test_a_run_that_fails_while_it_plans_is_closed(
    units: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    units.synced()

    def fails(session: Session, _oids: list[int]) -> dict[int, dict[str, RawColumn]]:
        session.execute("SELECT 1 / 0")
        return {}

    monkeypatch.setattr(warehouse, "read_raw_columns", fails)
    detail = units.sync()
    assert {table.status for table in detail.tables} == {"failed"}
    assert units.engine().runs(1)[0].status == "failed"


def test_a_plan_writes_nothing(units: Link) -> None:
    report = units.engine().plan(SyncRequest())
    assert [table.target for table in report.tables] == ["raw.others", "raw.units"]
    assert units.warehouse.scalar("SELECT to_regnamespace('elconsole')") is None
    assert units.warehouse.scalar("SELECT to_regnamespace('raw')") is None


def test_every_table_and_column_of_the_ledger_says_what_it_means(units: Link) -> None:
    units.synced()
    undocumented = units.warehouse.sql(
        "SELECT c.relname || '.' || a.attname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'elconsole'::regnamespace AND c.relkind IN ('r', 'v')"
        " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
        " ORDER BY c.relname, a.attnum"
    )
    assert undocumented == []

"""The ledger forgets old runs, and nothing else; a long one slows nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from elconsole.core.results import QualityRequest, RunDetail, SyncRequest
from elconsole.engine.ledger import retention
from elconsole.engine.service import PostgresEngine
from tests.link import Link
from tests.waiting import until

pytestmark = pytest.mark.integration

DAY_S = 86_400.0
LEFT = "SELECT array_agg(run_number ORDER BY run_number) FROM elconsole.runs"
AGED = """
WITH made AS (
  INSERT INTO elconsole.runs
         (run_id, status, mode, host, pid, user_name, started_at, finished_at, tables_total)
  SELECT gen_random_uuid(), %(status)s, 'full', 'h', 1, 'u', at, at + interval '1 minute',
         %(tables)s
    FROM (SELECT clock_timestamp() - interval '1 day'
                 * (%(days)s - (%(days)s - %(until)s) * n / %(runs)s::float8)
            FROM generate_series(1, %(runs)s) n) AS t (at)
   ORDER BY at
  RETURNING run_id, started_at
)
INSERT INTO elconsole.table_runs (run_id, source, table_name, position, target_id, target, mode,
                                  strategy, status, started_at, finished_at)
SELECT run_id, 'plant', 't' || n, n, t.target_id, 'raw.t' || n, 'full', 'full', %(status)s,
       started_at, started_at + interval '1 second'
  FROM made
 CROSS JOIN generate_series(1, %(tables)s) n
  LEFT JOIN elconsole.targets t ON t.target_table = 't' || n
"""
"""Runs of so many tables, oldest first."""
OF_NO_RUN = """
SELECT count(*) FROM elconsole.table_runs WHERE run_id NOT IN (SELECT run_id FROM elconsole.runs)
"""


@pytest.fixture
def plant(link: Link) -> Link:
    """One table, synced once."""
    link.source.sql("CREATE TABLE t1 (id integer PRIMARY KEY); INSERT INTO t1 VALUES (1), (2)")
    link.synced()
    return link


def add_runs(
    link: Link,
    runs: int,
    days: float,
    until: float | None = None,
    *,
    tables: int = 2,
    status: str = "succeeded",
) -> None:
    """Enter runs that began at most so many days ago, and at least `until`, or a little less."""
    ages = {"days": days, "until": days * 0.99 if until is None else until}
    values = {**ages, "runs": runs, "tables": tables, "status": status}
    with link.warehouse.connect() as connection:
        connection.execute(AGED, values)


def numbers(link: Link) -> list[int]:
    """The runs that the ledger has."""
    left: list[int] = link.warehouse.scalar(LEFT)
    return left


def test_a_syncs_end_removes_the_oldest_of_the_runs_that_are_kept_no_longer(
    plant: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RUNS_AT_ONCE", 3)
    add_runs(plant, 5, 500)
    add_runs(plant, 2, 399)
    assert plant.synced().run.run_number == 9
    assert numbers(plant) == [1, 5, 6, 7, 8, 9]
    plant.synced()
    assert numbers(plant) == [1, 7, 8, 9, 10]
    assert plant.warehouse.scalar(OF_NO_RUN) == 0


def test_a_batch_ends_with_so_many_tables_too(plant: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "TABLES_AT_ONCE", 10)
    add_runs(plant, 4, 500, tables=4)
    add_runs(plant, 1, 450, tables=30)
    plant.synced()
    assert numbers(plant) == [1, 4, 5, 6, 7]
    plant.synced()
    assert numbers(plant) == [1, 6, 7, 8]
    plant.synced()
    assert numbers(plant) == [1, 7, 8, 9], "and a run of more goes alone"


def test_keep_runs_says_how_long(plant: Link) -> None:
    add_runs(plant, 2, 20)
    plant.synced(keep_runs="21 days")
    assert numbers(plant) == [1, 2, 3, 4]
    plant.synced(keep_runs=5)
    assert numbers(plant) == [1, 4, 5]


def test_a_run_that_goes_on_is_kept_however_long_it_takes(plant: Link) -> None:
    add_runs(plant, 1, 500, status="running")
    plant.warehouse.sql("UPDATE elconsole.runs SET finished_at = NULL WHERE run_number = 2")
    add_runs(plant, 1, 500)
    plant.warehouse.sql(
        "UPDATE elconsole.runs SET finished_at = clock_timestamp() WHERE run_number = 3"
    )
    add_runs(plant, 1, 500)
    assert plant.engine().prune_runs() == 1
    assert numbers(plant) == [1, 2, 3]


def test_a_run_that_rows_or_a_watermark_are_of_is_kept(plant: Link) -> None:
    add_runs(plant, 3, 500)
    plant.warehouse.sql(
        "UPDATE elconsole.targets SET content_run_id ="
        " (SELECT run_id FROM elconsole.runs WHERE run_number = 2);"
        "UPDATE elconsole.watermarks SET run_id ="
        " (SELECT run_id FROM elconsole.runs WHERE run_number = 3)"
    )
    assert plant.engine().prune_runs() == 1
    assert numbers(plant) == [1, 2, 3]


def test_nothing_but_runs_is_removed(plant: Link) -> None:
    plant.warehouse.sql(
        "INSERT INTO elconsole.quality_signals VALUES"
        " ('raw.t1', 'all', '', '2020-01-01', 1, 0.5, 'f', gen_random_uuid(), '2020-01-01');"
        "INSERT INTO elconsole.quality_baselines VALUES"
        " (1, 'plant', 'raw', 't1', 'all', NULL, 0.9, 1, 'p', 20, '2020-01-01');"
        "INSERT INTO elconsole.quality_daily"
        " (target_schema, target_table, period, values, inspected, passed, changed)"
        " VALUES ('raw', 't1', '2020-01-01', '{}', 1, 1, 1)"
    )
    others = (
        "elconsole.targets", "elconsole.watermarks", "elconsole.migrations", "raw.t1",
        "elconsole.quality_signals", "elconsole.quality_baselines", "elconsole.quality_daily",
    )  # fmt: skip

    def content() -> list[Any]:
        return [plant.warehouse.sql(f"SELECT t::text FROM {name} t ORDER BY 1") for name in others]

    before = content()
    assert all(before)
    add_runs(plant, 250, 2)
    assert plant.engine().prune_runs(DAY_S) == 250
    assert content() == before
    assert numbers(plant) == [1]
    assert plant.engine().prune_runs(DAY_S) == 0


def test_a_warehouse_without_a_ledger_has_no_runs_to_remove(link: Link) -> None:
    assert link.engine().prune_runs(DAY_S) == 0
    assert link.warehouse.scalar("SELECT to_regnamespace('elconsole')") is None


@pytest.mark.slow
def test_what_holds_the_removal_up_delays_no_sync(
    plant: Link, caplog: pytest.LogCaptureFixture
) -> None:
    add_runs(plant, 3, 500)
    ended: list[RunDetail] = []
    caplog.set_level(logging.WARNING, "elconsole.engine")
    with plant.warehouse.connect() as other:
        other.execute("BEGIN; SELECT FROM elconsole.table_runs FOR UPDATE")
        syncing = threading.Thread(target=lambda: ended.append(plant.synced()), daemon=True)
        syncing.start()
        syncing.join(30)
        assert ended, "the sync waits for whoever holds old runs"
        assert numbers(plant) == [1, 2, 3, 4, 5]
        other.execute("COMMIT")
    assert "old runs could not be removed" in caplog.text
    assert plant.engine().run("last").run.status == "succeeded"
    plant.synced()
    assert numbers(plant) == [1, 5, 6]


def test_two_who_remove_runs_do_not_wait_for_each_other(plant: Link) -> None:
    add_runs(plant, 3, 500)
    with plant.warehouse.connect() as other:
        other.execute("BEGIN; SELECT FROM elconsole.runs WHERE run_number = 2 FOR UPDATE")
        assert plant.engine().prune_runs() == 2
    assert numbers(plant) == [1, 2]


def test_a_ledger_from_before_long_histories_is_read_and_then_migrated(plant: Link) -> None:
    plant.warehouse.sql(
        "DROP INDEX elconsole.runs_running_idx, elconsole.table_runs_loads_idx;"
        "DELETE FROM elconsole.migrations WHERE version >="
        " (SELECT version FROM elconsole.migrations WHERE name = 'ledger/long_history')"
    )
    engine = plant.engine()
    assert engine.run("last").run.run_number == 1
    assert engine.prune_runs() == 0
    plant.synced()
    assert (
        plant.warehouse.scalar(
            "SELECT count(*) FROM pg_indexes"
            " WHERE indexname IN ('runs_running_idx', 'table_runs_loads_idx')"
        )
        == 2
    )


HISTORY_RUNS, HISTORY_TABLES = 25_000, 8
"""200,000 records of tables."""
MOST_ROWS_READ = 500
"""Of runs and their tables, by any command; 160 loads and 20 runs are what one may need."""
READ = """
SELECT (SELECT sum(seq_scan) FROM pg_stat_all_tables WHERE relid = ANY (t.relids)),
       (SELECT sum(seq_tup_read) FROM pg_stat_all_tables WHERE relid = ANY (t.relids))
       + (SELECT sum(idx_tup_read) FROM pg_stat_all_indexes WHERE relid = ANY (t.relids))
  FROM (SELECT ARRAY['elconsole.runs'::regclass, 'elconsole.table_runs'::regclass]::oid[])
       AS t (relids)
"""
NOBODY = "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = %s"


@pytest.fixture
def history(link: Link) -> Link:
    """A year of syncs of eight tables, and one whose process died."""
    names = [f"t{n}" for n in range(1, HISTORY_TABLES + 1)]
    link.source.sql(
        "; ".join(f"CREATE TABLE {t} (id int PRIMARY KEY, ok bool, at timestamptz)" for t in names)
    )
    link.options["plant"] = {"mode": "incremental"}
    link.synced()
    add_runs(link, HISTORY_RUNS, 390, 1, tables=HISTORY_TABLES)
    return link


def first_seen(engine: PostgresEngine) -> None:
    """What a watch shows first."""
    stop = threading.Event()
    updates = engine.watch(stop)
    next(updates)
    stop.set()
    list(updates)


def synced(engine: PostgresEngine) -> None:
    detail = engine.sync(SyncRequest(), emit=lambda _event: None, stop=threading.Event())
    assert detail.run.status == "succeeded"


def locked(link: Link, engine: PostgresEngine) -> None:
    """A sync of what another one is at."""
    with link.source.connect() as other:
        other.execute("BEGIN; LOCK TABLE t1")
        link.grants_wanted = False
        first = threading.Thread(target=synced, args=(link.engine(),))
        first.start()
        running = "SELECT count(*) FROM elconsole.table_runs WHERE run_id = (SELECT run_id"
        running += " FROM elconsole.runs ORDER BY run_number DESC LIMIT 1) AND status = 'running'"
        until(lambda: link.warehouse.scalar(running) == 1)
        detail = engine.sync(
            SyncRequest(("plant.t1",)), emit=lambda _event: None, stop=threading.Event()
        )
        other.execute("COMMIT")
        first.join(30)
    link.grants_wanted = True
    assert [table.status for table in detail.tables] == ["locked"]


def died(link: Link, engine: PostgresEngine) -> None:
    """A sync that finds a run whose process died."""
    add_runs(link, 1, 1.0, tables=HISTORY_TABLES, status="running")
    synced(engine)
    assert engine.runs(2)[1].status == "abandoned"


COMMANDS: dict[str, Callable[[Link, PostgresEngine], object]] = {
    "sync": lambda _link, engine: synced(engine),
    "sync after one that died": died,
    "sync of a locked table": locked,
    "plan": lambda _link, engine: engine.plan(SyncRequest()),
    "runs": lambda _link, engine: engine.runs(20),
    "runs last": lambda _link, engine: engine.run("last"),
    "runs NUMBER": lambda _link, engine: engine.run("777"),
    "runs ID": lambda link, engine: engine.run(
        link.warehouse.scalar("SELECT run_id::text FROM elconsole.runs WHERE run_number = 777")[:12]
    ),
    "runs prune": lambda _link, engine: engine.prune_runs(),
    "watch": lambda _link, engine: first_seen(engine),
    "check": lambda _link, engine: engine.check(),
    "quality": lambda _link, engine: engine.quality(QualityRequest()),
    "schema": lambda _link, engine: engine.schema(),
    "reconcile": lambda _link, engine: engine.reconcile((), stop=threading.Event()),
    "advise": lambda _link, engine: engine.advise(),
}


def rows_read(link: Link, command: Callable[[Link, PostgresEngine], object]) -> tuple[int, int]:
    """How often it read the ledger's runs or their tables whole, and how many rows of them."""

    def counted() -> tuple[int, int]:
        # A server's process tells at its end what it read.
        role = link.roles["warehouse"]
        until(lambda: link.warehouse.scalar(NOBODY, role))
        ((scans, rows),) = link.warehouse.sql(READ)
        return int(scans), int(rows)

    link.close()
    engine = link.engine()
    before = counted()
    command(link, engine)
    link.close()
    after = counted()
    return after[0] - before[0], after[1] - before[1]


@pytest.mark.slow
def test_no_command_reads_a_long_history_whole(history: Link) -> None:
    """Whatever autovacuum has done of it; a vacuum alone counts rows and knows no values."""
    greedy = {}
    for done in ("", "VACUUM", "VACUUM ANALYZE"):
        if done:
            history.warehouse.sql(f"{done} elconsole.runs, elconsole.table_runs")
        for name, command in COMMANDS.items():
            scans, rows = rows_read(history, command)
            if scans or rows > MOST_ROWS_READ:
                greedy[done, name] = scans, rows
    assert greedy == {}

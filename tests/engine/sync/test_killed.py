"""A client killed at any moment: the old rows stand, the next sync succeeds, nothing is left."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

import pytest

from tests.conftest import REPOSITORY
from tests.effort import tries
from tests.link import Link
from tests.waiting import until

pytestmark = pytest.mark.integration

ROWS = 20_000
KILLS = tries(5)

LOADING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND query ~ 'COPY|PRIMARY KEY' AND pid <> pg_backend_pid() AND state = 'active'"
)


def start(link: Link) -> subprocess.Popen[str]:
    """A sync in another process that has its settings and is about to connect."""
    settings = link.settings()
    link.grant(settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.syncing_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(link.values()))
    process.stdin.close()
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


def finish(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    with process:
        result: dict[str, object] = json.loads(process.stdout.read())
    return result


def leftovers(link: Link) -> list[tuple[object, ...]]:
    """Unattached leaves, advisory locks and open entries that no living run accounts for."""
    return link.warehouse.sql(
        "SELECT 'leaf', relname::text FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
        " AND relnamespace = 'elconsole_storage'::regnamespace"
        " UNION ALL SELECT 'lock', objid::text FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " UNION ALL SELECT 'run', run_number::text FROM elconsole.runs WHERE status = 'running'"
        " UNION ALL SELECT 'table', table_name FROM elconsole.table_runs"
        " WHERE status IN ('pending', 'running')"
        " UNION ALL SELECT 'prepared or open', state FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )


@pytest.mark.chance
@pytest.mark.timeout(100 + KILLS * 20)
def test_a_client_killed_at_random_moments_leaves_whole_rows_and_no_traces(link: Link) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, stamp integer);"
        f"INSERT INTO t SELECT n, 0 FROM generate_series(1, {ROWS}) n"
    )
    link.synced()
    link.warehouse.sql("CREATE INDEX ON raw.t (stamp); CREATE VIEW v AS SELECT * FROM raw.t")
    started = time.monotonic()
    assert finish(start(link))["status"] == "succeeded"
    usual_s = time.monotonic() - started
    shown = 0
    for stamp in range(1, KILLS + 1):
        link.source.sql(f"UPDATE t SET stamp = {stamp}")
        process = start(link)
        time.sleep(moments.uniform(0, usual_s * 0.9))
        kill(process)
        ((low, high, rows),) = link.warehouse.sql("SELECT min(stamp), max(stamp), count(*) FROM v")
        assert low == high
        assert low in (shown, stamp)
        assert rows == ROWS
        shown = low
        if stamp % 5 == 0:
            link.synced()
            shown = stamp
            link.close()
            # A server's process ends a moment after its client has hung up.
            until(lambda: not leftovers(link), "nothing is left")
            assert link.warehouse.sql("SELECT DISTINCT stamp FROM v") == [(stamp,)]


@pytest.mark.slow
def test_a_sync_right_after_a_kill_succeeds(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, name text);"
        f"INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, {ROWS * 5}) n"
    )
    link.synced()
    engine = link.engine()
    for _ in range(3):
        process = start(link)
        until(lambda: link.warehouse.scalar(LOADING), "rows are loaded")
        kill(process)
        link.synced()
    assert {run.status for run in engine.runs()} == {"succeeded", "abandoned"}


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_rows(link: Link) -> None:
    peaks = []
    for rows in (50_000, 1_000_000):
        link.source.sql(
            "DROP TABLE IF EXISTS t; CREATE UNLOGGED TABLE t (id integer, n integer);"
            f"INSERT INTO t SELECT n, n FROM generate_series(1, {rows}) n"
        )
        result = finish(start(link))
        assert result["status"] == "succeeded"
        assert link.warehouse.scalar("SELECT count(*) FROM raw.t") == rows
        peaks.append(result["peak_kb"])
    few, many = peaks
    assert isinstance(few, int)
    assert isinstance(many, int)
    assert many - few < 4096
    assert many < 64 * 1024

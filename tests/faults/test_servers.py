"""Whole servers: one that crashes in the middle of a copy, one whose disk is full."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elconsole.demo.account import server_account
from elconsole.engine.extract import rows
from elconsole.engine.extract.snapshot import Snapshot
from elconsole.engine.plan.task import TableTask
from tests.faults.conftest import Background, begin, closed_gate, only
from tests.pairs import Pair
from tests.postgres import PostgresServer, reachable_folder
from tests.waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that these tests may crash."""
    with reachable_folder() as folder:
        postgres = PostgresServer(folder, settings={"synchronous_commit": "on"})
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


@contextmanager
def databases_on(server: PostgresServer, other: PostgresServer, crashing: str) -> Iterator[Pair]:
    """A pair of which one side lies on the first server, the rest on the other."""
    homes = {"source": other, "warehouse": other, crashing: server}
    source, warehouse = (homes[side].create_database(side) for side in ("source", "warehouse"))
    reader = homes["source"].create_role("reader")
    loader = homes["warehouse"].create_role("loader")
    made = Pair.of(source, warehouse, reader, loader)
    try:
        yield made
    finally:
        made.close()
        homes["source"].drop_database(source)
        homes["warehouse"].drop_database(warehouse)
        homes["source"].drop_role(reader)
        homes["warehouse"].drop_role(loader)


@pytest.mark.parametrize("mode", ["full", "at_once", "incremental"])
@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_a_server_that_crashes_in_the_middle_of_a_copy_loses_nothing(
    own_server: PostgresServer, server: PostgresServer, side: str, mode: str
) -> None:
    with databases_on(own_server, server, side) as pair:
        begin(pair, mode, retries=0)
        with _gate_that_may_die(pair):
            running = Background(pair)
            until(lambda: _waits_at_gate(pair))
            os.kill(own_server.pid, signal.SIGQUIT)
            failed = only(running.join().tables)
            assert failed.status == "failed"
            assert failed.error is not None
            assert failed.error.kind in (f"{side}_unavailable", "transient")
        own_server.embedded.close()
        own_server.embedded.open()
        assert pair.raw("id") == [(0,)]
        pair.sync()
        assert pair.raw("id, v") == pair.rows("id, v")
        assert pair.leftovers() == []


@contextmanager
def _gate_that_may_die(pair: Pair) -> Iterator[None]:
    import psycopg

    try:
        with closed_gate(pair):
            yield
    except psycopg.OperationalError:
        # The gate's keeper sat on the server that crashed.
        return


def _waits_at_gate(pair: Pair) -> bool:
    return bool(
        pair.source.scalar(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'advisory' AND datname = current_database()"
        )
    )


@pytest.fixture
def small_disk(session_folder: Path, server: PostgresServer) -> Iterator[Path]:
    """Three megabytes for a tablespace, where this user may mount them."""
    account = server_account()
    folder = session_folder / "small"
    folder.mkdir()
    options = f"size=3m,mode=700,uid={account.uid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no right to mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.parametrize("mode", ["full", "at_once", "incremental"])
def test_a_full_disk_is_named_and_not_retried(
    pair: Pair, server: PostgresServer, small_disk: Path, mode: str
) -> None:
    begin(pair, mode, retries=3)
    pair.source.sql(
        "INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(10000, 30000) i"
    )
    server.admin.sql(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    role = pair.warehouse_role
    server.admin.sql(f'GRANT CREATE ON TABLESPACE small TO "{role}"')
    for setting in ("default_tablespace", "temp_tablespaces"):
        server.admin.sql(f"ALTER ROLE \"{role}\" SET {setting} = 'small'")
    try:
        pair.close()
        block: dict[str, dict[str, str]] = {
            "t": {"mode": mode, "deletes": "sweep", "where": "public.gate(id)"}
        }
        if mode == "at_once":
            block = {"t": {"mode": "full"}}
        pair.configure(block, plant={"tables": ["t"]})
        failed = only(pair.run().tables)
        assert failed.error is not None
        assert (failed.error.kind, failed.error.sqlstate) == ("disk_full", "53100")
        assert "warehouse" in failed.error.message
        assert failed.attempts == 1
        assert pair.raw("id") == [(0,)]
        assert pair.leftovers() == []
    finally:
        pair.close()
        for setting in ("default_tablespace", "temp_tablespaces"):
            server.admin.sql(f'ALTER ROLE "{role}" RESET {setting}')
        server.admin.sql(f'REVOKE ALL ON TABLESPACE small FROM "{role}"')
        until(lambda: _dropped(server))
    pair.configure(block, plant={"tables": ["t"]})
    pair.sync()
    assert pair.raw("id, v") == pair.rows("id, v")


def _dropped(server: PostgresServer) -> bool:
    import psycopg

    try:
        server.admin.sql("DROP TABLESPACE small")
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False
    return True


def test_a_server_at_rest_is_not_scanned_and_loses_nothing(
    own_server: PostgresServer, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_since = rows.changed_since
    conditions: list[str] = []

    def noted(task: TableTask, snapshot: Snapshot) -> str:
        conditions.append(changed_since(task, snapshot))
        return conditions[-1]

    monkeypatch.setattr(rows, "changed_since", noted)
    with databases_on(own_server, server, "source") as pair:
        pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
        pair.source.sql("INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
        pair.incremental()
        pair.sync()
        for _ in range(5):  # its autovacuum may write between two syncs
            assert pair.sync().rows_read == 0
        assert "false" in conditions
        pair.source.sql("UPDATE t SET v = 'new' WHERE id = 3")
        assert pair.sync().rows_written == 1
        assert pair.raw("id, v") == pair.rows("id, v")

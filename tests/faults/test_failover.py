"""A standby takes over: what the old primary had beyond it is neither kept nor missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pairs import Pair
from tests.postgres import Database, PostgresServer, reachable_folder
from tests.standby import standby_of
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    """A server of this test's own: its finished WAL is read, and its files are copied."""
    with reachable_folder() as folder:
        server = PostgresServer(folder, settings={"wal_keep_size": "1GB"})
        server.start()
        yield server
        server.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as found:
        yield found


def replayed(standby: Database, lsn: str) -> bool:
    return bool(standby.scalar("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn))


def test_rows_that_a_promoted_standby_lacks_are_lost_and_its_own_arrive(
    primary: PostgresServer, server: PostgresServer, folder: Path
) -> None:
    warehouse, loader = server.create_database("warehouse"), server.create_role("loader")
    source = primary.create_database("source")
    pair = Pair.of(source, warehouse, primary.create_role("reader"), loader)
    source.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'both')")
    with standby_of(primary, folder) as standby:
        lsn = primary.admin.scalar("SELECT pg_current_wal_lsn()::text")
        source.sql("SELECT pg_switch_wal()")
        until(lambda: replayed(standby, lsn), timeout_s=60)
        source.sql("INSERT INTO t SELECT n, 'ghost' FROM generate_series(100, 159) n")
        pair.incremental(deletes="sweep")
        assert pair.sync().rows_read == 61
        successor = Database(source.name, {**standby.params, "dbname": source.name})
        # The checkpoint after the promotion has a lot to write.
        successor_rows = "SELECT n, 'new' FROM generate_series(200, 259) n"
        standby.sql("SELECT pg_promote()")
        successor.sql(f"INSERT INTO t {successor_rows}")
        control = "SELECT timeline_id FROM pg_control_checkpoint()"
        assert successor.scalar(control) == 1, "the checkpoint came too soon for this test"
        pair.source_address = {"host": standby.params["host"], "port": "5432"}
        pair.incremental(deletes="ignore")
        table = pair.sync()
        assert table.strategy == "full"
        assert any("timeline 1, now 2" in note for note in table.notes)
        assert pair.raw("id, v") == successor.sql("SELECT id, v FROM t ORDER BY 1")
        assert pair.sync().strategy == "xmin"
    pair.close()
    server.drop_database(warehouse)
    server.drop_role(loader)

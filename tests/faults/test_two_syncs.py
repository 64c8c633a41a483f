"""Several syncs of one table at once: one works, the others say who does."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.catalog import warehouse
from elconsole.engine.connect.session import Session
from elconsole.engine.ledger.targets import read_targets
from elconsole.engine.publish.lock import TableLock
from elconsole.engine.service import PostgresEngine
from elconsole.engine.sql.names import TABLE_LOCK_CLASS
from tests.faults.conftest import Background, Wire, begin, closed_gate, only
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("mode", ["full", "at_once", "incremental"])
def test_the_second_sync_is_told_who_holds_the_table(wire: Wire, mode: str) -> None:
    begin(wire.pair, mode, stall_timeout=30)
    block = {"mode": "incremental" if mode == "incremental" else "full"}
    other = PostgresEngine(wire.pair.settings({"t": block}, plant={"tables": ["t"]}))
    with closed_gate(wire.pair):
        first = Background(wire.pair)
        until(lambda: wire.pair.advisory_locks() >= 2)
        second = other.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
        other.close()
    table = only(second.tables)
    assert table.status == "locked"
    assert table.error is not None
    assert f"pid {os.getpid()}" in table.error.message
    assert only(first.join().tables).status == "succeeded"
    wire.assert_healed()


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_syncs_in_many_interleavings_lose_and_double_nothing(pair: Pair, mode: str) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engines = [PostgresEngine(pair.settings({"t": {"mode": mode}})) for _ in range(3)]
    details: list[RunDetail] = []

    def sync_often(engine: PostgresEngine) -> None:
        for _ in range(5):
            request = SyncRequest()
            details.append(engine.sync(request, emit=lambda event: None, stop=threading.Event()))

    threads = [threading.Thread(target=sync_often, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    number = 0
    while any(thread.is_alive() for thread in threads):
        number += 1
        pair.source.sql(
            f"INSERT INTO t VALUES ({number}, 'x'); UPDATE t SET v = 'y' WHERE id % 3 = 0"
        )
    for engine in engines:
        engine.close()
    tables = [only(detail.tables) for detail in details]
    assert [table.error for table in tables if table.status == "failed"] == []
    assert "succeeded" in {table.status for table in tables}
    pair.configure({"t": {"mode": mode}})
    pair.sync()
    assert pair.raw("id, v") == pair.rows()
    generation = pair.warehouse.scalar("SELECT generation FROM elconsole.targets")
    stored = pair.warehouse.sql("SELECT DISTINCT _airbyte_generation_id FROM raw.t")
    assert stored == [(generation,)]
    assert pair.leftovers() == []


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_dead_syncs_session_is_waited_for(
    pair: Pair, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends within the second; no living run accounts for it."""
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    pair.configure({"t": {"mode": mode}})
    pair.sync()
    holder = pair.warehouse.connect()
    target = pair.warehouse.scalar("SELECT target_id FROM elconsole.targets")
    holder.execute("SELECT pg_advisory_lock(%s, %s)", [TABLE_LOCK_CLASS, target])
    look = TableLock._holder

    def look_then_end(lock: TableLock) -> str | None:
        found = look(lock)
        holder.close()
        return found

    monkeypatch.setattr(TableLock, "_holder", look_then_end)
    assert pair.sync().attempts == 1
    assert holder.closed


def test_a_failed_table_gives_its_lock_back_while_the_program_lives_on(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    pair.configure({"t": {"mode": "incremental", "where": "no_such_column"}})
    assert only(pair.run().tables).status == "failed"
    pair.source.sql(f'REVOKE SELECT ON t FROM "{pair.source_role}"')
    assert only(pair.run().tables).status == "failed"
    until(lambda: pair.advisory_locks() == 0)
    other = PostgresEngine(pair.settings({"t": {"mode": "full"}}))
    pair.source.sql(f'GRANT SELECT ON t TO "{pair.source_role}"')
    detail = other.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    other.close()
    assert only(detail.tables).status == "succeeded"


def test_a_table_published_while_another_sync_plans_is_no_strangers(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    pair.configure()
    other = PostgresEngine(pair.settings())
    first: list[RunDetail] = []

    def read_then_be_overtaken(session: Session) -> Any:
        found = read_targets(session)
        if not first:
            # The ledger has the name, and no rows yet.
            assert [target.generation for target in found.everything] == [0]
            monkeypatch.setattr(warehouse, "read_targets", read_targets)
            first.append(other.sync(SyncRequest(), emit=lambda _: None, stop=threading.Event()))
        return found

    monkeypatch.setattr(warehouse, "read_targets", read_then_be_overtaken)
    overtaken = only(pair.run().tables)
    other.close()
    assert only(first[0].tables).status == "succeeded"
    # Its plan is older than the rows now, so it planned once more.
    assert (overtaken.status, overtaken.attempts) == ("succeeded", 2)
    assert pair.raw("id") == [(1,)]

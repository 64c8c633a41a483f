"""Networks that drop, cut, half-close, hang, delay and throttle, in the middle of a copy."""

from __future__ import annotations

import time
from typing import Literal

import pytest

from elconsole.engine.extract import ranges
from tests.faults.conftest import Wire, only
from tests.faults.proxy import Fault

pytestmark = pytest.mark.faults

ROWS = 4000
FILLER = "CREATE TABLE t (id int PRIMARY KEY, v text)"
FILL = f"INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, {ROWS}) i"
PARTITIONED = (
    "CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY HASH (id);"
    "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
)
MID_COPY_BYTES = 200_000

SIDES = pytest.mark.parametrize("side", ["source", "warehouse"])
MODES = pytest.mark.parametrize("mode", ["full", "incremental"])
CUTS = pytest.mark.parametrize("fault", ["drop", "half_close", "truncate"])


def begin(wire: Wire, mode: str, **top: object) -> None:
    """One row is synced; the next sync would bring thousands."""
    wire.pair.source.sql(f"{FILLER}; INSERT INTO t VALUES (0, 'first')")
    wire.pair.configure({"t": {"mode": mode, "deletes": "sweep"}}, **{"stall_timeout": 2, **top})
    wire.pair.sync()
    wire.pair.source.sql(FILL)


def arm(wire: Wire, side: str, fault: Fault, times: int = 1) -> None:
    towards: Literal["client", "server"] = "client" if side == "source" else "server"
    wire.proxy(side).arm(fault, towards=towards, after_bytes=MID_COPY_BYTES, times=times)


@SIDES
@MODES
@CUTS
def test_a_cut_connection_leaves_the_old_rows(
    wire: Wire, side: str, mode: str, fault: Fault
) -> None:
    begin(wire, mode, retries=0)
    arm(wire, side, fault)
    failed = only(wire.pair.run().tables)
    assert wire.proxy(side).tripped.is_set()
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.kind in (f"{side}_unavailable", "transient", "stalled")
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


@SIDES
@MODES
def test_a_connection_cut_once_is_made_good_by_a_retry(wire: Wire, side: str, mode: str) -> None:
    begin(wire, mode, retries=3)
    arm(wire, side, "drop")
    table = only(wire.pair.run().tables)
    assert (table.status, table.attempts, table.rows_written) in (
        ("succeeded", 2, ROWS + (mode == "full")),
        ("succeeded", 3, ROWS + (mode == "full")),
    )
    wire.assert_healed()


def test_retries_end(wire: Wire) -> None:
    begin(wire, "full", retries=2)
    arm(wire, "source", "drop", times=99)
    table = only(wire.pair.run().tables)
    assert (table.status, table.attempts) == ("failed", 3)
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


@SIDES
@MODES
def test_a_hung_connection_fails_after_stall_timeout_while_others_finish(
    wire: Wire, side: str, mode: str
) -> None:
    begin(wire, mode, retries=3, stall_timeout=1)
    wire.pair.source.sql("CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1)")
    arm(wire, side, "hang")
    started = time.monotonic()
    tables = {table.table: table for table in wire.pair.run().tables}
    took_s = time.monotonic() - started
    assert wire.proxy(side).tripped.is_set()
    assert tables["u"].status == "succeeded"
    assert tables["t"].status == "failed"
    assert tables["t"].error is not None
    assert tables["t"].error.kind == "stalled"
    assert tables["t"].attempts == 1
    assert 1 <= took_s < 15
    assert wire.pair.raw("id") == [(0,)]
    wire.assert_healed()


def test_throttled_is_not_hung(wire: Wire) -> None:
    begin(wire, "full", stall_timeout=1)
    wire.source.rate_bytes_s = 500_000
    started = time.monotonic()
    table = only(wire.pair.run().tables)
    assert table.status == "succeeded"
    assert time.monotonic() - started > 1.5
    wire.assert_healed()


def test_a_slow_answer_is_waited_for(wire: Wire) -> None:
    begin(wire, "incremental", stall_timeout=2)
    wire.source.delay_s = wire.warehouse.delay_s = 0.02
    assert only(wire.pair.run().tables).status == "succeeded"
    wire.assert_healed()


def test_a_scan_that_finds_nothing_for_long_is_not_taken_for_a_hang(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of the table is scanned within stall_timeout, all of it is not."""
    pair = wire.pair
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE PLAIN;"
        "INSERT INTO t SELECT i, repeat('x', 7000) FROM generate_series(1, 40) i;"
        "CREATE FUNCTION slow(id int) RETURNS boolean LANGUAGE plpgsql VOLATILE COST 1 AS"
        " $$ BEGIN PERFORM pg_sleep(0.04); RETURN id % 20 = 0; END $$;"
    )
    monkeypatch.setattr(ranges, "RANGE_PAGES", 4)
    block = {"mode": "incremental", "where": "public.slow(id)", "deletes": "sweep"}
    pair.configure({"t": block}, stall_timeout=0.8)
    table = only(pair.run().tables)
    assert table.error is None
    assert pair.raw("id") == [(20,), (40,)]
    pair.source.sql("UPDATE t SET v = 'changed' WHERE id = 40")
    table = only(pair.run().tables)
    assert (table.error, table.strategy, table.rows_written) == (None, "xmin", 1)
    monkeypatch.setattr(ranges, "RANGE_PAGES", 10_000)
    failed = only(pair.run().tables)
    assert failed.error is not None
    assert failed.error.kind == "stalled"


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("shape", [FILLER, PARTITIONED], ids=["plain", "partitioned"])
def test_a_table_read_in_parts_arrives_whole(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, pages: int, shape: str
) -> None:
    monkeypatch.setattr(ranges, "RANGE_PAGES", pages)
    pair = wire.pair
    pair.source.sql(
        f"{shape}; INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 2000) i;"
        "DELETE FROM t WHERE id % 2 = 0; INSERT INTO t SELECT i, 'back'"
        " FROM generate_series(2, 40, 2) i"
    )
    block = {"mode": "incremental", "where": "id >= 0", "deletes": "sweep"}
    pair.configure({"t": block}, plant={"tables": ["t"]})
    pair.sync()
    assert pair.raw("id, v") == pair.rows("id, v")
    pair.source.sql("UPDATE t SET v = 'new' WHERE id % 7 = 0; DELETE FROM t WHERE id % 11 = 0")
    table = pair.sync()
    assert table.strategy == "xmin"
    assert pair.raw("id, v") == pair.rows("id, v")

"""`history = true`: every version of a row, from the snapshot that saw it first to the next."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest

from elconsole.core.results import SyncRequest
from elconsole.core.targets import TargetRequest
from tests.pairs import Pair

pytestmark = pytest.mark.integration

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, moved bigint NOT NULL DEFAULT 1)"
MARK = "_elconsole_deleted_at"
FROM, TO, OPERATION = "_elconsole_valid_from", "_elconsole_valid_to", "_elconsole_operation"
FULL = {"mode": "full"}
XMIN = {"mode": "incremental", "deletes": "sweep"}
CURSOR = {"strategy": "cursor", "cursor": "moved"}
WAYS = pytest.mark.parametrize(
    "way",
    [
        FULL,
        FULL | {"deletes": "mark"},
        XMIN,
        XMIN | {"deletes": "mark"},
        XMIN | CURSOR,
        XMIN | CURSOR | {"deletes": "mark"},
    ],
    ids=["full", "full, marks", "xmin", "xmin, marks", "cursor", "cursor, marks"],
)


def five(pair: Pair, **settings: Any) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old', i FROM generate_series(1, 5) i")
    pair.configure({"t": {"history": True, **settings}})
    assert pair.sync().versions == 5


def snapshot(pair: Pair) -> datetime:
    found: datetime = pair.warehouse.scalar("SELECT extracted_at FROM elconsole.watermarks")
    return found


def versions(pair: Pair, columns: str, condition: str = "true") -> list[Any]:
    return pair.raw(columns, f"t_history WHERE {condition}", f"id, {FROM}")


def as_of(pair: Pair, moment: datetime, columns: str) -> list[Any]:
    return versions(pair, columns, f"{FROM} <= '{moment}' AND coalesce({TO} > '{moment}', true)")


@WAYS
def test_versions_tell_what_the_source_was_at_each_sync(pair: Pair, way: dict[str, str]) -> None:
    five(pair, **way)
    states = {snapshot(pair): pair.rows()}
    for change, count in [
        ("UPDATE t SET v = 'new', moved = 9 WHERE id IN (1, 2)", 2),
        ("DELETE FROM t WHERE id IN (2, 3); INSERT INTO t VALUES (6, 'six', 10)", 1),
        ("SELECT", 0),
        ("INSERT INTO t VALUES (2, 'new', 11); UPDATE t SET v = NULL, moved = 12 WHERE id = 6", 2),
        ("DELETE FROM t", 0),
        ("INSERT INTO t VALUES (1, 'again', 13)", 1),
    ]:
        pair.source.sql(change)
        assert pair.sync().versions == count, change
        states[snapshot(pair)] = pair.rows()
    for moment, rows in states.items():
        assert as_of(pair, moment, "id, v, moved") == rows
    first, second, third, _, fourth, fifth, sixth = states
    assert versions(pair, f"id, v, {FROM}, {TO}, {OPERATION}", "id IN (1, 2)") == [
        (1, "old", first, second, "insert"),
        (1, "new", second, fifth, "update"),
        (1, "again", sixth, None, "insert"),
        (2, "old", first, second, "insert"),
        (2, "new", second, third, "update"),
        (2, "new", fourth, fifth, "insert"),
    ]


def test_columns_are_the_sources_and_three(pair: Pair) -> None:
    five(pair)
    assert pair.warehouse.sql(
        "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'raw.t_history'::regclass AND attnum > 0"
    ) == [(["id", "v", "moved", FROM, TO, OPERATION],)]


@WAYS
def test_a_full_refresh_of_the_same_rows_opens_no_version(pair: Pair, way: dict[str, str]) -> None:
    five(pair, **way)
    pair.source.sql("UPDATE t SET v = v")
    assert pair.sync(full=True).versions == 0
    assert pair.sync().versions == 0
    assert len(versions(pair, "id")) == 5


@pytest.mark.parametrize("way", [FULL, XMIN, XMIN | CURSOR], ids=["full", "xmin", "cursor"])
def test_history_begins_later_ends_and_begins_again(pair: Pair, way: dict[str, str]) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old', i FROM generate_series(1, 5) i")
    pair.configure({"t": way})
    pair.sync()
    pair.configure({"t": {**way, "history": True}})
    assert any("from now on, in raw.t_history" in note for note in pair.plan().notes)
    assert pair.sync().versions == 5
    begun = snapshot(pair)
    assert as_of(pair, begun, "id, v, moved") == pair.rows()
    pair.configure({"t": way})
    pair.source.sql("UPDATE t SET v = 'unseen', moved = 9 WHERE id = 1; DELETE FROM t WHERE id = 2")
    assert any("kept no more" in note for note in pair.plan().notes)
    assert pair.sync().versions == 0
    pair.configure({"t": {**way, "history": True}})
    pair.source.sql("UPDATE t SET v = 'seen', moved = 10 WHERE id = 3")
    assert pair.sync().versions == 2
    assert as_of(pair, begun, "id, v, moved")[1] == (2, "old", 2)
    assert as_of(pair, snapshot(pair), "id, v, moved") == pair.rows()


def test_a_history_that_was_dropped_begins_anew(pair: Pair) -> None:
    five(pair, **XMIN)
    pair.warehouse.sql("DROP TABLE raw.t_history")
    assert pair.sync().versions == 5
    pair.warehouse.sql("DROP INDEX raw.t_history_id_idx")
    assert pair.sync().versions == 0
    assert pair.warehouse.scalar("SELECT to_regclass('raw.t_history_id_idx') IS NOT NULL")


@pytest.mark.parametrize("way", [FULL, XMIN], ids=["full", "xmin"])
def test_columns_follow_the_source(pair: Pair, way: dict[str, str]) -> None:
    five(pair, **way)
    pair.source.sql("ALTER TABLE t ADD w int, DROP v")
    assert pair.sync().versions == 0
    pair.source.sql("UPDATE t SET w = 7, moved = 9 WHERE id = 1")
    assert pair.sync().versions == 1
    assert versions(pair, f"v, w, {TO} IS NULL", "id = 1") == [
        ("old", None, False),
        (None, 7, True),
    ]
    pair.source.sql("ALTER TABLE t ALTER id TYPE bigint, ALTER w TYPE numeric(9, 2)")
    pair.sync()
    assert as_of(pair, snapshot(pair), "id, w, moved") == pair.rows("id, w, moved")


def test_a_type_that_cannot_hold_the_versions_makes_them_text(pair: Pair) -> None:
    five(pair)
    pair.source.sql("UPDATE t SET v = id::text")
    pair.sync()
    pair.source.sql("ALTER TABLE t ALTER v TYPE int USING v::int, ALTER moved TYPE int")
    assert any("v becomes text" in n for n in pair.plan().notes) is False
    pair.sync()
    pair.source.sql(
        "ALTER TABLE t ALTER moved DROP DEFAULT, ALTER moved TYPE date USING '2020-01-01'"
    )
    assert any("moved becomes text" in note for note in pair.plan().notes)
    assert pair.sync().versions == 5
    assert versions(pair, "v, moved", "id = 1") == [
        ("old", "1"),
        ("1", "1"),
        ("1", "2020-01-01"),
    ]
    assert pair.sync().versions == 0


def test_another_key_ends_all_versions_and_begins_new_ones(pair: Pair) -> None:
    five(pair, **XMIN)
    pair.source.sql("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (moved, id)")
    assert any("the primary key changed" in note for note in pair.plan().notes)
    assert pair.sync().versions == 5
    assert len(versions(pair, "id", f"{TO} IS NULL")) == 5
    pair.source.sql("UPDATE t SET v = 'new' WHERE id = 1")
    assert pair.sync().versions == 1
    assert as_of(pair, snapshot(pair), "id, v, moved") == pair.rows()


def test_grants_views_and_comments_stay(pair: Pair) -> None:
    five(pair)
    pair.warehouse.sql(
        f'GRANT SELECT ON raw.t_history TO "{pair.source_role}";'
        "COMMENT ON TABLE raw.t_history IS 'kept';"
        "CREATE VIEW public.seen AS SELECT id, v FROM raw.t_history"
    )
    pair.source.sql("UPDATE t SET v = 'new'; ALTER TABLE t ADD w int")
    pair.sync()
    pair.sync(full=True)
    assert pair.warehouse.scalar(
        f"SELECT has_table_privilege('{pair.source_role}', 'raw.t_history', 'SELECT')"
        " AND obj_description('raw.t_history'::regclass) = 'kept'"
    )
    assert pair.warehouse.scalar("SELECT count(*) FROM public.seen") == 10
    pair.warehouse.sql("DROP VIEW public.seen")


def refusal(pair: Pair, table: str = "t") -> str:
    assert pair.engine is not None
    planned = pair.engine.plan(SyncRequest()).tables
    error = next(one.error for one in planned if one.table == table)
    return f"{error.message} → {error.hint}" if error else ""


def test_what_can_have_no_history_is_refused_at_planning(pair: Pair) -> None:
    pair.configure({"t": {"history": True}})
    pair.source.sql("CREATE TABLE t (id int)")
    assert "plant.t has no primary key" in refusal(pair)
    assert "primary_key" in refusal(pair)
    pair.source.sql(f"DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, {FROM} int)")
    assert f'exclude_columns = ["{FROM}"]' in refusal(pair)
    long = "t" * 56
    pair.source.sql(f"DROP TABLE t; CREATE TABLE {long} (id int PRIMARY KEY)")
    pair.configure({long: {"history": True}})
    assert "63 bytes" in refusal(pair, long)
    assert "target" in refusal(pair, long)


def test_somebody_elses_table_in_its_place_is_left_alone(pair: Pair) -> None:
    pair.source.sql(TABLE)
    pair.warehouse.sql("CREATE SCHEMA raw; CREATE TABLE raw.t_history (mine int)")
    pair.configure({"t": {"history": True}})
    assert "elconsole did not make" in refusal(pair)
    assert pair.warehouse.sql("SELECT mine FROM raw.t_history") == []


def test_a_table_of_the_historys_name_comes_first_or_last(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; CREATE TABLE t_history (id int PRIMARY KEY)")
    pair.configure({"t": {"history": True}})
    assert "which is the raw table of plant.public.t_history" in refusal(pair)
    assert refusal(pair, "t_history") == ""
    pair.source.sql("DROP TABLE t_history")
    pair.sync()
    pair.source.sql("CREATE TABLE t_history (id int PRIMARY KEY)")
    assert refusal(pair) == ""
    assert "is the history of raw.t" in refusal(pair, "t_history")
    assert pair.engine is not None
    stop = threading.Event()
    request = SyncRequest(adopt=True)
    detail = pair.engine.sync(request, emit=lambda event: None, stop=stop)
    assert [table.status for table in detail.tables] == ["succeeded", "failed"]
    assert len(versions(pair, "id")) == 0


def test_checks_of_the_neighbours_pass_it_by(pair: Pair) -> None:
    five(pair)
    assert pair.engine is not None
    report = pair.engine.check()
    assert [table.target for table in report.tables] == ["raw.t"]
    assert (report.problems, report.unfed) == ((), ())
    assert pair.run().unfed == ()
    pair.source.sql("DROP TABLE t; CREATE TABLE u (id int PRIMARY KEY)")
    pair.configure()
    assert [table.target for table in pair.run().unfed or ()] == ["raw.t"]


def test_a_reader_of_the_history_is_waited_for_and_named(pair: Pair) -> None:
    pair.source.sql(TABLE)
    pair.configure({"t": {"history": True}}, lock_wait=1, retries=0)
    pair.sync()
    pair.source.sql("ALTER TABLE t ADD w int")
    with pair.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT FROM raw.t_history")
        (table,) = pair.run().tables
        assert table.error is not None
        assert "raw.t_history stayed locked" in table.error.message
        assert f"pid {reader.info.backend_pid}" in table.error.message
    pair.sync()


def test_runs_and_ledger_keep_the_count(pair: Pair) -> None:
    five(pair)
    assert pair.engine is not None
    assert pair.engine.run("last").tables[0].versions == 5
    assert pair.warehouse.sql("SELECT versions FROM elconsole.table_runs") == [(5,)]


@pytest.mark.parametrize("way", [FULL, XMIN], ids=["full", "xmin"])
@pytest.mark.parametrize("schema", ["raw", "crm"])
def test_it_moves_with_its_raw_table(pair: Pair, way: dict[str, str], schema: str) -> None:
    five(pair, **way)
    pair.source.sql("UPDATE t SET v = 'new' WHERE id = 1")
    block = {"history": True, **way, "target": "sales"}
    pair.configure({"t": block}, plant={"target_schema": schema})
    assert pair.sync().versions == 1
    kept = f"SELECT count(*), count({TO}) FROM {schema}.sales_history"
    assert pair.warehouse.sql(kept) == [(6, 1)]
    assert pair.warehouse.scalar("SELECT to_regclass('raw.t_history')") is None
    pair.source.sql("UPDATE t SET v = 'newer' WHERE id = 2")
    assert pair.sync().versions == 1
    assert pair.warehouse.sql(kept) == [(7, 2)]
    pair.close()
    pair.warehouse.sql("DROP SCHEMA IF EXISTS crm CASCADE")


def test_a_command_renames_it_too(pair: Pair) -> None:
    five(pair, **XMIN)
    assert pair.engine is not None
    pair.engine.change_targets(TargetRequest("rename", "raw.t", "sales"))
    pair.source.sql("DELETE FROM t WHERE id = 1")
    assert pair.sync().rows_deleted == 1
    kept = f"SELECT count(*), count({TO}) FROM raw.sales_history"
    assert pair.warehouse.sql(kept) == [(5, 1)]


def test_a_backfill_keeps_versions_too(pair: Pair) -> None:
    five(pair, **XMIN)
    pair.warehouse.sql("UPDATE raw.t SET v = 'lost' WHERE id = 3")
    assert pair.engine is not None
    request = SyncRequest(("plant.t",), backfill="id = 3")
    (table,) = pair.engine.sync(request, emit=lambda _event: None, stop=threading.Event()).tables
    assert table.error is None
    assert pair.raw("id, v") == pair.rows("id, v")
    assert pair.sync().versions == 0

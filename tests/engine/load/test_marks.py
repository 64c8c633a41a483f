"""`deletes = "mark"`: a row that is gone from its source stays, with the time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from elconsole.core.results import SyncRequest
from tests.pairs import Pair

pytestmark = pytest.mark.integration

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, moved bigint NOT NULL DEFAULT 1)"
MARK = "_elconsole_deleted_at"
THERE = f"(SELECT * FROM raw.t WHERE {MARK} IS NULL) AS there"
WAYS = pytest.mark.parametrize(
    "way",
    [
        {"mode": "full"},
        {"mode": "incremental"},
        {"mode": "incremental", "strategy": "cursor", "cursor": "moved"},
    ],
    ids=["full", "xmin", "cursor"],
)


def there(pair: Pair, columns: str = "id, v") -> list[Any]:
    return pair.warehouse.sql(f"SELECT {columns} FROM {THERE} ORDER BY 1")


def marked(pair: Pair, columns: str = "id, v") -> list[Any]:
    return pair.raw(columns, f"t WHERE {MARK} IS NOT NULL")


def five(pair: Pair, **settings: Any) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old', i FROM generate_series(1, 5) i")
    pair.configure({"t": {"deletes": "mark", **settings}})
    assert pair.sync().rows_marked == 0


def watermark(pair: Pair) -> datetime:
    found: datetime = pair.warehouse.scalar("SELECT extracted_at FROM elconsole.watermarks")
    return found


@WAYS
def test_a_row_that_is_gone_stays_with_the_snapshots_time(pair: Pair, way: dict[str, str]) -> None:
    five(pair, **way)
    pair.source.sql("DELETE FROM t WHERE id IN (2, 3)")
    gone = pair.sync()
    assert (gone.rows_marked, gone.rows_deleted) == (2, 0)
    assert marked(pair) == [(2, "old"), (3, "old")]
    assert there(pair) == pair.rows("id, v")
    assert marked(pair, f"DISTINCT {MARK}, _airbyte_extracted_at") == [(watermark(pair),) * 2]
    first = watermark(pair)
    pair.source.sql("DELETE FROM t WHERE id = 1")
    assert pair.sync().rows_marked == 1
    assert marked(pair, f"id, {MARK}") == [(1, watermark(pair)), (2, first), (3, first)]
    assert pair.sync().rows_marked == 0
    assert pair.sync(full=True).rows_marked == 0
    assert marked(pair, f"id, {MARK} > '{first}'") == [(1, True), (2, False), (3, False)]
    assert there(pair) == pair.rows("id, v")
    assert pair.warehouse.scalar("SELECT row_count FROM elconsole.targets") == 5


@WAYS
@pytest.mark.parametrize("value", ["old", "new"])
def test_a_row_that_comes_back_is_unmarked(pair: Pair, way: dict[str, str], value: str) -> None:
    five(pair, **way)
    pair.source.sql("DELETE FROM t WHERE id = 5")
    assert pair.sync().rows_marked == 1
    moved = 5 if value == "old" else 6
    pair.source.sql(f"INSERT INTO t VALUES (5, '{value}', {moved})")
    back = pair.sync()
    assert (back.rows_marked, marked(pair)) == (0, [])
    assert there(pair) == pair.rows("id, v")
    assert pair.warehouse.scalar("SELECT row_count FROM elconsole.targets") == 5
    if way["mode"] == "incremental":
        assert back.rows_written == 1


def test_by_cursor_a_row_back_under_its_old_cursor_is_unmarked(pair: Pair) -> None:
    five(pair, mode="incremental", strategy="cursor", cursor="moved")
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    pair.source.sql("INSERT INTO t VALUES (2, 'old', 2)")
    assert pair.sync().rows_written == 1
    assert marked(pair) == []
    assert pair.sync().rows_written == 0


def test_a_swept_key_that_comes_and_goes_between_syncs(pair: Pair) -> None:
    five(pair, mode="incremental")
    pair.source.sql("DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 'again', 9)")
    assert pair.sync().rows_marked == 0
    pair.source.sql("INSERT INTO t VALUES (6); DELETE FROM t WHERE id = 6; DELETE FROM t")
    assert pair.sync().rows_marked == 5
    assert there(pair) == []


def test_without_a_key_the_plan_names_table_and_setting(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int)")
    pair.configure({"t": {"deletes": "mark"}})
    error = pair.plan().error
    assert error is not None
    assert "plant.t has no primary key" in error.message
    assert "primary_key" in (error.hint or "")
    pair.configure({"t": {"deletes": "mark", "primary_key": ["id"]}})
    assert pair.plan().error is None


def test_a_source_column_of_the_marks_name_is_refused(pair: Pair) -> None:
    pair.source.sql(f"CREATE TABLE t (id int PRIMARY KEY, {MARK} timestamptz)")
    pair.configure()
    error = pair.plan().error
    assert error is not None
    assert MARK in error.message
    assert "exclude_columns" in (error.hint or "")


@WAYS
def test_marks_can_begin_later(pair: Pair, way: dict[str, str]) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old', i FROM generate_series(1, 5) i")
    pair.configure({"t": way})
    pair.sync()
    pair.source.sql("DELETE FROM t WHERE id = 2; UPDATE t SET v = 'new', moved = 9 WHERE id = 3")
    pair.configure({"t": {**way, "deletes": "mark"}})
    assert any("marked from now on" in note for note in pair.plan().notes)
    assert pair.sync().rows_marked == 1
    assert marked(pair) == [(2, "old")]
    assert there(pair) == pair.rows("id, v")
    assert not pair.plan().notes


def test_marks_that_end_go_with_the_next_full_refresh(pair: Pair) -> None:
    five(pair, mode="incremental")
    pair.source.sql("DELETE FROM t WHERE id IN (2, 3)")
    pair.sync()
    pair.configure({"t": {"mode": "incremental"}})
    assert any("marked no more" in note for note in pair.plan().notes)
    pair.source.sql("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (2, 'old', 9)")
    assert pair.sync().rows_marked == 0
    assert [row[0] for row in marked(pair)] == [3]
    pair.sync(full=True)
    assert pair.raw("id, v") == pair.rows("id, v")
    columns = pair.warehouse.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND NOT attisdropped"
    )
    assert (MARK,) not in columns


def test_a_sweep_after_marks_removes_the_marked_rows(pair: Pair) -> None:
    five(pair, mode="incremental")
    pair.source.sql("DELETE FROM t WHERE id IN (2, 3)")
    pair.sync()
    pair.configure({"t": {"mode": "incremental", "deletes": "sweep"}})
    assert pair.sync().rows_deleted == 2
    assert pair.raw("id, v") == pair.rows("id, v")


@WAYS
def test_reconcile_compares_what_is_there(pair: Pair, way: dict[str, str]) -> None:
    five(pair, **way)
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    assert pair.engine is not None
    assert pair.events
    (table,) = pair.engine.reconcile((), stop=_never()).tables
    assert (table.equal, table.source_rows, table.target_rows) == (True, 4, 4)


def _never() -> Any:
    import threading

    return threading.Event()


def test_rows_that_leave_the_selection_are_marked(pair: Pair) -> None:
    five(pair, mode="incremental", where="v <> 'away'")
    pair.source.sql("UPDATE t SET v = 'away' WHERE id = 2")
    assert pair.sync().rows_marked == 1
    assert marked(pair) == [(2, "old")]
    pair.source.sql("UPDATE t SET v = 'back' WHERE id = 2")
    pair.sync()
    assert there(pair) == pair.rows("id, v")


def test_marked_rows_follow_the_sources_columns(pair: Pair) -> None:
    five(pair)
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    pair.source.sql(
        "ALTER TABLE t ALTER id TYPE bigint, ALTER v TYPE varchar(9), DROP moved, ADD w int"
    )
    pair.sync()
    assert pair.raw("id, v, w", f"t WHERE {MARK} IS NOT NULL") == [(2, "old", None)]
    assert there(pair) == pair.rows("id, v")


def test_a_marked_value_that_fits_no_more_fails_with_a_way_out(pair: Pair) -> None:
    five(pair)
    pair.source.sql("DELETE FROM t WHERE id = 2; UPDATE t SET v = '7'")
    pair.sync()
    pair.source.sql("ALTER TABLE t ALTER v TYPE int USING v::int")
    (table,) = pair.run().tables
    assert table.error is not None
    assert table.error.kind == "schema"
    assert "raw.t" in (table.error.hint or "")
    pair.warehouse.sql(f"UPDATE raw.t SET v = '8' WHERE {MARK} IS NOT NULL")
    pair.sync()
    assert marked(pair) == [(2, 8)]


def test_another_key_is_refused_while_rows_are_marked(pair: Pair) -> None:
    five(pair)
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    pair.source.sql("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, moved)")
    error = pair.plan().error
    assert error is not None
    assert 'deletes = "ignore"' in (error.hint or "")
    pair.configure({"t": {"deletes": "ignore"}})
    pair.sync()
    pair.configure({"t": {"deletes": "mark"}})
    assert pair.sync().rows_marked == 0


def test_a_column_that_is_hashed_later_leaves_the_marked_rows(pair: Pair) -> None:
    five(pair)
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    pair.configure({"t": {"deletes": "mark", "hash_columns": ["v"]}}, hash_salt="salt")
    assert any("lose v" in note for note in pair.plan().notes)
    pair.sync()
    assert marked(pair) == [(2, None)]


def test_checks_are_of_the_rows_that_are_there(pair: Pair) -> None:
    checks = {"zero_rows": True}
    for mode in ("full", "incremental"):
        five(pair, mode=mode, checks=checks)
        pair.source.sql("DELETE FROM t")
        (table,) = pair.run().tables
        assert table.error is not None
        assert "no rows came" in table.error.message
        assert len(there(pair)) == 5
        pair.clear()


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_units_that_are_gone_are_not_counted(pair: Pair, mode: str) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, quality_status text, line text);"
        "INSERT INTO t SELECT i, CASE WHEN i % 5 = 0 THEN 'bad' ELSE 'ok' END, 'a'"
        " FROM generate_series(1, 100) i"
    )
    pair.configure({"t": {"mode": mode, "deletes": "mark", "quality": {"by": ["line"]}}})
    pair.sync()
    assert units(pair) == (80, 20)
    pair.source.sql("DELETE FROM t WHERE id IN (1, 2, 5)")
    pair.sync()
    assert units(pair) == (78, 19)
    pair.source.sql("INSERT INTO t VALUES (1, 'bad', 'a'); UPDATE t SET line = 'b' WHERE id = 3")
    pair.sync()
    assert units(pair) == (78, 20)
    assert pair.engine is not None
    page = pair.engine.failed_units("plant", "t", "line", "a")
    assert len(page.rows) == 20


def units(pair: Pair) -> tuple[int, int]:
    """Passed and failed, as they are told, counted and stored."""
    assert pair.engine is not None
    from elconsole.core.results import QualityRequest

    (table,) = pair.engine.quality(QualityRequest()).tables
    assert table.total is not None
    stored = pair.warehouse.sql("SELECT units_passed, units_failed FROM elconsole.targets")[0]
    assert stored == (table.total.passed, table.total.failed)
    daily = pair.warehouse.sql(
        "SELECT sum(passed)::int, (sum(inspected) - sum(passed))::int FROM elconsole.quality_daily"
    )[0]
    assert stored == daily
    counted = pair.warehouse.sql(
        "SELECT count(*) FILTER (WHERE quality_status = 'ok'),"
        f" count(*) FILTER (WHERE quality_status <> 'ok') FROM {THERE}"
    )[0]
    assert stored == counted
    return int(stored[0]), int(stored[1])


def test_runs_and_ledger_keep_the_count(pair: Pair) -> None:
    five(pair)
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    assert pair.engine is not None
    assert pair.engine.run("last").tables[0].rows_marked == 1
    assert pair.warehouse.sql(
        "SELECT records_marked FROM elconsole.table_runs ORDER BY started_at DESC LIMIT 1"
    ) == [(1,)]


def test_a_table_that_is_adopted_begins_with_no_marks(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1)")
    pair.configure({"t": {"deletes": "mark"}})
    pair.warehouse.sql(
        f'CREATE SCHEMA raw AUTHORIZATION "{pair.warehouse_role}"; CREATE TABLE raw.t (id int);'
        f'ALTER TABLE raw.t OWNER TO "{pair.warehouse_role}"; INSERT INTO raw.t VALUES (7)'
    )
    assert pair.engine is not None
    detail = pair.engine.sync(SyncRequest(adopt=True), emit=lambda event: None, stop=_never())
    assert detail.tables[0].error is None
    assert pair.raw(f"id, {MARK}") == [(1, None)]

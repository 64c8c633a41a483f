"""`--backfill`: rows of a condition are read again and merged; the watermark stays."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from elconsole.core.errors import UsageError
from elconsole.core.results import PlannedTable, RunDetail, SyncRequest, TableRun
from tests.pairs import Pair, Row

pytestmark = pytest.mark.integration
LEDGER = (
    "SELECT snapshot, extracted_at, cursor_value, source_columns, last_synced_at"
    " FROM elconsole.watermarks JOIN elconsole.targets USING (target_id)"
)


@pytest.fixture
def units(pair: Pair) -> Pair:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, line text, n int);"
        "INSERT INTO t SELECT i, 'L' || i % 3, 0 FROM generate_series(1, 9) i"
    )
    pair.incremental()
    pair.sync()
    return pair


def request(condition: str, selection: str = "plant.t") -> SyncRequest:
    return SyncRequest((selection,), backfill=condition)


def run(pair: Pair, condition: str) -> RunDetail:
    assert pair.engine is not None
    wanted = request(condition)
    return pair.engine.sync(wanted, emit=pair.events.append, stop=threading.Event())


def backfilled(pair: Pair, condition: str) -> TableRun:
    """Backfill, and see it succeed."""
    (table,) = run(pair, condition).tables
    assert table.error is None, table.error
    return table


def planned(pair: Pair, condition: str) -> PlannedTable:
    assert pair.engine is not None
    (table,) = pair.engine.plan(request(condition)).tables
    return table


def spoil(pair: Pair, change: str) -> None:
    """Change raw rows behind the sync's back."""
    pair.warehouse.sql(change)


def ledger(pair: Pair) -> list[Row]:
    return pair.warehouse.sql(LEDGER)


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_rows_of_the_condition_are_read_again_and_the_watermark_stays(
    units: Pair, mode: str
) -> None:
    units.configure({"t": {"mode": mode}})
    spoil(units, "UPDATE raw.t SET n = 7")
    units.source.sql("UPDATE t SET n = 1 WHERE id = 2; INSERT INTO t VALUES (10, 'L1', 0)")
    before = ledger(units)
    table = backfilled(units, "line = 'L1'")
    assert (table.rows_read, table.rows_written) == (4, 4)
    assert units.raw("id, n") == [
        (1, 0), (2, 7), (3, 7), (4, 0), (5, 7), (6, 7), (7, 0), (8, 7), (9, 7), (10, 0),
    ]  # fmt: skip
    assert ledger(units) == before
    assert units.warehouse.scalar("SELECT row_count FROM elconsole.targets") == 10
    assert "backfill: rows for which line = 'L1'; the watermark stays" in table.notes
    assert units.engine is not None
    assert units.engine.run("last").run.backfill == "line = 'L1'"
    units.incremental()
    # What came after the watermark is still new to the next sync.
    assert units.sync().rows_read == 2
    assert units.raw("n", order="id")[1] == (1,)


def test_a_condition_of_two_parts_is_one_and_goes_with_where(units: Pair) -> None:
    units.incremental(where="id <> 1 OR id = 99")
    units.sync()
    spoil(units, "UPDATE raw.t SET n = 7")
    assert backfilled(units, "id = 1 OR id = 2").rows_read == 1
    assert units.raw("id", order="1 LIMIT 1") == [(2,)]


@pytest.mark.parametrize(("deletes", "gone"), [("ignore", 0), ("sweep", 2)])
def test_rows_that_are_gone_go_as_deletes_says(units: Pair, deletes: str, gone: int) -> None:
    units.incremental(deletes=deletes)
    # As many new rows as lost ones: counts alone would prove nothing.
    units.source.sql(
        "DELETE FROM t WHERE id IN (1, 2); INSERT INTO t VALUES (10, 'L9', 0), (11, 'L9', 0)"
    )
    table = backfilled(units, "line = 'L1'")
    assert (table.rows_read, table.rows_deleted) == (2, gone)
    assert len(units.raw("id")) == 9 - gone


def test_a_column_that_is_new_arrives_with_the_rows_that_are_read(units: Pair) -> None:
    units.source.sql("ALTER TABLE t ADD COLUMN more int; UPDATE t SET more = 5 WHERE id < 4")
    assert backfilled(units, "id = 3").rows_read == 1
    assert units.raw("id, more", order="id LIMIT 3") == [(1, None), (2, None), (3, 5)]
    units.sync()
    assert units.raw("id, more", order="id LIMIT 3") == [(1, 5), (2, 5), (3, 5)]


@pytest.mark.parametrize("condition", ["lime = 'L1'", "id = 'x'", "id =", "n"])
def test_a_condition_that_the_source_cannot_read_is_an_error_of_the_plan(
    units: Pair, condition: str
) -> None:
    table = planned(units, condition)
    assert table.error is not None
    assert "plant.t: the source can't read the condition of --backfill: " in table.error.message
    assert [one.status for one in run(units, condition).tables] == ["failed"]


def test_a_plan_shows_the_condition(units: Pair) -> None:
    table = planned(units, "id = 3")
    assert (table.backfill, table.rows_estimated, table.error) == ("id = 3", None, None)


def test_what_cannot_be_merged_into_is_refused(units: Pair) -> None:
    units.source.sql("CREATE TABLE keyless (id int)")
    assert units.engine is not None
    units.run(selection="plant.keyless")
    (keyless,) = units.engine.plan(request("id = 3", "plant.keyless")).tables
    assert keyless.error is not None
    assert "without a primary key" in keyless.error.message
    for spoiled, reason in (
        ({"hash_columns": ["line"]}, "the selection in settings changed"),
        ({"primary_key": ["n"]}, "the selection in settings changed"),
    ):
        units.configure({"t": {"mode": "incremental", **spoiled}}, hash_salt="salt")
        error = planned(units, "id = 3").error
        assert error is not None
        assert error.message == f"plant.t can't be backfilled: {reason}"
        assert error.hint == "sync it first: `elconsole --headless sync plant.t`"
    units.warehouse.sql("DROP TABLE raw.t")
    units.incremental()
    error = planned(units, "id = 3").error
    assert error is not None
    assert error.message == "plant.t can't be backfilled: it was never synced"


def test_a_source_that_was_restored_is_synced_first(units: Pair) -> None:
    units.warehouse.sql("UPDATE elconsole.watermarks SET snapshot_xmin = snapshot_xmin + 100000")
    (table,) = run(units, "id = 3").tables
    assert counted(units, "id = 3").error == table.error
    assert table.error is not None
    assert "can't be backfilled: the source's transaction counter went back" in table.error.message


def test_a_dry_run_counts_the_rows_of_the_condition(units: Pair) -> None:
    assert counted(units, "id < 3").rows_estimated == 2


def counted(pair: Pair, condition: str) -> PlannedTable:
    assert pair.engine is not None
    (table,) = pair.engine.plan(replace(request(condition), counted=True)).tables
    return table


@pytest.mark.parametrize("selection", [(), ("plant",), ("plant.*",), ("plant.t", "plant.u")])
def test_one_table_is_named(units: Pair, selection: tuple[str, ...]) -> None:
    assert units.engine is not None
    with pytest.raises(UsageError, match="reads rows of one table again"):
        units.engine.plan(SyncRequest(selection, backfill="true"))


def test_a_name_of_two_tables_is_not_enough(units: Pair) -> None:
    units.source.sql("CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY)")
    units.source.sql(
        f'GRANT USAGE ON SCHEMA other TO "{units.source_role}";'
        f'GRANT SELECT ON other.t TO "{units.source_role}"'
    )
    assert units.engine is not None
    try:
        with pytest.raises(UsageError, match=r"not of other\.t, public\.t"):
            units.engine.plan(request("true"))
    finally:
        units.source.sql("DROP SCHEMA other CASCADE")


def test_a_backfill_between_a_plan_and_its_lock_is_seen(units: Pair) -> None:
    before = units.warehouse.scalar("SELECT run_id FROM elconsole.watermarks")
    backfilled(units, "id = 3")
    assert units.warehouse.scalar("SELECT run_id FROM elconsole.watermarks") != before

"""Schema changes between incremental syncs, and what each calls for."""

from __future__ import annotations

import pytest

from elconsole.core.events import SchemaChanged
from tests.pairs import Pair

pytestmark = pytest.mark.integration


@pytest.fixture
def synced(pair: Pair) -> Pair:
    """Table `t` with two rows, loaded once."""
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(5), b int);"
        "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2)"
    )
    pair.configure({"t": {"mode": "incremental", "deletes": "sweep"}}, plant={"tables": ["t"]})
    pair.sync()
    return pair


def raw_type(pair: Pair, column: str) -> str:
    found = pair.warehouse.scalar(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'raw.t'::regclass AND attname = %s",
        column,
    )
    return str(found)


def assert_equal(pair: Pair, columns: str) -> None:
    assert pair.raw(columns) == pair.rows(columns)


def test_a_column_added_without_a_default_is_added_in_place(synced: Pair) -> None:
    before = synced.stored()
    synced.source.sql("ALTER TABLE t ADD COLUMN c text; UPDATE t SET c = 'see' WHERE id = 1")
    assert [(c.column, c.change) for c in synced.plan().schema_changes] == [("c", "added")]
    changed = synced.sync()
    assert (changed.strategy, changed.rows_written) == ("xmin", 1)
    assert [c.column for e in synced.events if isinstance(e, SchemaChanged) for c in e.changes] == [
        "c"
    ]
    assert synced.stored()[2] == before[2]
    assert_equal(synced, "id, a, b, c")


def test_a_column_added_with_a_default_means_one_full_refresh(synced: Pair) -> None:
    synced.source.sql("ALTER TABLE t ADD COLUMN c int DEFAULT 7")
    assert any("default" in note for note in synced.plan().notes)
    assert synced.sync().strategy == "full"
    assert_equal(synced, "id, a, b, c")
    assert synced.sync().strategy == "xmin"


def test_a_default_that_a_rewrite_made_permanent_still_arrives(synced: Pair) -> None:
    synced.source.sql("ALTER TABLE t ADD COLUMN c int DEFAULT 7")
    synced.source.sql("VACUUM FULL t")
    synced.sync()
    assert_equal(synced, "id, a, b, c")


def test_a_column_added_with_a_default_to_a_partitioned_table_arrives(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY HASH (id);"
        "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "INSERT INTO t SELECT generate_series(1, 9)"
    )
    pair.configure({"t": {"mode": "incremental"}}, plant={"tables": ["t"]})
    pair.sync()
    pair.source.sql("ALTER TABLE t ADD COLUMN c int DEFAULT 7")
    assert pair.sync().strategy == "full"
    assert_equal(pair, "id, c")


def test_a_dropped_column_is_kept_and_null_from_then_on(synced: Pair) -> None:
    synced.source.sql("ALTER TABLE t DROP COLUMN b; UPDATE t SET a = 'new' WHERE id = 1")
    changed = synced.sync()
    assert [(c.column, c.change) for c in changed.schema_changes] == [("b", "dropped")]
    assert synced.raw("id, a, b") == [(1, "new", None), (2, "two", 2)]
    assert synced.sync().schema_changes == ()


@pytest.mark.parametrize("sync_between", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("default", ["", "DEFAULT 9"], ids=["null", "default"])
def test_a_column_dropped_and_added_again_brings_no_old_values_back(
    synced: Pair, sync_between: bool, default: str
) -> None:
    synced.source.sql("ALTER TABLE t DROP COLUMN b")
    if sync_between:
        synced.sync()
    synced.source.sql(f"ALTER TABLE t ADD COLUMN b int {default}")
    assert synced.sync().strategy == "full"
    assert_equal(synced, "id, a, b")
    assert synced.sync().strategy == "xmin"


def test_a_renamed_column_arrives_with_its_values(synced: Pair) -> None:
    synced.source.sql("ALTER TABLE t RENAME COLUMN b TO c")
    plan = synced.plan()
    reason = "full refresh: column b was renamed c, and every row that has it would be read again"
    assert (plan.strategy, plan.notes) == ("full", (reason,))
    assert ("c", "renamed from b: with all its values") in [
        (change.column, change.action) for change in plan.schema_changes
    ]
    assert synced.sync().notes == (reason,)
    assert_equal(synced, "id, a, c")
    assert synced.warehouse.sql(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND attname = 'b'"
    ) == [(0,)]
    synced.source.sql("ALTER TABLE t ADD COLUMN d int; UPDATE t SET d = 4")
    synced.sync()
    synced.source.sql(
        "ALTER TABLE t RENAME COLUMN c TO x; ALTER TABLE t RENAME COLUMN d TO c;"
        "ALTER TABLE t RENAME COLUMN x TO d"
    )
    synced.sync()
    assert_equal(synced, "id, a, c, d")


@pytest.mark.parametrize(("filled", "strategy"), [(6000, "full"), (500, "xmin"), (0, "xmin")])
def test_a_new_column_with_many_values_of_old_rows_means_a_refresh(
    pair: Pair, filled: int, strategy: str
) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 6000)"
    )
    pair.incremental()
    pair.sync()
    pair.source.sql(f"ALTER TABLE t ADD COLUMN v int;UPDATE t SET v = id WHERE id <= {filled}")
    table = pair.sync()
    assert table.strategy == strategy
    assert (table.notes != ()) is (strategy == "full")
    assert_equal(pair, "id, v")


def test_a_column_that_a_user_has_the_warehouse_compute_is_left_to_it(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    pair.incremental()
    pair.sync()
    pair.warehouse.sql("ALTER TABLE raw.t ADD twice int GENERATED ALWAYS AS (v * 2) STORED")
    pair.source.sql("UPDATE t SET v = 21; INSERT INTO t VALUES (2, 4)")
    assert pair.sync().rows_written == 2
    assert pair.raw("id, v, twice") == [(1, 21, 42), (2, 4, 8)]


def test_a_users_column_that_is_never_null_keeps_its_values(synced: Pair) -> None:
    synced.warehouse.sql("ALTER TABLE raw.t ADD checked boolean NOT NULL DEFAULT false")
    synced.warehouse.sql("UPDATE raw.t SET checked = true WHERE id = 1")
    synced.source.sql("UPDATE t SET b = 21; INSERT INTO t VALUES (3, 'three', 3)")
    assert synced.sync().rows_written == 3
    assert synced.raw("id, b, checked") == [(1, 21, True), (2, 21, False), (3, 3, False)]


def test_a_users_column_that_no_new_row_can_fill_is_named(synced: Pair) -> None:
    synced.warehouse.sql("ALTER TABLE raw.t ADD checked boolean NOT NULL DEFAULT false")
    synced.warehouse.sql("ALTER TABLE raw.t ALTER checked DROP DEFAULT")
    synced.source.sql("INSERT INTO t VALUES (3, 'three', 3)")
    (failed,) = synced.run().tables
    assert failed.error is not None
    assert "checked" in (failed.error.hint or "")
    assert "NOT NULL" in (failed.error.hint or "")
    synced.warehouse.sql("ALTER TABLE raw.t ALTER checked DROP NOT NULL")
    assert synced.sync().rows_written == 1
    assert_equal(synced, "id, a, b")


@pytest.mark.parametrize("wider", ["varchar(50)", "varchar", "text"])
def test_a_widened_text_is_altered_in_place(synced: Pair, wider: str) -> None:
    before = synced.stored()
    synced.source.sql(
        f"ALTER TABLE t ALTER COLUMN a TYPE {wider};INSERT INTO t VALUES (3, 'longer than five', 3)"
    )
    changed = synced.sync()
    assert (changed.strategy, changed.rows_written) == ("xmin", 1)
    assert [c.change for c in changed.schema_changes] == ["widened"]
    assert raw_type(synced, "a") in (wider, wider.replace("varchar", "character varying"))
    after = synced.stored()
    assert (after[1], after[2]) == (before[1], before[2])
    assert_equal(synced, "id, a, b")


def test_int_to_bigint_is_refreshed_by_itself(synced: Pair) -> None:
    synced.source.sql("ALTER TABLE t ALTER COLUMN b TYPE bigint; UPDATE t SET b = 1::bigint << 40")
    assert synced.sync().strategy == "full"
    assert raw_type(synced, "b") == "bigint"
    assert_equal(synced, "id, a, b")
    assert synced.sync().strategy == "xmin"


def test_a_conflicting_type_fails_that_table_alone(synced: Pair) -> None:
    synced.source.sql(
        "ALTER TABLE t ALTER COLUMN b TYPE text USING b::text;"
        "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)"
    )
    synced.configure({"t": {"mode": "incremental"}})
    failed, loaded = synced.run().tables
    assert (failed.status, loaded.status) == ("failed", "succeeded")
    assert failed.error is not None
    assert failed.error.kind == "schema"
    assert "text" in failed.error.message
    assert "integer" in failed.error.message
    assert "--full" in (failed.error.hint or "")
    assert synced.raw("id, b") == [(1, 1), (2, 2)]
    assert synced.run(full=True).run.status == "succeeded"
    assert_equal(synced, "id, a, b")


def test_a_view_that_forbids_a_widening_is_named(synced: Pair) -> None:
    synced.warehouse.sql("CREATE VIEW raw.watching AS SELECT a FROM raw.t")
    synced.source.sql("ALTER TABLE t ALTER COLUMN a TYPE text; INSERT INTO t VALUES (3, 'x', 3)")
    (failed,) = synced.run().tables
    assert failed.error is not None
    assert "watching" in failed.error.message
    assert len(synced.raw("id")) == 2


def test_a_source_rewritten_by_vacuum_full_or_a_dump_loses_nothing(synced: Pair) -> None:
    synced.source.sql("UPDATE t SET b = 10 WHERE id = 1")
    synced.source.sql("VACUUM FULL t")
    synced.source.sql("VACUUM FREEZE t")
    synced.sync()
    assert_equal(synced, "id, a, b")
    synced.source.sql("TRUNCATE t; INSERT INTO t VALUES (2, 'again', 0)")
    assert synced.sync().rows_deleted == 1
    assert_equal(synced, "id, a, b")

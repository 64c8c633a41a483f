"""Incremental syncs by row version: what changed arrives, what did not stays as it is."""

from __future__ import annotations

import logging

import pytest

from tests.pairs import Pair

pytestmark = pytest.mark.integration

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, moved_at timestamptz DEFAULT now())"
CHANGE = "UPDATE t SET v = 'new', moved_at = clock_timestamp() WHERE id = 2"
BOTH = pytest.mark.parametrize(
    "strategy", [{}, {"strategy": "cursor", "cursor": "moved_at"}], ids=["xmin", "cursor"]
)


@BOTH
def test_only_changed_rows_are_written(pair: Pair, strategy: dict[str, str]) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
    pair.incremental(**strategy)
    first = pair.sync()
    assert (first.mode, first.strategy, first.rows_written) == ("incremental", "full", 5)
    before = pair.stored()
    pair.source.sql(CHANGE + "; INSERT INTO t VALUES (6, 'six', clock_timestamp())")
    second = pair.sync()
    assert second.strategy == strategy.get("strategy", "xmin")
    assert second.rows_written == 2
    assert pair.raw("id, v, moved_at") == pair.rows()
    after = pair.stored()
    assert {key for key in before if before[key] == after[key]} == {1, 3, 4, 5}


@BOTH
def test_an_idle_sync_writes_no_row(pair: Pair, strategy: dict[str, str]) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
    pair.incremental(**strategy)
    pair.sync()
    before = pair.stored()
    idle = pair.sync()
    assert (idle.rows_written, idle.rows_deleted) == (0, 0)
    assert pair.stored() == before


@BOTH
def test_a_transaction_open_during_a_sync_is_picked_up_by_the_next(
    pair: Pair, strategy: dict[str, str]
) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
    pair.incremental(**strategy)
    pair.sync()
    with pair.source.connect() as late, pair.source.connect() as later:
        late.execute("BEGIN")
        late.execute(CHANGE)
        late.execute("SAVEPOINT s")
        late.execute("INSERT INTO t VALUES (7, 'in a savepoint')")
        late.execute("RELEASE s")
        late.execute("SAVEPOINT s")
        late.execute("INSERT INTO t VALUES (8, 'rolled back')")
        late.execute("ROLLBACK TO s")
        later.execute("BEGIN")
        later.execute("INSERT INTO t VALUES (9, 'never')")
        pair.source.sql("INSERT INTO t VALUES (10, 'committed at once')")
        pair.sync()
        assert [row[0] for row in pair.raw("id")] == [1, 2, 3, 4, 5, 10]
        late.execute("COMMIT")
        later.execute("ROLLBACK")
    pair.sync()
    assert pair.raw("id, v, moved_at") == pair.rows()


def test_sync_after_sync_waits_for_the_same_open_transaction(pair: Pair) -> None:
    pair.source.sql(TABLE)
    pair.incremental()
    pair.sync()
    with pair.source.connect() as late:
        late.execute("BEGIN")
        late.execute("INSERT INTO t VALUES (1, 'late')")
        for number in range(2, 5):
            pair.source.sql(f"INSERT INTO t VALUES ({number}, 'early')")
            pair.sync()
        late.execute("COMMIT")
    pair.sync()
    assert pair.raw("id, v, moved_at") == pair.rows()


@BOTH
def test_deletes_are_swept_only_when_asked(pair: Pair, strategy: dict[str, str]) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
    pair.incremental(**strategy)
    pair.sync()
    pair.source.sql("DELETE FROM t WHERE id IN (1, 2)")
    pair.sync()
    assert len(pair.raw("id")) == 5
    pair.incremental(deletes="sweep", **strategy)
    swept = pair.sync()
    assert (swept.strategy, swept.rows_deleted) == (strategy.get("strategy", "xmin"), 2)
    assert pair.raw("id") == [(3,), (4,), (5,)]
    pair.source.sql("DELETE FROM t")
    assert pair.sync().rows_deleted == 3
    assert pair.raw("id") == []


def test_a_sweep_reads_no_key_where_counting_proves_that_none_is_gone(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 500) i")
    pair.incremental(deletes="sweep")
    pair.sync()
    assert pair.sync().bytes == 0
    pair.source.sql("UPDATE t SET v = 'new' WHERE id = 1; INSERT INTO t VALUES (501, 'new')")
    one = pair.sync()
    assert (one.rows_written, one.rows_deleted) == (2, 0)
    assert one.bytes < 500
    # As many rows as before, and not the same ones.
    pair.source.sql("DELETE FROM t WHERE id = 7; INSERT INTO t VALUES (502, 'new')")
    other = pair.sync()
    assert (other.rows_written, other.rows_deleted) == (1, 1)
    assert pair.raw("id, v, moved_at") == pair.rows()


def test_a_sweep_is_not_deceived_by_a_condition_that_changes_with_time(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE shown (id int);"
        "INSERT INTO t SELECT generate_series(1, 5); INSERT INTO shown VALUES (1), (2)"
    )
    block = {
        "mode": "incremental",
        "deletes": "sweep",
        "where": "id IN (SELECT id FROM public.shown)",
    }
    pair.configure({"t": block}, plant={"tables": ["t"]})
    pair.sync()
    assert pair.raw("id") == [(1,), (2,)]
    pair.source.sql("UPDATE shown SET id = 3 WHERE id = 2")
    assert pair.sync().rows_deleted == 1
    assert pair.raw("id") == [(1,)]


def test_a_key_changed_by_an_update_moves_with_a_sweep(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 3) i")
    pair.incremental(deletes="sweep")
    pair.sync()
    pair.source.sql("UPDATE t SET id = id + 3; UPDATE t SET id = 3, v = 'moved' WHERE id = 6")
    changed = pair.sync()
    assert (changed.rows_written, changed.rows_deleted) == (3, 2)
    assert pair.raw("id, v, moved_at") == pair.rows()


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("a uuid, b text", "('00000000-0000-0000-0000-000000000001', 'x')"),
        ("a numeric, b date", "(1.0, '2024-02-29')"),
        ('"Weird Key" text, "select" int', "('ä\"ö', 1)"),
        ('"%s" bytea, "Ünï" timestamptz', "('\\x00ff', '0044-03-15 BC')"),
        ("a inet, b int4range", "('10.0.0.1/8', '[1,5)')"),
        ("a float8, b boolean", "('NaN', true)"),
    ],
    ids=["uuid-text", "numeric-date", "quoted", "bytea-bc", "inet-range", "nan-bool"],
)
def test_keys_of_every_kind_match(pair: Pair, key: str, values: str) -> None:
    names = ", ".join(part.rsplit(" ", 1)[0] for part in key.split(", "))
    pair.source.sql(
        f"CREATE TABLE t ({key}, v text, PRIMARY KEY ({names}));"
        f"INSERT INTO t VALUES ({values[1:-1]}, 'old')"
    )
    pair.incremental(deletes="sweep")
    pair.sync()
    pair.source.sql("UPDATE t SET v = 'new'")
    changed = pair.sync()
    assert (changed.strategy, changed.rows_written, changed.rows_deleted) == ("xmin", 1, 0)
    assert pair.raw("v") == [("new",)]
    assert pair.sync().rows_written == 0
    pair.source.sql("DELETE FROM t")
    assert pair.sync().rows_deleted == 1


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("numeric", "1.0", "1.00"),
        ("interval", "1 month", "30 days"),
        ("float8", "0", "-0"),
        ("json", '{"a": 1}', '{"a":1}'),
        ("point", "(1,2)", "(1,3)"),
        ("text", "NULL", ""),
    ],
)
def test_a_value_that_only_looks_the_same_is_written(
    pair: Pair, kind: str, old: str, new: str
) -> None:
    pair.source.sql(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    pair.source.sql("INSERT INTO t VALUES (1, nullif(%s, 'NULL')::text::" + kind + ")", old)
    pair.incremental()
    pair.sync()
    pair.source.sql("UPDATE t SET v = %s::text::" + kind, new)
    assert pair.sync().rows_written == 1
    assert pair.raw("v::text") == pair.rows("v::text")


def test_a_row_written_again_without_a_change_stays_untouched(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'same', NULL)")
    pair.incremental()
    pair.sync()
    before = pair.stored()
    pair.source.sql("UPDATE t SET v = v")
    again = pair.sync()
    assert (again.rows_read, again.rows_written) == (1, 0)
    assert pair.stored() == before


def test_a_foreign_partition_has_no_row_versions_to_go_by(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);"
        "CREATE TABLE near PARTITION OF t FOR VALUES FROM (0) TO (10)"
    )
    pair.incremental()
    assert pair.plan().error is None
    pair.source.sql(
        "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE near ADD PRIMARY KEY (id);"
        "CREATE FOREIGN DATA WRAPPER far_away; CREATE SERVER far FOREIGN DATA WRAPPER far_away;"
        "CREATE FOREIGN TABLE far PARTITION OF t FOR VALUES FROM (10) TO (20) SERVER far"
    )
    refused = pair.plan().error
    assert refused is not None
    assert "foreign table" in refused.message


def test_a_partition_attached_later_is_read_in_full(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);"
        "INSERT INTO t VALUES (1, 'one');"
        "CREATE TABLE t2 (id int PRIMARY KEY, v text);"
        "INSERT INTO t2 VALUES (11, 'old rows of a table attached later')"
    )
    pair.configure({"t": {"mode": "incremental", "deletes": "sweep"}}, plant={"tables": ["t"]})
    pair.sync()
    before = pair.stored()
    pair.source.sql("ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)")
    attached = pair.sync()
    assert (attached.strategy, attached.rows_written) == ("xmin", 1)
    assert pair.raw("id, v") == pair.rows()
    assert pair.stored()[1] == before[1]
    pair.source.sql("ALTER TABLE t DETACH PARTITION t2")
    assert pair.sync().rows_deleted == 1
    pair.source.sql(
        "UPDATE t2 SET v = 'while apart'; ALTER TABLE t ATTACH PARTITION t2"
        " FOR VALUES FROM (10) TO (20)"
    )
    pair.sync()
    assert pair.raw("id, v") == pair.rows()


def test_a_table_swapped_by_rename_is_refreshed_with_the_reason(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'old')")
    pair.source.sql("CREATE TABLE u (LIKE t INCLUDING ALL); INSERT INTO u VALUES (2, 'other')")
    pair.configure({"t": {"mode": "incremental"}}, plant={"tables": ["t"]})
    pair.sync()
    pair.source.sql("ALTER TABLE t RENAME TO x; ALTER TABLE u RENAME TO t")
    assert any("another one than before" in note for note in pair.plan().notes)
    assert pair.sync().strategy == "full"
    assert pair.raw("id, v") == [(2, "other")]
    assert pair.sync().strategy == "xmin"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("system_identifier = '42'", "another cluster"),
        ("timeline = 7", "restored or failed over"),
        ("snapshot_xmin = 1::bigint << 40", "went back"),
        ("snapshot_xmin = snapshot_xmin - (1::bigint << 31)", "2^31"),
    ],
)
def test_a_watermark_that_says_nothing_any_more_means_a_full_refresh(
    pair: Pair, change: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'one')")
    pair.incremental()
    pair.sync()
    pair.warehouse.sql(f"UPDATE elconsole.watermarks SET {change}")
    with caplog.at_level(logging.WARNING, "elconsole.engine"):
        detail = pair.run()
    (table,) = detail.tables
    assert (table.strategy, table.error) == ("full", None)
    assert words in caplog.text
    assert any(words in note for note in table.notes)
    assert pair.engine is not None
    assert pair.engine.run(detail.run.run_id).tables[0].notes == table.notes
    assert pair.sync().strategy == "xmin"


def test_a_watermark_past_the_first_wraparound_still_finds_changes(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'one'), (2, 'two')")
    pair.incremental()
    pair.sync()
    # xid8 watermarks of an old cluster carry an epoch; only the low half stands in the row.
    snapshot_xmin = pair.warehouse.scalar("SELECT snapshot_xmin FROM elconsole.watermarks")
    pair.source.sql("UPDATE t SET v = 'new' WHERE id = 1")
    late = pair.source.sql(
        f"SELECT id FROM t WHERE age(xmin) <= age('{(snapshot_xmin + 2**32) % 2**32}'::xid)"
    )
    assert late == [(1,)]
    assert pair.sync().rows_read == 1


def test_a_view_is_refused_for_xmin_with_the_reason(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; CREATE VIEW v AS SELECT * FROM t")
    pair.configure({"v": {"mode": "incremental"}}, plant={"tables": ["v"]})
    error = pair.plan().error
    assert error is not None
    assert "no xmin" in error.message
    (table,) = pair.run().tables
    assert (table.status, table.error) == ("failed", error)


def test_a_view_with_a_cursor_and_a_key_is_merged(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; CREATE VIEW v AS SELECT * FROM t; INSERT INTO t VALUES (1, 'one')")
    block = {"mode": "incremental", "strategy": "cursor", "cursor": "moved_at"}
    pair.configure({"v": {**block, "primary_key": ["id"]}}, plant={"tables": ["v"]})
    pair.sync()
    pair.source.sql("INSERT INTO t VALUES (2, 'two')")
    changed = pair.sync()
    assert (changed.strategy, changed.rows_written) == ("cursor", 1)
    assert pair.raw("id", "v") == [(1,), (2,)]


def test_a_table_without_a_key_is_refreshed_and_the_plan_says_why(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1)")
    pair.incremental()
    planned = pair.plan()
    assert (planned.mode, planned.strategy) == ("incremental", "full")
    assert any("primary key" in note for note in planned.notes)
    pair.sync()
    assert pair.sync().strategy == "full"
    assert pair.raw("id") == [(1,), (1,)]


def test_a_primary_key_that_changed_means_a_full_refresh(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL); INSERT INTO t VALUES (1, 1)"
    )
    pair.incremental()
    pair.sync()
    pair.source.sql(
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (a, b); INSERT INTO t VALUES (1, 2)"
    )
    assert any("primary key" in note for note in pair.plan().notes)
    assert pair.sync().strategy == "full"
    assert pair.raw("a, b", order="2") == [(1, 1), (1, 2)]
    pair.source.sql("INSERT INTO t VALUES (1, 3)")
    assert pair.sync().strategy == "xmin"


def test_column_grants_with_xmin_suffice(pair: Pair) -> None:
    pair.source.sql(
        f"{TABLE}; INSERT INTO t VALUES (1, 'one'); REVOKE ALL ON t FROM \"{pair.source_role}\";"
        f'GRANT SELECT (id, v, xmin) ON t TO "{pair.source_role}"'
    )
    pair.incremental(columns=["id", "v"])
    pair.sync()
    pair.source.sql("INSERT INTO t VALUES (2, 'two')")
    changed = pair.sync()
    assert (changed.strategy, changed.rows_written) == ("xmin", 1)
    pair.source.sql(f'REVOKE SELECT (xmin) ON t FROM "{pair.source_role}"')
    (table,) = pair.run().tables
    assert table.error is not None
    assert table.error.kind == "permission"


def test_full_and_incremental_take_turns(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'one'), (2, 'two')")
    pair.configure()
    assert pair.sync().mode == "full"
    pair.source.sql(CHANGE)
    pair.incremental(strategy="cursor", cursor="moved_at")
    switched = pair.sync()
    assert (switched.strategy, switched.rows_written) == ("cursor", 1)
    pair.source.sql("INSERT INTO t VALUES (3, 'three', clock_timestamp())")
    pair.incremental()
    assert pair.sync().strategy == "xmin"
    assert pair.raw("id, v, moved_at") == pair.rows()
    pair.sync(full=True)
    pair.source.sql("INSERT INTO t VALUES (4, 'four', clock_timestamp())")
    assert pair.sync().rows_read == 1
    generations = pair.warehouse.sql("SELECT DISTINCT _airbyte_generation_id FROM raw.t")
    assert len(generations) == 1


def test_a_full_refresh_on_demand_leaves_a_cursor_to_go_on_from(pair: Pair) -> None:
    pair.source.sql(f"{TABLE}; INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i")
    pair.incremental(strategy="cursor", cursor="moved_at", lookback="1 second")
    pair.sync(full=True)
    pair.source.sql("INSERT INTO t VALUES (6, 'six', clock_timestamp())")
    after = pair.sync()
    assert (after.strategy, after.rows_read) == ("cursor", 1)


def test_prepared_transactions_are_picked_up_after_their_commit(pair: Pair) -> None:
    if pair.source.scalar("SHOW max_prepared_transactions") == "0":
        pytest.skip("the server allows no prepared transactions")
    pair.source.sql(f"{TABLE}; INSERT INTO t VALUES (1, 'one')")
    pair.incremental()
    pair.sync()
    pair.source.sql("BEGIN; INSERT INTO t VALUES (2, 'two'); PREPARE TRANSACTION 'later'")
    pair.source.sql("INSERT INTO t VALUES (3, 'three')")
    pair.sync()
    assert pair.raw("id") == [(1,), (3,)]
    pair.source.sql("COMMIT PREPARED 'later'")
    pair.sync()
    assert pair.raw("id") == [(1,), (2,), (3,)]

"""The cursor strategy: cursors of every type, late rows, NULLs, ties, and the far future."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.pairs import Pair

pytestmark = pytest.mark.integration

KINDS = [
    ("timestamptz", "2024-01-01", "2024-01-02"),
    ("timestamptz(0)", "2024-01-01", "2024-01-02"),
    ("timestamp", "0044-03-15", "2024-01-02 03:04:05.678901"),
    ("date", "2024-01-01", "2024-01-02"),
    ("smallint", "-32768", "-32767"),
    ("int", "9", "10"),
    ("bigint", "9223372036854775806", "9223372036854775807"),
    ("numeric", "1.0", "1.0000000000000000000001"),
    ("numeric(10,2)", "1.01", "1.02"),
    ("float8", "0.1", "0.30000000000000004"),
    ("uuid", "00000000-0000-0000-0000-000000000001", "ffffffff-0000-0000-0000-000000000001"),
    ("text", "a'b\\", "b"),
    ("varchar(3)", "a", "aa"),
    ("char(5)", "a", "ab"),
]


def cursor_table(pair: Pair, kind: str, *values: str | None, **settings: Any) -> None:
    """Table `t` with these cursors, synced incrementally by them."""
    pair.source.sql(f'CREATE TABLE t (id int PRIMARY KEY, "at" {kind}, v text)')
    for number, value in enumerate(values, 1):
        insert(pair, kind, number, value)
    pair.incremental(strategy="cursor", cursor="at", **settings)


def insert(pair: Pair, kind: str, number: int, value: str | None) -> None:
    pair.source.sql(f"INSERT INTO t VALUES (%s, %s::text::{kind}, 'v')", number, value)


def watermark(pair: Pair) -> str | None:
    value = pair.warehouse.scalar("SELECT cursor_value FROM elconsole.watermarks")
    return None if value is None else str(value)


@pytest.mark.parametrize(("kind", "low", "high"), KINDS, ids=[kind for kind, _, _ in KINDS])
@pytest.mark.parametrize(
    "lookback", [None, pytest.param("1", marks=pytest.mark.slow)], ids=["plain", "lookback"]
)
def test_cursors_of_every_type_move_on(
    pair: Pair, kind: str, low: str, high: str, lookback: str | None
) -> None:
    if lookback and ("time" in kind or kind == "date"):
        lookback = "1 day"
    cursor_table(pair, kind, low, lookback=lookback)
    pair.sync()
    assert watermark(pair) == pair.source.scalar('SELECT "at"::text FROM t')
    insert(pair, kind, 2, high)
    changed = pair.sync()
    assert (changed.strategy, changed.rows_written) == ("cursor", 1)
    assert watermark(pair) == pair.source.scalar('SELECT "at"::text FROM t WHERE id = 2')
    assert pair.raw('id, "at"') == pair.rows('id, "at"')
    assert pair.sync().rows_written == 0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "low", "high"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_a_row_that_commits_late_with_a_lower_cursor_is_found(
    pair: Pair, kind: str, low: str, high: str
) -> None:
    """Without a lookback for numbers and texts; within a century for times."""
    century = "3000 years" if "time" in kind or kind == "date" else None
    cursor_table(pair, kind, high, lookback=century)
    with pair.source.connect() as late:
        late.execute("BEGIN")
        late.execute(f"INSERT INTO t VALUES (2, %s::text::{kind}, 'late')", [low])
        pair.sync()
        assert watermark(pair) == pair.source.scalar('SELECT "at"::text FROM t WHERE id = 1')
        late.execute("COMMIT")
    pair.sync()
    assert [row[0] for row in pair.raw("id")] == [1, 2]


def test_rows_that_tie_with_the_watermark_are_found(pair: Pair) -> None:
    cursor_table(pair, "int", "7")
    pair.sync()
    insert(pair, "int", 2, "7")
    pair.sync()
    assert pair.raw("id") == [(1,), (2,)]


def test_null_cursors_are_read_every_time_and_the_plan_warns(pair: Pair) -> None:
    cursor_table(pair, "timestamptz", None, "2024-01-01")
    assert any("may be NULL" in note for note in pair.plan().notes)
    pair.sync()
    pair.source.sql("UPDATE t SET v = 'new' WHERE id = 1")
    again = pair.sync()
    assert (again.rows_read, again.rows_written) == (1, 1)
    assert pair.sync().rows_read == 1


def test_a_cursor_that_is_never_null_draws_no_warning(pair: Pair) -> None:
    cursor_table(pair, "timestamptz NOT NULL DEFAULT now()")
    assert not any("NULL" in note for note in pair.plan().notes)


@pytest.mark.parametrize(
    ("kind", "far"),
    [
        ("timestamptz", "2999-01-01"),
        ("timestamptz", "infinity"),
        ("timestamp", "infinity"),
        ("date", "2999-01-01"),
        ("float8", "Infinity"),
        ("float8", "NaN"),
        ("numeric", "Infinity"),
        ("numeric(10,2)", "NaN"),
    ],
)
def test_one_row_from_the_future_does_not_end_incremental_loading(
    pair: Pair, kind: str, far: str, caplog: pytest.LogCaptureFixture
) -> None:
    is_time = "time" in kind or kind == "date"
    near, nearer = ("2024-01-01", "2024-01-02") if is_time else ("1", "2")
    cursor_table(pair, kind, near, far)
    with caplog.at_level(logging.WARNING, "elconsole.engine"):
        pair.sync()
    assert "plant.t" in caplog.text
    assert "read at every sync" in caplog.text
    assert watermark(pair) == pair.source.scalar('SELECT "at"::text FROM t WHERE id = 1')
    insert(pair, kind, 3, nearer)
    pair.sync()
    assert [row[0] for row in pair.raw("id")] == [1, 2, 3]
    assert watermark(pair) == pair.source.scalar('SELECT "at"::text FROM t WHERE id = 3')
    assert pair.sync().rows_read == 1


def test_a_sweep_is_not_deceived_by_a_row_that_came_too_late(pair: Pair) -> None:
    """One row gone and one never seen leave as many as before."""
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, moved int NOT NULL);"
        "INSERT INTO t SELECT n, n * 10 FROM generate_series(1, 5) n"
    )
    pair.incremental(strategy="cursor", cursor="moved", lookback="1", deletes="sweep")
    pair.sync()
    pair.source.sql("DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (6, 1)")
    assert pair.sync().rows_deleted == 1
    assert pair.raw("id") == [(1,), (3,), (4,), (5,)]


def test_the_watermark_never_moves_back(pair: Pair) -> None:
    cursor_table(pair, "int", "1", "5", deletes="sweep")
    pair.sync()
    pair.source.sql("DELETE FROM t WHERE id = 2")
    pair.sync()
    assert watermark(pair) == "5"
    pair.source.sql("DELETE FROM t")
    pair.sync()
    assert watermark(pair) == "5"
    insert(pair, "int", 3, "2")
    pair.sync()
    assert (watermark(pair), pair.raw("id")) == ("5", [(3,)])


def test_an_empty_table_is_followed_from_its_first_row(pair: Pair) -> None:
    cursor_table(pair, "int")
    pair.sync()
    assert watermark(pair) is None
    insert(pair, "int", 1, "1")
    assert pair.sync().rows_written == 1
    assert watermark(pair) == "1"


def test_another_cursor_column_goes_on_from_the_last_snapshot(pair: Pair) -> None:
    cursor_table(pair, "int", "1")
    pair.sync()
    pair.source.sql("UPDATE t SET v = 'w'")
    pair.incremental(strategy="cursor", cursor="v")
    changed = pair.sync()
    assert (changed.strategy, changed.rows_written) == ("cursor", 1)
    assert watermark(pair) == "w"


def test_a_cursor_of_a_domain_or_an_enum_works(pair: Pair) -> None:
    pair.source.sql(
        "CREATE DOMAIN moment AS timestamptz CHECK (value < '2100-01-01');"
        "CREATE TYPE phase AS ENUM ('early', 'late');"
        "CREATE TABLE a (id int PRIMARY KEY, c moment); INSERT INTO a VALUES (1, '2024-01-01');"
        "CREATE TABLE b (id int PRIMARY KEY, c phase); INSERT INTO b VALUES (1, 'early')"
    )
    block = {"mode": "incremental", "strategy": "cursor", "cursor": "c"}
    pair.configure({"a": block, "b": block})
    assert pair.run().run.status == "succeeded"
    pair.source.sql("INSERT INTO a VALUES (2, '2024-01-02'); INSERT INTO b VALUES (2, 'late')")
    assert [table.rows_written for table in pair.run().tables] == [1, 1]


def test_a_missing_cursor_column_is_refused_with_the_way_out(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pair.incremental(strategy="cursor", cursor="moved_at")
    error = pair.plan().error
    assert error is not None
    assert "moved_at" in error.message
    assert error.hint


def test_a_hashed_column_can_be_no_cursor(pair: Pair) -> None:
    """The watermark would carry its clear value into the warehouse."""
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, secret text)")
    block = {"mode": "incremental", "strategy": "cursor", "cursor": "secret"}
    pair.configure({"t": {**block, "hash_columns": ["secret"]}}, hash_salt="pepper")
    error = pair.plan().error
    assert error is not None
    assert "hash_columns" in error.message
    pair.source.sql("INSERT INTO t VALUES (1, 'clear')")
    pair.run(full=True)
    assert pair.warehouse.scalar("SELECT cursor_value FROM elconsole.watermarks") is None


def test_a_lookback_that_fits_no_number_is_refused(pair: Pair) -> None:
    cursor_table(pair, "int", "1", lookback="1 day")
    error = pair.plan().error
    assert error is not None
    assert "1 day" in error.message


def test_a_lookback_keeps_the_use_of_the_index(pair: Pair) -> None:
    """A cursor compared with another type would lose its index."""
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL);"
        "INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i;"
        "CREATE INDEX ON t (at); ANALYZE t"
    )
    pair.incremental(strategy="cursor", cursor="at", lookback="5")
    pair.sync()
    pair.source.sql("INSERT INTO t VALUES (20001, 20001)")
    scans = "SELECT coalesce(seq_scan, 0) FROM pg_stat_user_tables WHERE relname = 't'"
    pair.source.sql("SELECT pg_stat_force_next_flush()")
    pair.close()
    pair.incremental(strategy="cursor", cursor="at", lookback="5")
    before = pair.source.scalar(scans)
    assert pair.sync().rows_read == 1
    pair.close()
    assert pair.source.scalar(scans) == before


def test_a_row_read_again_that_is_the_same_is_not_even_locked(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v int);"
        "INSERT INTO t VALUES (1, NULL, 1), (2, NULL, 2);"
        "INSERT INTO t SELECT n, '2024-01-01', n FROM generate_series(3, 100) AS n"
    )
    pair.incremental(strategy="cursor", cursor="at")
    pair.sync()
    pair.source.sql("UPDATE t SET v = 20 WHERE id = 2")
    with pair.warehouse.connect() as reader, reader.transaction():
        reader.execute("SELECT FROM raw.t WHERE id = 1 FOR UPDATE")
        synced = pair.sync()
    assert (synced.rows_read, synced.rows_written) == (2, 1)
    assert pair.raw("id, v") == pair.rows("id, v")

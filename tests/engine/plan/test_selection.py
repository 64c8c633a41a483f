"""What of a table is copied: columns, hashes, rows; and the plan that shows it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from elconsole.core.results import SyncRequest
from tests.pairs import METADATA, Pair

pytestmark = pytest.mark.integration
SALT = "pepper-5f3a"


@pytest.fixture
def people(pair: Pair) -> Pair:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name text, line text, pay numeric);"
        "INSERT INTO t VALUES (1, 'Ada Ünï', 'A', 1.50), (2, NULL, 'TEST', 2), (3, 'Eve', 'B', 3)"
    )
    return pair


def raw_columns(pair: Pair) -> set[str]:
    rows = pair.warehouse.sql(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = 'raw.t'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    return {row[0] for row in rows} - set(METADATA)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_only_the_chosen_columns_arrive(people: Pair, mode: str) -> None:
    people.configure({"t": {"mode": mode, "columns": ["id", "line"]}})
    people.sync()
    assert raw_columns(people) == {"id", "line"}
    people.configure({"t": {"mode": mode, "exclude_columns": ["pay"]}})
    assert people.sync().strategy == "full"
    assert raw_columns(people) == {"id", "name", "line"}


def test_hashed_columns_never_leave_the_source_in_clear(people: Pair) -> None:
    people.configure(
        {"t": {"mode": "incremental", "hash_columns": ["name", "pay"]}}, hash_salt=SALT
    )
    people.sync()
    people.source.sql("UPDATE t SET pay = 9 WHERE id = 3")
    assert people.sync().strategy == "xmin"

    def hashed(text: str) -> str:
        return hashlib.sha256((SALT + text).encode()).hexdigest()

    assert people.raw("name, pay", order="id") == [
        (hashed("Ada Ünï"), hashed("1.50")),
        (None, hashed("2")),
        (hashed("Eve"), hashed("9")),
    ]


def test_the_salt_stands_in_no_statement(people: Pair) -> None:
    people.configure({"t": {"hash_columns": ["name"]}}, hash_salt=SALT)
    people.source.sql("GRANT pg_read_all_stats TO " + f'"{people.source_role}"')
    with people.source.connect() as watcher:
        watcher.execute("SET statement_timeout = '20s'")
        statements: list[str] = []
        people.source.sql(
            "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE"
            " AS 'SELECT pg_sleep(0.05) IS NOT NULL'"
        )
        people.source.sql("GRANT EXECUTE ON FUNCTION slow() TO PUBLIC")
        people.configure(
            {"t": {"hash_columns": ["name"], "where": "public.slow()"}}, hash_salt=SALT
        )
        import threading

        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                rows = watcher.execute("SELECT query FROM pg_stat_activity").fetchall()
                statements.extend(str(row[0]) for row in rows)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            people.sync()
        finally:
            done.set()
            thread.join()
    assert any("COPY (SELECT" in text for text in statements)
    assert not any(SALT in text for text in statements)


def test_another_salt_hashes_every_row_anew(people: Pair) -> None:
    block: dict[str, Any] = {"t": {"mode": "incremental", "hash_columns": ["name"]}}
    people.configure(block, hash_salt=SALT)
    people.sync()
    people.configure(block, hash_salt="another")
    assert any("selection in settings changed" in note for note in people.plan().notes)
    assert people.sync().strategy == "full"
    hashed = hashlib.sha256(b"anotherEve").hexdigest()
    assert (hashed,) in people.raw("name")
    assert people.sync().strategy == "xmin"
    marks = people.warehouse.sql("SELECT selection FROM elconsole.watermarks")
    assert "another" not in str(marks)


def test_a_hash_without_a_salt_is_refused(people: Pair) -> None:
    people.configure({"t": {"hash_columns": ["name"]}})
    error = people.plan().error
    assert error is not None
    assert "salt" in error.message


def test_a_hashed_key_still_matches(people: Pair) -> None:
    people.configure(
        {"t": {"mode": "incremental", "hash_columns": ["id"], "deletes": "sweep"}}, hash_salt=SALT
    )
    people.sync()
    people.source.sql("UPDATE t SET line = 'C' WHERE id = 1; DELETE FROM t WHERE id = 2")
    changed = people.sync()
    assert (changed.rows_written, changed.rows_deleted) == (1, 1)


def test_rows_that_leave_the_condition_go_with_the_next_sweep(people: Pair) -> None:
    where = "line <> 'TEST'"
    people.configure({"t": {"mode": "incremental", "where": where}})
    assert any("where" in note for note in people.plan().notes)
    people.sync()
    assert people.raw("id") == [(1,), (3,)]
    people.source.sql("UPDATE t SET line = 'TEST' WHERE id = 1")
    people.sync()
    assert people.raw("id") == [(1,), (3,)]
    people.configure({"t": {"mode": "incremental", "where": where, "deletes": "sweep"}})
    assert people.sync().rows_deleted == 1
    assert people.raw("id") == [(3,)]


def test_a_new_condition_means_a_full_refresh_with_the_reason(people: Pair) -> None:
    people.configure({"t": {"mode": "incremental", "where": "line = 'A'"}})
    people.sync()
    people.configure({"t": {"mode": "incremental"}})
    assert any("selection" in note for note in people.plan().notes)
    assert people.sync().strategy == "full"
    assert len(people.raw("id")) == 3


def test_a_wrong_condition_fails_with_the_servers_words(people: Pair) -> None:
    people.configure({"t": {"where": "lin = 'A'"}})
    (table,) = people.run().tables
    assert table.error is not None
    assert "plant" in table.error.message
    assert "lin" in table.error.message


@pytest.mark.parametrize(
    "setting",
    [{"columns": ["id", "nam"]}, {"exclude_columns": ["nam"]}, {"hash_columns": ["nam"]}],
    ids=["columns", "exclude_columns", "hash_columns"],
)
def test_an_unknown_column_is_refused_with_the_nearest(
    people: Pair, setting: dict[str, list[str]]
) -> None:
    people.configure({"t": setting}, hash_salt=SALT)
    error = people.plan().error
    assert error is not None
    assert error.hint == "did you mean name?"


def test_the_plan_shows_everything_and_writes_nothing(people: Pair) -> None:
    people.source.sql("CREATE TABLE u (id int); CREATE TABLE w (id int PRIMARY KEY)")
    people.configure(
        {
            "t": {"mode": "incremental", "where": "line <> 'TEST'", "hash_columns": ["name"]},
            "u": {"mode": "incremental"},
        },
        hash_salt=SALT,
    )
    assert people.engine is not None
    planned = {table.table: table for table in people.engine.plan(SyncRequest()).tables}
    assert planned.keys() == {"t", "u", "w"}
    assert (planned["t"].mode, planned["t"].strategy) == ("incremental", "full")
    assert any("first load" in note for note in planned["t"].notes)
    assert any("name" in note and "hash" in note for note in planned["t"].notes)
    assert (planned["w"].mode, planned["w"].target) == ("full", "raw.w")
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname ~ 'elconsole|raw'"
    assert people.warehouse.scalar(schemas) == 0
    people.run()
    watermark = people.warehouse.sql("SELECT * FROM elconsole.watermarks ORDER BY 1")
    counts = "SELECT (SELECT count(*) FROM elconsole.runs), (SELECT count(*) FROM raw.t)"
    before = people.warehouse.sql(counts)
    people.source.sql("INSERT INTO t VALUES (4, 'x', 'C', 1); ALTER TABLE t ADD COLUMN more int")
    planned = {table.table: table for table in people.engine.plan(SyncRequest()).tables}
    assert (planned["t"].strategy, planned["t"].schema_changes[0].column) == ("xmin", "more")
    assert (planned["t"].watermark or "").startswith("xmin")
    assert people.warehouse.sql(counts) == before
    assert people.warehouse.sql("SELECT * FROM elconsole.watermarks ORDER BY 1") == watermark

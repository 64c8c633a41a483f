"""Tables of every shape: none of rows, none of columns, too many, parts of others."""

from __future__ import annotations

import threading

import pytest

from elconsole.core.results import SyncRequest
from tests.link import Link, by_table, only

pytestmark = pytest.mark.integration


def count(link: Link, table: str) -> int:
    number: int = link.warehouse.scalar(f"SELECT count(*) FROM raw.{table}")
    return number


def test_tables_without_rows_or_columns_arrive(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE empty (id integer PRIMARY KEY); CREATE TABLE hollow ();"
        "INSERT INTO hollow DEFAULT VALUES; INSERT INTO hollow DEFAULT VALUES;"
        "CREATE TABLE void ()"
    )
    for _ in range(2):
        detail = by_table(link.synced())
    assert detail["hollow"].rows_written == 2
    assert (count(link, "empty"), count(link, "hollow"), count(link, "void")) == (0, 2, 0)
    columns = link.warehouse.scalar(
        "SELECT count(*) FROM information_schema.columns"
        " WHERE table_schema = 'raw' AND table_name = 'hollow'"
    )
    assert columns == 4


def test_columns_come_and_go_to_none_and_back(link: Link) -> None:
    link.source.sql("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x')")
    link.synced()
    link.source.sql("ALTER TABLE t DROP COLUMN a, DROP COLUMN b")
    link.synced()
    link.source.sql("ALTER TABLE t ADD COLUMN b numeric(4,1) DEFAULT 2.5")
    link.synced()
    assert link.warehouse.sql("SELECT b::text FROM raw.t") == [("2.5",)]


@pytest.mark.slow
def test_wide_tables_arrive_and_too_wide_ones_are_refused_alone(link: Link) -> None:
    for name, width in (("wide", 500), ("widest", 1596), ("too_wide", 1597), ("fullest", 1600)):
        columns = ", ".join(f"c{n} int" for n in range(width))
        link.source.sql(f"CREATE TABLE {name} ({columns}); INSERT INTO {name} (c0) VALUES (7)")
    for _ in range(2):
        tables = by_table(link.sync())
    assert tables["wide"].status == tables["widest"].status == "succeeded"
    assert count(link, "widest") == 1
    for name in ("too_wide", "fullest"):
        error = tables[name].error
        assert error is not None
        assert error.kind == "plan"
        assert f"plant.{name} has" in error.message


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.slow
def test_statements_longer_than_a_sockets_buffer_are_sent(link: Link, mode: str) -> None:
    columns = ", ".join(f'"{"é" * 28}{n:05d}" int' for n in range(1590))
    link.source.sql(f"CREATE TABLE t (id int PRIMARY KEY, {columns}); INSERT INTO t VALUES (1)")
    link.options["plant"] = {"mode": mode}
    link.synced(retries=0, stall_timeout=5)
    link.source.sql("INSERT INTO t VALUES (2)")
    link.synced(retries=0, stall_timeout=5)
    assert count(link, "t") == 2


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_condition_longer_than_a_sockets_buffer_is_sent(link: Link, mode: str) -> None:
    link.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    long = f"v <> '{'x' * 500_000}'"
    link.options["plant"] = {"table": {"t": {"mode": mode, "where": long}}}
    link.synced(retries=0, stall_timeout=5)
    link.source.sql("INSERT INTO t VALUES (2, 'y')")
    link.synced(retries=0, stall_timeout=5)
    assert count(link, "t") == 2


def test_a_composite_key_keeps_its_order_and_rows_without_key_stay_double(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE keyed (a int, b text, c int, PRIMARY KEY (c, a)) ;"
        "INSERT INTO keyed VALUES (1, 'x', 2);"
        "CREATE TABLE loose (a int); INSERT INTO loose VALUES (1), (1), (NULL)"
    )
    link.synced()
    assert link.warehouse.sql(
        "SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_inherits i"
        " ON i.inhrelid = k.conrelid WHERE i.inhparent = 'raw.keyed'::regclass AND contype = 'p'"
    ) == [("PRIMARY KEY (c, a)",)]
    assert count(link, "loose") == 3


def test_a_partitioned_table_is_one_table(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE logs (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
        "CREATE TABLE logs_24 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
        " PARTITION BY LIST (id);"
        "CREATE TABLE logs_24_1 PARTITION OF logs_24 FOR VALUES IN (1);"
        "CREATE TABLE logs_24_x PARTITION OF logs_24 DEFAULT;"
        "CREATE TABLE logs_x PARTITION OF logs DEFAULT;"
        "INSERT INTO logs VALUES (1, '2024-05-01'), (2, '2024-05-01'), (1, '2023-01-01');"
        "CREATE TABLE nothing (id int) PARTITION BY HASH (id)"
    )
    detail = link.synced()
    assert {table.table for table in detail.tables} == {"logs", "nothing"}
    assert (count(link, "logs"), count(link, "nothing")) == (3, 0)


def test_an_inheritance_parent_brings_its_own_rows_only(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE base (id int); CREATE TABLE child (more text) INHERITS (base);"
        "INSERT INTO base VALUES (1); INSERT INTO child VALUES (2, 'x'), (3, 'y')"
    )
    link.synced()
    assert (count(link, "base"), count(link, "child")) == (1, 2)


def test_views_and_foreign_tables_come_only_when_named(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2);"
        "CREATE VIEW v AS SELECT id, 'é'::text AS name FROM t;"
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM t WHERE id = 1;"
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE f (line text) SERVER files OPTIONS (program 'echo hello')"
    )
    assert only(link.synced()).table == "t"
    link.tables["plant"] = ["t", "v", "m", "public.f"]
    for _ in range(2):
        tables = by_table(link.sync())
    assert {name: t.rows_written for name, t in tables.items()} == {
        "t": 2,
        "v": 2,
        "m": 1,
        "f": 1,
    }


def test_tables_of_extensions_and_temporary_ones_are_left_out(link: Link) -> None:
    link.source.sql(
        "CREATE EXTENSION tcn; CREATE EXTENSION bloom; CREATE TABLE owned (id int);"
        "ALTER EXTENSION bloom ADD TABLE owned;"
        "CREATE UNLOGGED TABLE kept (id int); INSERT INTO kept VALUES (1)"
    )
    with link.source.connect() as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (id int)")
        assert only(link.synced()).table == "kept"
    assert count(link, "kept") == 1


def test_columns_named_like_the_metadata_are_refused_unless_excluded(link: Link) -> None:
    link.source.sql(
        'CREATE TABLE copied (id int, "_airbyte_raw_id" text); INSERT INTO copied VALUES (1, NULL);'
        "CREATE TABLE plain (id int)"
    )
    tables = by_table(link.sync())
    assert tables["plain"].status == "succeeded"
    error = tables["copied"].error
    assert error is not None
    assert "_airbyte_raw_id" in error.message
    assert "exclude_columns" in (error.hint or "")
    link.options["plant"] = {"table": {"copied": {"exclude_columns": ["_airbyte_raw_id"]}}}
    link.synced()
    assert link.warehouse.sql("SELECT id FROM raw.copied") == [(1,)]


@pytest.mark.slow
def test_a_table_locked_even_against_readers_is_told_with_what_to_do(link: Link) -> None:
    link.source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    engine = link.engine(retries=0, stall_timeout=30)
    with link.source.connect() as altering:
        altering.execute("BEGIN; LOCK TABLE t")
        detail = engine.sync(SyncRequest(), emit=link.events.append, stop=threading.Event())
    error = only(detail).error
    assert error is not None
    assert (error.kind, error.sqlstate) == ("transient", "55P03")
    assert error.hint is not None
    assert "ALTER TABLE" in error.hint
    link.synced()


def test_row_level_security_fails_the_table_instead_of_hiding_rows(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE guarded (id int); INSERT INTO guarded VALUES (1), (2);"
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY one ON guarded USING (id = 1); CREATE TABLE plain (id int)"
    )
    tables = by_table(link.sync())
    assert tables["plain"].status == "succeeded"
    error = tables["guarded"].error
    assert error is not None
    assert "row-level security" in error.message
    assert "BYPASSRLS" in (error.hint or "")
    assert link.warehouse.scalar("SELECT to_regclass('raw.guarded')") is None


def test_a_table_that_the_role_may_not_read_fails_alone(link: Link) -> None:
    link.source.sql("CREATE TABLE secret (id int); CREATE TABLE plain (id int)")
    engine = link.engine()
    link.source.sql(f'REVOKE ALL ON secret FROM "{link.roles["plant"]}"')
    tables = by_table(engine.sync(SyncRequest(), emit=lambda e: None, stop=threading.Event()))
    assert tables["plain"].status == "succeeded"
    error = tables["secret"].error
    assert error is not None
    assert error.kind == "permission"
    assert "secret" in error.message
    assert error.sqlstate == "42501"

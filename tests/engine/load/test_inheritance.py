"""A parent's rows may stand in the tables that inherit from it: TimescaleDB's are stored so."""

from __future__ import annotations

import threading

import pytest

from elconsole.core.results import SyncRequest
from tests.pairs import Pair

pytestmark = pytest.mark.integration


@pytest.fixture
def metrics(pair: Pair) -> Pair:
    """A parent without a row of its own, two children, and a child of one of them."""
    pair.source.sql(
        "DROP SCHEMA IF EXISTS chunks CASCADE; CREATE SCHEMA chunks;"
        "CREATE TABLE metrics (id int PRIMARY KEY, v text);"
        "CREATE TABLE chunks.a (PRIMARY KEY (id)) INHERITS (metrics);"
        "CREATE TABLE chunks.b (extra int) INHERITS (metrics);"
        "CREATE TABLE chunks.c () INHERITS (chunks.b);"
        "INSERT INTO chunks.a VALUES (1, 'a'), (2, 'a');"
        "INSERT INTO chunks.b VALUES (3, 'b', 7);"
        "INSERT INTO chunks.c VALUES (4, 'c', 8)"
    )
    return pair


def configure(pair: Pair, *tables: str, **block: object) -> None:
    pair.configure({"metrics": block}, plant={"tables": list(tables or ("metrics",))})


def notes(pair: Pair) -> dict[str, tuple[str, ...]]:
    assert pair.engine is not None
    return {one.table: one.notes for one in pair.engine.plan(SyncRequest()).tables}


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_named_parent_is_read_with_its_children(metrics: Pair, mode: str) -> None:
    configure(metrics, mode=mode)
    assert "read with the tables that inherit from it" in notes(metrics)["metrics"]
    assert metrics.sync().rows_read == 4
    assert metrics.raw("id, v", "metrics") == [(1, "a"), (2, "a"), (3, "b"), (4, "c")]
    assert metrics.engine is not None
    (table,) = metrics.engine.reconcile((), stop=threading.Event()).tables
    assert (table.source_rows, table.target_rows, table.equal) == (4, 4, True)
    metrics.warehouse.sql("DELETE FROM raw.metrics WHERE id = 4")
    (table,) = metrics.engine.reconcile((), stop=threading.Event()).tables
    assert table.different_keys == ("[4]",)


def test_changes_in_children_arrive_and_so_do_new_and_lost_children(metrics: Pair) -> None:
    configure(metrics, mode="incremental", deletes="sweep")
    metrics.source.sql("CREATE TABLE chunks.d (id int NOT NULL, v text); "
                       "INSERT INTO chunks.d VALUES (5, 'd')")  # fmt: skip
    metrics.sync()
    metrics.source.sql(
        "UPDATE chunks.c SET v = 'new'; INSERT INTO metrics VALUES (9, 'own');"
        # Its rows are older than the last sync.
        "ALTER TABLE chunks.d INHERIT metrics; ALTER TABLE chunks.a NO INHERIT metrics"
    )
    table = metrics.sync()
    assert (table.strategy, table.rows_read, table.rows_deleted) == ("xmin", 3, 2)
    assert metrics.raw("id, v", "metrics") == [(3, "b"), (4, "new"), (5, "d"), (9, "own")]


def test_a_default_that_children_alone_still_owe_their_rows_is_read(metrics: Pair) -> None:
    configure(metrics, mode="incremental")
    metrics.sync()
    metrics.source.sql("ALTER TABLE metrics ADD COLUMN w int DEFAULT 5")
    metrics.source.sql("VACUUM FULL metrics")
    metrics.sync()
    assert metrics.raw("id, w", "metrics") == [(1, 5), (2, 5), (3, 5), (4, 5)]


def test_under_globs_every_table_is_its_own(metrics: Pair) -> None:
    metrics.source.sql(
        f'GRANT USAGE ON SCHEMA chunks TO "{metrics.source_role}";'
        f'GRANT SELECT ON ALL TABLES IN SCHEMA chunks TO "{metrics.source_role}"'
    )
    metrics.configure()
    rows = {table.table: table.rows_read for table in metrics.run().tables}
    assert rows == {"metrics": 0, "a": 2, "b": 1, "c": 1}
    alone = "read without the tables that inherit from it, whose rows are not its own"
    assert {name for name, said in notes(metrics).items() if alone in said} == {"metrics", "b"}


def test_a_parent_named_beside_a_child_is_read_alone(metrics: Pair) -> None:
    metrics.source.sql(
        f'GRANT USAGE ON SCHEMA chunks TO "{metrics.source_role}";'
        f'GRANT SELECT ON ALL TABLES IN SCHEMA chunks TO "{metrics.source_role}"'
    )
    configure(metrics, "metrics", "chunks.c", mode="incremental")
    assert {t.table: t.rows_read for t in metrics.run().tables} == {"metrics": 0, "c": 1}
    configure(metrics, mode="incremental")
    table = metrics.sync()
    assert (table.strategy, table.rows_read) == ("full", 4)


def test_a_foreign_child_has_no_row_versions(metrics: Pair) -> None:
    metrics.source.sql(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE chunks.far () INHERITS (metrics) SERVER files"
        " OPTIONS (program 'echo 7,far', format 'csv')"
    )
    configure(metrics, mode="incremental")
    assert metrics.plan().error is not None
    configure(metrics)
    metrics.sync()
    assert (7, "far") in metrics.raw("id, v", "metrics")


def test_many_pages_of_a_child_are_read_in_parts(
    metrics: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elconsole.engine.extract.ranges.RANGE_PAGES", 2)
    metrics.source.sql(
        "INSERT INTO chunks.a SELECT n, repeat('x', 100) FROM generate_series(100, 999) n"
    )
    configure(metrics, where="id <> 500")
    assert metrics.sync().rows_read == 903

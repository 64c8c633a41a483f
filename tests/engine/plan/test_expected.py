"""A plan tells what a sync would read: the rows since the watermark, not the table's size."""

from __future__ import annotations

import pytest

from elconsole.engine.extract import expected
from tests.pairs import Pair

pytestmark = pytest.mark.integration

BLOCKS = [
    {"mode": "incremental"},
    {"mode": "incremental", "strategy": "cursor", "cursor": "id"},
]


@pytest.mark.parametrize("block", BLOCKS, ids=["xmin", "cursor"])
def test_rows_since_the_watermark_are_counted(pair: Pair, block: dict[str, str]) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        "INSERT INTO t SELECT i, 'old' FROM generate_series(1, 500) i; ANALYZE t"
    )
    pair.incremental(**block)
    assert pair.plan(counted=True).rows_estimated == 500
    pair.sync()
    assert pair.plan(counted=True).rows_estimated == 0
    pair.source.sql("INSERT INTO t SELECT i, 'new' FROM generate_series(501, 507) i")
    assert pair.plan(counted=True).rows_estimated == 7
    assert pair.plan().rows_estimated == 500
    assert pair.sync().rows_read == 7


def test_only_the_rows_of_a_where_count(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pair.incremental(where="id % 2 = 0")
    pair.sync()
    pair.source.sql("INSERT INTO t SELECT generate_series(1, 10)")
    assert pair.plan(counted=True).rows_estimated == 5


def test_a_source_that_was_restored_is_planned_as_the_full_refresh_it_will_be(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); ANALYZE t")
    pair.incremental()
    pair.sync()
    pair.warehouse.sql("UPDATE elconsole.watermarks SET system_identifier = 'another'")
    planned = pair.plan(counted=True)
    assert (planned.strategy, planned.rows_estimated) == ("full", 1)
    assert any("another cluster" in note for note in planned.notes)


def test_a_table_too_large_to_count_soon_is_not_counted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY);INSERT INTO t SELECT generate_series(1, 20); ANALYZE t"
    )
    pair.incremental()
    pair.sync()
    monkeypatch.setattr(expected, "ROWS_TO_COUNT", 10)
    assert pair.plan(counted=True).rows_estimated is None


def test_a_locked_table_holds_no_plan_up(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elconsole.engine.extract.snapshot.CATALOG_TIMEOUT_S", 0.5)
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    pair.incremental()
    pair.sync()
    with pair.source.connect() as other, other.transaction():
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        assert pair.plan(counted=True).rows_estimated is None
    assert pair.plan(counted=True).rows_estimated == 0

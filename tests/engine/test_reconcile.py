"""`reconcile` proves that source and raw table hold the same rows, or names those that differ."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from elconsole.config.models import Settings
from elconsole.core.results import ReconciledTable, SyncRequest
from elconsole.engine.service import PostgresEngine
from tests.conftest import MakeFactory
from tests.pairs import Pair
from tests.postgres import Factory

pytestmark = pytest.mark.integration


@pytest.fixture
def springs(make_factory: MakeFactory) -> Factory:
    return make_factory(sources=("springs",))


@pytest.fixture
def engine(springs: Factory) -> Iterator[PostgresEngine]:
    made = PostgresEngine(Settings.model_validate(springs.overrides()))
    made.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    yield made
    made.close()


def reconcile(engine: PostgresEngine) -> ReconciledTable:
    return engine.reconcile((), stop=threading.Event()).tables[0]


def test_a_fresh_copy_is_equal(engine: PostgresEngine) -> None:
    table = reconcile(engine)
    assert (table.equal, table.source_rows, table.target_rows) == (True, 150, 150)
    assert (table.pending, table.different_keys) == (0, ())


def test_one_changed_cell_is_named_by_its_key(engine: PostgresEngine, springs: Factory) -> None:
    springs.warehouse.sql(
        "UPDATE raw.springs_production SET tensile_strength_mpa = 1 WHERE id = 77"
    )
    table = reconcile(engine)
    assert (table.equal, table.different_keys) == (False, ("[77]",))


def test_a_missing_and_a_surplus_row_are_named(engine: PostgresEngine, springs: Factory) -> None:
    springs.warehouse.sql("DELETE FROM raw.springs_production WHERE id = 5")
    springs.sources["springs"].sql("DELETE FROM springs_production WHERE id = 6")
    table = reconcile(engine)
    assert table.different_keys == ("[5]", "[6]")
    assert (table.source_rows, table.target_rows) == (149, 149)


def test_rows_changed_after_the_sync_are_pending(engine: PostgresEngine, springs: Factory) -> None:
    source = springs.sources["springs"]
    source.sql("UPDATE springs_production SET oee = oee - 0.001 WHERE id <= 3")
    table = reconcile(engine)
    assert (table.equal, table.pending) == (True, 3)


def test_a_late_commit_is_pending(springs: Factory) -> None:
    source = springs.sources["springs"]
    with source.connect() as late:
        late.execute("BEGIN")
        late.execute("UPDATE springs_production SET oee = 0.5 WHERE id = 9")
        made = PostgresEngine(Settings.model_validate(springs.overrides()))
        made.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
        late.commit()
        table = reconcile(made)
        made.close()
    assert (table.equal, table.pending) == (True, 1)


def test_a_table_without_a_key_is_compared_by_its_rows(make_factory: MakeFactory) -> None:
    factory = make_factory(sources=("springs",))
    source = factory.sources["springs"]
    source.sql("ALTER TABLE springs_production DROP CONSTRAINT springs_production_pkey")
    made = PostgresEngine(Settings.model_validate(factory.overrides()))
    made.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    assert reconcile(made).equal
    factory.warehouse.sql("DELETE FROM raw.springs_production WHERE id = 5")
    table = reconcile(made)
    made.close()
    assert not table.equal
    assert len(table.different_keys) == 1


def test_a_table_never_synced_is_an_error(springs: Factory) -> None:
    made = PostgresEngine(Settings.model_validate(springs.overrides()))
    table = reconcile(made)
    made.close()
    assert table.error is not None
    assert "never synced" in table.error.message


@pytest.mark.slow
def test_one_changed_cell_among_a_million_rows_is_named(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int);"
        "INSERT INTO t SELECT n, n FROM generate_series(1, 1000000) AS n"
    )
    pair.configure()
    pair.sync()
    pair.warehouse.sql("UPDATE raw.t SET v = 0 WHERE id = 654321")
    assert pair.engine is not None
    table = reconcile(pair.engine)
    assert (table.source_rows, table.target_rows) == (1_000_000, 1_000_000)
    assert (table.equal, table.different_keys) == (False, ("[654321]",))


def test_columns_that_one_side_lacks_are_told(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, old int); INSERT INTO t VALUES (1, 2)")
    pair.incremental()
    pair.sync()
    pair.source.sql("ALTER TABLE t DROP old, ADD new int")
    assert pair.engine is not None
    table = reconcile(pair.engine)
    assert (table.columns_only_in_source, table.columns_only_in_target) == (("new",), ("old",))
    assert not table.equal
    pair.sync()
    table = reconcile(pair.engine)
    assert (table.columns_only_in_source, table.columns_only_in_target) == ((), ("old",))
    assert table.equal


def test_a_column_that_a_failed_sync_added_is_still_told(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    pair.incremental()
    pair.sync()
    pair.source.sql("ALTER TABLE t ADD new int DEFAULT 3")
    pair.warehouse.sql("ALTER TABLE raw.t ADD new int")
    assert [(c.column, c.change) for c in pair.plan().schema_changes] == [("new", "added")]
    assert pair.engine is not None
    assert not reconcile(pair.engine).equal
    pair.sync()
    assert pair.raw("id, new") == [(1, 3)]
    assert pair.plan().schema_changes == ()

"""Names and schemas that settings give: what is made, and what moves with what hangs on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from elconsole.core.results import SyncRequest
from tests.conftest import MakeLink
from tests.link import Link, by_table, only
from tests.pairs import Pair

pytestmark = pytest.mark.integration

PLACES = (
    "SELECT target_schema || '.' || target_table FROM elconsole.targets ORDER BY source, target_id"
)


def places(database: Any) -> list[str]:
    return [row[0] for row in database.sql(PLACES)]


def planned(pair: Pair) -> tuple[str, tuple[str, ...]]:
    plan = pair.plan()
    return plan.target, plan.notes


@pytest.fixture
def orders(pair: Pair) -> Iterator[Pair]:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        " INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 20) n"
    )
    yield pair
    pair.close()
    pair.warehouse.sql("DROP SCHEMA IF EXISTS crm, dev CASCADE")


def hang_on(pair: Pair, table: str) -> None:
    """A view, a grant, an index and a comment on the raw table."""
    role = pair.warehouse_role
    pair.warehouse.sql(
        f'SET ROLE "{role}"; CREATE VIEW raw.seen AS SELECT id, v FROM {table};'
        f"GRANT SELECT ON {table} TO PUBLIC; CREATE INDEX kept ON {table} (v);"
        f"COMMENT ON TABLE {table} IS 'as made'"
    )


def assert_hang_on(pair: Pair, table: str, rows: int = 20) -> None:
    assert pair.warehouse.scalar("SELECT count(*) FROM raw.seen") == rows
    assert pair.warehouse.scalar(f"SELECT count(*) FROM {table}") == rows
    asked = f"SELECT has_table_privilege('public', '{table}', 'SELECT')"
    assert pair.warehouse.scalar(asked)
    assert pair.warehouse.scalar(f"SELECT obj_description('{table}'::regclass)") == "as made"
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = %r::regclass AND indisvalid"
    assert pair.warehouse.scalar(indexes % table) == 2


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("changed", [True, False])
def test_another_name_renames_the_raw_table_and_all_follows(
    orders: Pair, mode: str, changed: bool
) -> None:
    orders.configure({"t": {"mode": mode}})
    orders.sync()
    hang_on(orders, "raw.t")
    orders.configure({"t": {"mode": mode, "target": "renamed"}})
    assert planned(orders)[0] == "raw.renamed"
    assert "renamed: raw.t becomes raw.renamed" in planned(orders)[1]
    assert places(orders.warehouse) == ["raw.t"]
    if changed:
        orders.source.sql("INSERT INTO t VALUES (21, 'new')")
    table = orders.sync()
    assert table.target == "raw.renamed"
    assert table.strategy == ("full" if mode == "full" else "xmin")
    assert orders.warehouse.scalar("SELECT to_regclass('raw.t')") is None
    assert places(orders.warehouse) == ["raw.renamed"]
    assert_hang_on(orders, "raw.renamed", 21 if changed else 20)
    assert planned(orders) == ("raw.renamed", ())
    assert orders.sync().error is None
    assert orders.leftovers() == []
    counted = "SELECT count(*) FROM elconsole.table_runs WHERE target_id IS NULL"
    assert orders.warehouse.scalar(counted) == 0


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_another_schema_moves_the_raw_table_and_all_follows(orders: Pair, mode: str) -> None:
    orders.source.sql("CREATE TABLE other (id int PRIMARY KEY)")
    orders.configure({"t": {"mode": mode}})
    orders.run()
    hang_on(orders, "raw.t")
    # Both names of the way are taken in the schema that is not theirs.
    role = orders.warehouse_role
    orders.warehouse.sql(
        f'SET ROLE "{role}"; CREATE SCHEMA crm; CREATE TABLE crm.t (kept int);'
        "CREATE INDEX kept ON crm.t (kept); CREATE TABLE raw.moved (kept int);"
    )
    settings = {"t": {"mode": mode, "target": "moved"}}
    orders.configure(settings, plant={"target_schema": "crm"})
    tables = by_table(orders.run())
    assert [table.error for table in tables.values()] == [None, None]
    assert sorted(places(orders.warehouse)) == ["crm.moved", "crm.other"]
    assert_hang_on(orders, "crm.moved")
    orders.configure({"t": {"mode": mode, "target": "t"}})
    assert {table.target for table in orders.run().tables} == {"raw.t", "raw.other"}
    assert_hang_on(orders, "raw.t")


def test_a_column_added_in_the_same_sync_arrives_under_the_new_name(orders: Pair) -> None:
    orders.incremental()
    orders.sync()
    orders.source.sql("ALTER TABLE t ADD COLUMN extra int; UPDATE t SET extra = id WHERE id < 3")
    orders.incremental(target="renamed")
    assert orders.sync().target == "raw.renamed"
    assert orders.warehouse.scalar("SELECT sum(extra) FROM raw.renamed") == 3


def test_a_first_load_that_failed_binds_to_no_name(orders: Pair) -> None:
    orders.source.sql(f'REVOKE SELECT ON t FROM "{orders.source_role}"')
    orders.configure()
    assert only(orders.run()).status == "failed"
    orders.source.sql(f'GRANT SELECT ON t TO "{orders.source_role}"')
    orders.configure({"t": {"target": "renamed"}}, plant={"target_schema": "crm"})
    assert planned(orders) == ("crm.renamed", ())
    assert orders.sync().target == "crm.renamed"
    assert places(orders.warehouse) == ["crm.renamed"]
    assert orders.warehouse.scalar("SELECT count(*) FROM crm.renamed") == 20


def test_a_raw_table_that_was_dropped_comes_again_under_the_new_name(orders: Pair) -> None:
    orders.configure()
    orders.sync()
    orders.warehouse.sql("DROP TABLE raw.t")
    orders.configure({"t": {"target": "renamed"}})
    assert orders.sync().target == "raw.renamed"
    assert places(orders.warehouse) == ["raw.renamed"]


@pytest.mark.parametrize("adopt", [True, False])
def test_what_stands_at_the_new_name_is_left_alone(orders: Pair, adopt: bool) -> None:
    orders.configure()
    orders.sync()
    orders.warehouse.sql("CREATE TABLE raw.renamed AS SELECT 7 AS mine")
    orders.configure({"t": {"target": "renamed"}})
    assert orders.engine is not None
    (plan,) = orders.engine.plan(SyncRequest(adopt=adopt)).tables
    assert plan.error is not None
    assert "can't become raw.renamed, where a table stands" in plan.error.message
    assert only(orders.run()).status == "failed"
    assert orders.warehouse.sql("SELECT * FROM raw.renamed") == [(7,)]
    assert orders.warehouse.scalar("SELECT count(*) FROM raw.t") == 20


def test_a_type_that_has_the_new_name_fails_the_table_and_nothing_else(orders: Pair) -> None:
    orders.incremental()
    orders.sync()
    orders.warehouse.sql("CREATE TYPE raw.renamed AS ENUM ('a')")
    orders.incremental(target="renamed")
    table = only(orders.run())
    assert table.error is not None
    assert table.error.kind == "target_taken"
    assert "raw.t can't become raw.renamed" in table.error.message
    assert orders.warehouse.scalar("SELECT count(*) FROM raw.t") == 20
    assert places(orders.warehouse) == ["raw.t"]


def test_a_source_names_its_tables_by_a_format(make_link: MakeLink) -> None:
    link = make_link("crm", "erp")
    for database in link.sources.values():
        database.sql("CREATE SCHEMA shop; CREATE TABLE shop.units AS SELECT 1 AS n")
    link.options["crm"] = {"target": "{source}_{schema}_{table}"}
    link.options["erp"] = {"target_schema": "Bought {in}"}
    detail = link.synced()
    assert {table.target for table in detail.tables} == {
        "raw.crm_shop_units",
        "Bought {in}.units",
    }
    assert link.warehouse.scalar('SELECT n FROM "Bought {in}".units') == 1


def test_of_two_that_settings_call_alike_the_older_keeps_its_name(link: Link) -> None:
    link.source.sql("CREATE TABLE a AS SELECT 1 AS n; CREATE TABLE b AS SELECT 2 AS n")
    link.options["plant"] = {"target": "all"}
    tables = by_table(link.sync())
    assert {table.status for table in tables.values()} == {"failed"}
    link.tables["plant"] = ["b"]
    assert only(link.synced()).target == "raw.all"
    link.tables["plant"] = ["*"]
    tables = by_table(link.sync())
    assert tables["b"].status == "succeeded"
    assert tables["a"].error is not None
    assert "the name of plant.public.b" in tables["a"].error.message
    assert tables["a"].error.hint == 'set target = "NAME" in [sources.plant.table."public.a"]'
    link.options["plant"] = {"target": "all", "table": {"public.a": {"target": "first"}}}
    assert {t.target for t in link.synced().tables} == {"raw.all", "raw.first"}


def test_two_without_settings_are_told_which_key_to_set(make_link: MakeLink) -> None:
    link = make_link("north", "south")
    for database in link.sources.values():
        database.sql("CREATE TABLE units AS SELECT 1 AS n")
    plan = {t.source: t for t in link.engine().plan(SyncRequest()).tables}
    assert plan["north"].notes == (
        "named north_units: the name units is taken or wanted twice;"
        ' target = "NAME" in [sources.north.table."public.units"] gives it another',
    )


def test_settings_with_another_schema_of_the_warehouse_have_tables_of_their_own(
    orders: Pair,
) -> None:
    orders.configure()
    orders.sync()
    orders.warehouse_address = {"schema": "dev"}
    orders.configure()
    assert orders.sync().target == "dev.t"
    orders.configure(plant={"target_schema": "raw"})
    assert planned(orders)[0] == "dev.t"
    table = only(orders.run())
    assert table.error is not None
    assert "raw.t, which is the name of other settings" in table.error.message
    assert places(orders.warehouse) == ["raw.t", "dev.t"]


def test_a_ledger_from_before_other_schemas_is_read_and_then_migrated(orders: Pair) -> None:
    orders.configure()
    orders.sync()
    orders.warehouse.sql(
        "ALTER TABLE elconsole.targets DROP COLUMN home_schema,"
        " ADD CONSTRAINT targets_source_source_schema_source_table_target_schema_key"
        " UNIQUE (source, source_schema, source_table, target_schema);"
        "DELETE FROM elconsole.migrations WHERE version >="
        " (SELECT version FROM elconsole.migrations WHERE name = 'ledger/target_homes')"
    )
    orders.configure(plant={"target_schema": "crm"})
    assert orders.engine is not None
    assert [one.target for one in orders.engine.check().tables] == ["raw.t"]
    assert planned(orders)[0] == "crm.t"
    assert orders.sync().target == "crm.t"
    assert orders.warehouse.sql("SELECT home_schema FROM elconsole.targets") == [("raw",)]


def test_pass_rates_go_with_the_raw_table(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, line text, timestamp timestamptz,"
        " quality_status text); INSERT INTO t SELECT n, 'L1', '2026-01-01', 'ok'"
        " FROM generate_series(1, 1000) n"
    )
    quality = {"by": ["line"]}
    pair.incremental(quality=quality)
    pair.sync()
    counted = "SELECT target_table, sum(inspected) FROM elconsole.quality_daily GROUP BY 1"
    assert pair.warehouse.sql(counted) == [("t", 1000)]
    pair.incremental(quality=quality, target="units")
    pair.sync()
    assert pair.warehouse.sql(counted) == [("units", 1000)]
    pair.source.sql("INSERT INTO t VALUES (1001, 'L1', '2026-01-01', 'ok')")
    pair.incremental(quality=quality, target="parts")
    pair.sync()
    assert pair.warehouse.sql(counted) == [("parts", 1001)]
    assert pair.engine is not None
    assert pair.engine.reconcile((), stop=threading.Event()).tables[0].equal


def test_reconcile_reads_the_raw_table_where_it_stands(orders: Pair) -> None:
    orders.configure()
    orders.sync()
    orders.configure({"t": {"target": "renamed"}})
    assert orders.engine is not None
    (table,) = orders.engine.reconcile((), stop=threading.Event()).tables
    assert (table.equal, table.target, table.error) == (True, "raw.t", None)


def test_an_unfed_table_of_another_schema_is_told_by_its_place(orders: Pair) -> None:
    orders.source.sql("CREATE TABLE other (id int)")
    orders.configure(plant={"target_schema": "crm"})
    orders.run()
    orders.configure(plant={"target_schema": "crm", "exclude": ["other"]})
    assert orders.engine is not None
    report = orders.engine.check()
    assert [one.target for one in report.unfed or ()] == ["crm.other"]
    assert {one.target for one in report.tables} == {"crm.t", "crm.other"}

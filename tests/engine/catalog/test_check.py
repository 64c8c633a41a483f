"""`check`: what answers, and which privilege is missing."""

from __future__ import annotations

import pytest

from elconsole.core.results import ConnectionHealth, QualityRequest
from tests.link import Link, only

pytestmark = pytest.mark.integration


@pytest.fixture
def shop(link: Link) -> Link:
    link.source.sql(
        "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE prices (id int PRIMARY KEY);"
        "CREATE SCHEMA hidden; CREATE TABLE hidden.notes (id int PRIMARY KEY)"
    )
    link.tables[link.name] = ["orders", "prices"]
    return link


def health(link: Link, name: str) -> ConnectionHealth:
    (found,) = [one for one in link.engine().check().connections if one.name == name]
    return found


def test_all_that_grants_prints_is_enough(shop: Link) -> None:
    shop.synced()
    assert [one.status for one in shop.engine().check().connections] == ["healthy", "healthy"]


def test_a_table_that_may_not_be_read_is_named(shop: Link) -> None:
    shop.engine()
    shop.grants_wanted = False
    shop.source.sql(f'REVOKE SELECT ON prices FROM "{shop.roles[shop.name]}"')
    found = health(shop, shop.name)
    assert (found.status, found.reasons) == ("degraded", ("may not read public.prices",))


def test_a_table_that_cannot_be_synced_is_a_problem(shop: Link) -> None:
    shop.engine()
    shop.grants_wanted = False
    shop.tables[shop.name] = ["orders", "ordres", "prices"]
    shop.source.sql(f'REVOKE SELECT ON prices FROM "{shop.roles[shop.name]}"')
    problems = shop.engine().check().problems
    assert {(one.source, one.table) for one in problems} == {
        (shop.name, None),
        (shop.name, "ordres"),
    }
    by_table = {one.table: one.error for one in problems}
    assert "may not read public.prices" in by_table[None].message
    assert "ordres" in by_table["ordres"].message
    assert all(error.hint for error in by_table.values())


def test_a_warehouse_that_takes_no_tables_is_a_problem(shop: Link) -> None:
    shop.engine()
    shop.grants_wanted = False
    name, role = shop.warehouse.name, shop.roles["warehouse"]
    shop.warehouse.sql(f'REVOKE CREATE ON DATABASE "{name}" FROM "{role}"')
    (problem,) = shop.engine().check().problems
    assert (problem.source, problem.table, problem.error.kind) == (None, None, "permission")
    assert "may not create in schema elconsole" in problem.error.message


def test_a_source_that_is_down_hides_no_problem_of_the_others(shop: Link) -> None:
    shop.engine()
    shop.grants_wanted = False
    shop.tables[shop.name] = ["ordres"]
    sources = shop.values()["sources"]
    away = {**sources[shop.name], "dbname": "nowhere"}
    report = shop.engine(sources={"away": away, **sources}).check()
    assert [one.table for one in report.problems] == ["ordres"]
    assert report.unasked == ("away",)


def test_a_column_that_may_be_read_is_enough(shop: Link) -> None:
    shop.engine()
    shop.grants_wanted = False
    role = shop.roles[shop.name]
    shop.source.sql(
        f'REVOKE SELECT ON prices FROM "{role}"; GRANT SELECT (id) ON prices TO "{role}"'
    )
    assert health(shop, shop.name).status == "healthy"


def test_what_is_not_selected_may_be_hidden(shop: Link) -> None:
    assert health(shop, shop.name).status == "healthy"
    shop.tables[shop.name] = ["*"]
    shop.grants_wanted = False
    found = health(shop, shop.name)
    assert found.reasons == ("may not read hidden.notes",)


@pytest.mark.parametrize("schema", ["Raw", "raw-data", 'quo"ted'])
def test_a_schema_with_an_odd_name_is_healthy_once_it_exists(shop: Link, schema: str) -> None:
    warehouse = {**shop.block("warehouse"), "schema": schema}
    shop.synced(warehouse=warehouse)
    states = shop.engine(warehouse=warehouse).check().connections
    assert [one.status for one in states] == ["healthy", "healthy"], states


def test_a_source_that_is_away_keeps_the_names_its_tables_had(shop: Link) -> None:
    shop.source.sql("CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int PRIMARY KEY)")
    shop.tables[shop.name] = ["billing.inv*"]
    before = only(shop.synced())
    shop.grants_wanted = False
    shop.options[shop.name] = {"dbname": "nowhere"}
    away = only(shop.sync())
    assert before.target == "raw.invoices"
    assert (away.table, away.target, away.status) == ("invoices", before.target, "failed")
    target_ids = shop.warehouse.sql("SELECT DISTINCT target_id FROM elconsole.table_runs")
    assert len(target_ids) == 1


def test_tables_of_one_name_are_told_apart_by_their_schema(shop: Link) -> None:
    units = "(id int PRIMARY KEY, quality_status text, line_id text, timestamp timestamptz)"
    shop.source.sql(
        f"CREATE SCHEMA a; CREATE TABLE a.units {units}; CREATE TABLE units {units};"
        "INSERT INTO units VALUES (1, 'ok', 'L1', now());"
        "INSERT INTO a.units VALUES (1, 'error', 'L1', now())"
    )
    shop.tables[shop.name] = ["orders", "units", "a.units"]
    by = {"quality": {"by": ["line_id"]}}
    shop.options[shop.name] = {"table": {"public.units": by, "a.units": by}}
    labels = {table.table for table in shop.synced().tables}
    assert labels == {"orders", "public.units", "a.units"}
    engine = shop.engine()
    assert {table.table for table in engine.check().tables} == labels
    rated = {table.table for table in engine.quality(QualityRequest()).tables}
    assert rated == {"public.units", "a.units"}
    failed = engine.failed_units(shop.name, "a.units", "line_id", "L1")
    assert len(failed.rows) == 1


def test_a_table_that_is_gone_is_called_what_it_was_called(shop: Link) -> None:
    shop.source.sql("CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int PRIMARY KEY)")
    shop.tables[shop.name] = ["billing.invoices"]
    before = only(shop.synced())
    shop.source.sql("DROP TABLE billing.invoices")
    shop.grants_wanted = False
    gone = only(shop.sync())
    assert (gone.table, gone.target, gone.status) == (before.table, before.target, "failed")


def test_a_transaction_may_wait_long_for_the_other_side(shop: Link) -> None:
    shop.synced()
    engine = shop.engine()
    for pool in (engine._pools.warehouse, *engine._pools.sources.values()):
        with pool.session() as session:
            row = session.execute(
                "SELECT setting::int8 / 3600000 FROM pg_settings"
                " WHERE name = 'idle_in_transaction_session_timeout'"
            ).fetchone()
        assert row is not None
        assert row[0] >= 1

"""Source and warehouse may be one database: what elconsole made there is no source of anything."""

from __future__ import annotations

import pytest

from elconsole.core.results import SyncRequest
from tests.conftest import MakeDatabase, MakeRole
from tests.link import Link, by_table

pytestmark = pytest.mark.integration


@pytest.fixture
def one(make_database: MakeDatabase, make_role: MakeRole) -> Link:
    """A link whose source is its warehouse, with two tables."""
    roles = {name: make_role(name) for name in ("plant", "warehouse")}
    database = make_database("one")
    database.sql(
        "CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1);"
        "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)"
    )
    return Link({"plant": database}, database, roles)


@pytest.mark.parametrize("pattern", ["*", "*.*", "[!x]*"])
def test_globs_leave_out_ledger_storage_and_copies(one: Link, pattern: str) -> None:
    one.tables["plant"] = [pattern]
    for _ in range(3):
        assert set(by_table(one.synced())) == {"customers", "orders"}
        # Whoever runs the grants again gives them on what was made since, too.
        one.warehouse.sql("CREATE TABLE IF NOT EXISTS raw.by_hand (id int)")
    rows = one.warehouse.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'raw'::regnamespace"
    )
    assert {row[0] for row in rows} == {"customers", "orders"}
    one.close()


def test_other_target_schemas_are_left_out(one: Link) -> None:
    one.synced()
    block = {**one.block("warehouse"), "schema": "raw_dev"}
    assert set(by_table(one.synced(warehouse=block))) == {"customers", "orders"}
    assert set(by_table(one.synced())) == {"customers", "orders"}
    one.close()


def test_a_name_or_a_glob_with_their_schema_still_means_them(one: Link) -> None:
    one.synced()
    for pattern in ("raw.customers", "raw.cust*"):
        one.tables["plant"] = ["orders", pattern]
        planned = {table.table for table in one.engine().plan(SyncRequest()).tables}
        assert planned == {"orders", "customers"}
    one.close()


def test_a_glob_that_means_only_them_says_so(one: Link) -> None:
    one.synced()
    one.tables["plant"] = ["orders", "target*"]
    (_, refused) = one.engine().plan(SyncRequest()).tables
    assert refused.error is not None
    assert "elconsole's own" in refused.error.message
    one.close()

"""`new_tables` and `new_columns`: what appears in a source is taken, left out, or asked about."""

from __future__ import annotations

from typing import Any

import pytest

from elconsole.core.results import IgnoredNew, SyncRequest, TableRun
from tests.conftest import MakeLink
from tests.link import by_table, only
from tests.pairs import Pair

pytestmark = pytest.mark.integration


@pytest.fixture
def old(pair: Pair) -> Pair:
    """A table `t` of two columns that was synced, incrementally."""
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    )
    configure(pair)
    pair.sync()
    return pair


def configure(pair: Pair, **plant: Any) -> None:
    pair.configure(plant.pop("table", None), plant={"mode": "incremental", **plant})


def tables(pair: Pair) -> dict[str, TableRun]:
    return by_table(pair.run())


def raw_columns(pair: Pair, table: str = "t") -> list[str]:
    rows = pair.warehouse.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 4"
        " AND NOT attisdropped ORDER BY attnum",
        f"raw.{table}",
    )
    return [row[0] for row in rows]


def told(pair: Pair) -> list[tuple[IgnoredNew, ...]]:
    """What a plan, `schema` and `check` say is left out."""
    assert pair.engine is not None
    engine = pair.engine
    return [engine.plan(SyncRequest()).ignored, engine.schema().ignored, engine.check().ignored]


def test_a_new_table_under_a_glob_is_left_out_and_told(old: Pair) -> None:
    old.source.sql("CREATE TABLE fresh (id int)")
    configure(old, new_tables="ignore")
    for _ in range(2):
        assert told(old) == [(IgnoredNew("plant", "fresh"),)] * 3
        detail = old.run()
        assert [table.table for table in detail.tables] == ["t"]
        assert detail.ignored == (IgnoredNew("plant", "fresh"),)
        assert detail.run.status == "succeeded"
    assert old.warehouse.scalar("SELECT count(*) FROM elconsole.targets") == 1
    configure(old)
    assert told(old) == [()] * 3
    assert set(tables(old)) == {"t", "fresh"}


def test_a_new_table_fails_where_settings_want_to_be_asked(old: Pair) -> None:
    old.source.sql("CREATE TABLE fresh (id int)")
    configure(old, new_tables="fail")
    found = tables(old)
    assert found["t"].status == "succeeded"
    error = found["fresh"].error
    assert error is not None
    assert error.message == "plant.fresh is new, and new_tables is fail"
    assert error.hint is not None
    assert error.hint.startswith("name it in tables or exclude of [sources.plant]")
    assert old.engine is not None
    assert [one.table for one in old.engine.check().problems] == ["fresh"]
    assert old.warehouse.scalar("SELECT count(*) FROM elconsole.targets") == 1
    configure(old, new_tables="fail", exclude=["fresh"])
    assert set(tables(old)) == {"t"}


@pytest.mark.parametrize("policy", ["ignore", "fail"])
def test_a_table_that_is_named_is_asked_for(old: Pair, policy: str) -> None:
    old.source.sql("CREATE TABLE named (id int); CREATE TABLE asked (id int)")
    configure(old, new_tables=policy, tables=["*", "public.named"], exclude=["asked"])
    assert {name: table.status for name, table in tables(old).items()} == {
        "t": "succeeded",
        "named": "succeeded",
    }
    configure(old, new_tables=policy)
    assert only(old.run(selection="plant.asked")).status == "succeeded"
    assert {table.status for table in tables(old).values()} == {"succeeded"}
    assert len(tables(old)) == 3


@pytest.mark.parametrize("policy", ["ignore", "fail"])
def test_the_first_sync_of_a_source_takes_everything(pair: Pair, policy: str) -> None:
    pair.source.sql("CREATE TABLE a (id int); CREATE TABLE b (id int)")
    pair.source.sql(f'REVOKE SELECT ON b FROM "{pair.source_role}"')
    configure(pair, new_tables=policy, new_columns=policy)
    assert {name: table.status for name, table in tables(pair).items()} == {
        "a": "succeeded",
        "b": "failed",
    }
    # It was selected before, whatever became of it.
    pair.source.sql(f'GRANT SELECT ON b TO "{pair.source_role}"')
    assert {table.status for table in tables(pair).values()} == {"succeeded"}


def test_each_source_may_say_it_for_itself(make_link: MakeLink) -> None:
    link = make_link("north", "south")
    for database in link.sources.values():
        database.sql("CREATE TABLE units (id int)")
    link.synced()
    for database in link.sources.values():
        database.sql("CREATE TABLE fresh (id int)")
    link.options["south"] = {"new_tables": "sync"}
    detail = link.synced(new_tables="ignore")
    assert [(one.source, one.table) for one in detail.ignored] == [("north", "fresh")]
    assert [t.source for t in detail.tables if t.table == "fresh"] == ["south"]


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_a_new_column_is_left_out_and_told(old: Pair, mode: str) -> None:
    old.source.sql("ALTER TABLE t ADD email text; INSERT INTO t VALUES (3, 'c', 'x@y')")
    configure(old, new_columns="ignore", mode=mode)
    for _ in range(2):
        assert told(old) == [(IgnoredNew("plant", "t", "email"),)] * 3
        detail = old.run()
        assert detail.ignored == (IgnoredNew("plant", "t", "email"),)
        (table,) = detail.tables
        assert table.error is None
        assert "new columns left out (new_columns): email" in table.notes
        assert table.strategy == ("xmin" if mode == "incremental" else "full")
        assert raw_columns(old) == ["id", "v"]
    assert old.warehouse.scalar("SELECT count(*) FROM raw.t") == 3
    configure(old)
    assert told(old) == [()] * 3
    old.run()
    assert raw_columns(old) == ["id", "v", "email"]


def test_a_new_column_fails_where_settings_want_to_be_asked(old: Pair) -> None:
    old.source.sql("ALTER TABLE t ADD email text")
    configure(old, new_columns="fail")
    error = tables(old)["t"].error
    assert error is not None
    assert error.message == "plant.t: new columns email, and new_columns is fail"
    assert "columns or exclude_columns" in (error.hint or "")
    assert raw_columns(old) == ["id", "v"]
    configure(old, new_columns="fail", table={"t": {"exclude_columns": ["email"]}})
    assert old.sync().error is None
    assert raw_columns(old) == ["id", "v"]
    configure(old, new_columns="fail", table={"t": {"columns": ["id", "v", "email"]}})
    assert old.sync().error is None
    assert raw_columns(old) == ["id", "v", "email"]


@pytest.mark.parametrize("policy", ["ignore", "fail"])
def test_what_settings_left_out_before_is_not_new(old: Pair, policy: str) -> None:
    configure(old, new_columns=policy, table={"t": {"exclude_columns": ["v"]}})
    old.sync()
    assert raw_columns(old) == ["id"]
    configure(old, new_columns=policy)
    old.sync()
    assert raw_columns(old) == ["id", "v"]


def test_what_a_list_of_columns_left_out_is_told_from_what_came_after_it(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE t (a int, id int PRIMARY KEY, v text)")
    configure(pair, table={"t": {"columns": ["id", "v"]}})
    pair.sync()
    pair.source.sql("ALTER TABLE t ADD email text")
    configure(pair, new_columns="ignore")
    pair.sync()
    assert raw_columns(pair) == ["id", "v", "a"]
    assert told(pair)[0] == (IgnoredNew("plant", "t", "email"),)


def test_after_a_reset_the_raw_table_tells_which_columns_are_new(old: Pair) -> None:
    old.warehouse.sql("DELETE FROM elconsole.watermarks")
    old.source.sql("ALTER TABLE t ADD email text")
    configure(old, new_columns="ignore")
    assert old.sync().strategy == "full"
    assert raw_columns(old) == ["id", "v"]
    old.warehouse.sql("DROP TABLE raw.t; DELETE FROM elconsole.watermarks")
    old.sync()
    assert raw_columns(old) == ["id", "v", "email"]

"""`targets`: raw tables listed with who feeds them; renamed, dropped, reset, given a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from elconsole.core.errors import (
    ElconsoleError,
    SchemaConflict,
    SwapBlocked,
    TableLocked,
    TargetTaken,
    UsageError,
)
from elconsole.core.results import SyncRequest
from elconsole.core.targets import TargetAction, TargetChange, TargetInfo, TargetRequest
from elconsole.engine.service import PostgresEngine
from elconsole.engine.sql.names import TABLE_LOCK_CLASS
from tests.link import by_table
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.integration

LEDGER = "SELECT source, target_table, generation FROM elconsole.targets ORDER BY target_table"


@pytest.fixture
def two(pair: Pair) -> Iterator[Pair]:
    pair.source.sql(
        "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x'), (2, 'y');"
        "CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)"
    )
    pair.configure(plant={"mode": "incremental"})
    pair.run()
    yield pair
    pair.close()


def change(
    pair: Pair, action: TargetAction, name: str, to: str | None = None, dry_run: bool = False
) -> tuple[TargetChange, ...]:
    assert pair.engine is not None
    return pair.engine.change_targets(TargetRequest(action, name, to, dry_run))


def listed(pair: Pair) -> dict[str, TargetInfo]:
    assert pair.engine is not None
    return {one.target: one for one in pair.engine.targets().targets}


def strategies(pair: Pair) -> dict[str, str]:
    return {name: table.strategy for name, table in by_table(pair.run()).items()}


def rename_source(pair: Pair, name: str) -> None:
    settings = pair.settings(plant={"mode": "incremental"})
    pair.close()
    update = {"sources": {name: settings.sources["plant"]}}
    pair.engine = PostgresEngine(settings.model_copy(update=update))


def test_every_raw_table_is_listed_with_who_feeds_it(two: Pair) -> None:
    two.source.sql("CREATE TABLE c (id int); CREATE TABLE d (id int)")
    two.source.sql(f'REVOKE SELECT ON c FROM "{two.source_role}"')
    two.run()
    two.source.sql("DROP TABLE d")
    two.warehouse.sql("DROP TABLE raw.b")
    two.configure(plant={"exclude": ["a"]})
    found = listed(two)
    assert {name: one.state for name, one in found.items()} == {
        "raw.a": "not_selected",
        "raw.b": "missing",
        "raw.c": "never_synced",
        "raw.d": "table_gone",
    }
    assert (found["raw.a"].rows, found["raw.a"].source, found["raw.a"].table) == (2, "plant", "a")
    assert found["raw.a"].bytes > 0
    assert found["raw.a"].last_synced_at is not None
    assert found["raw.a"].reason == "settings exclude public.a of plant (a)"
    two.configure()
    assert (listed(two)["raw.a"].state, listed(two)["raw.a"].reason) == ("fed", None)
    rename_source(two, "works")
    assert {one.state for one in listed(two).values()} == {"source_gone"}


def test_tables_of_a_silent_source_are_neither_fed_nor_gone(two: Pair) -> None:
    two.source_address = {"host": "127.0.0.1", "port": 1}
    two.configure(connect_timeout=1)
    assert {one.state for one in listed(two).values()} == {"unknown"}
    assert two.engine is not None
    assert [name for name, _ in two.engine.targets().unasked] == ["plant"]


def test_a_rename_takes_along_what_hangs_on_the_table(two: Pair) -> None:
    two.warehouse.sql("CREATE VIEW raw.seen AS SELECT id FROM raw.a")
    (told,) = change(two, "rename", "a", "raw.new", dry_run=True)
    assert (told.change, told.to) == ("renamed to raw.new", "raw.new")
    assert two.warehouse.sql(LEDGER) == [("plant", "a", 1), ("plant", "b", 1)]
    assert change(two, "rename", "a", "raw.new") == (told,)
    assert two.warehouse.sql(LEDGER) == [("plant", "b", 1), ("plant", "new", 1)]
    assert two.warehouse.scalar("SELECT count(*) FROM raw.seen") == 2
    two.source.sql("INSERT INTO a VALUES (3, 'z')")
    assert strategies(two) == {"a": "xmin", "b": "xmin"}
    assert two.warehouse.scalar("SELECT count(*) FROM raw.new") == 3
    assert two.warehouse.scalar("SELECT count(*) FROM raw.seen") == 3


@pytest.mark.parametrize(
    ("name", "to", "error", "words"),
    [
        ("aa", "new", UsageError, "there is no raw table aa"),
        ("a", "b", TargetTaken, "raw.b is the name of plant.public.b"),
        ("a", "mine", TargetTaken, "a view raw.mine stands there"),
        ("a", "x" * 64, UsageError, "can't be a table's name"),
        ("a", "", UsageError, "can't be a table's name"),
        ("a", "crm.new", UsageError, "a rename keeps the schema"),
    ],
)
def test_a_rename_that_cannot_be_says_why(
    two: Pair, name: str, to: str, error: type[ElconsoleError], words: str
) -> None:
    two.warehouse.sql("CREATE VIEW raw.mine AS SELECT 1 AS n")
    two.configure(plant={"target_schema": "crm"})
    for dry_run in (True, False):
        with pytest.raises(error, match=words):
            change(two, "rename", name, to, dry_run)
    assert two.warehouse.sql(LEDGER) == [("plant", "a", 1), ("plant", "b", 1)]


def test_a_name_that_settings_give_is_theirs_to_change(two: Pair) -> None:
    two.configure({"a": {"target": "chosen"}})
    with pytest.raises(UsageError, match=r"settings call raw.a chosen") as told:
        change(two, "rename", "a", "other")
    assert "sources.plant.table" in (told.value.hint or "")


def test_a_reader_delays_a_rename_and_is_named_no_rows_lost(two: Pair) -> None:
    two.configure(lock_wait=0.5)
    with two.warehouse.connect() as reader:
        reader.autocommit = False
        reader.execute("SELECT * FROM raw.a")
        with pytest.raises(SwapBlocked, match=r"raw.a stayed locked"):
            change(two, "rename", "a", "new")
        assert two.warehouse.scalar("SELECT count(*) FROM raw.a") == 2
    assert change(two, "rename", "a", "new")


def held_table(pair: Pair) -> Any:
    target = pair.warehouse.scalar("SELECT target_id FROM elconsole.targets WHERE target_table='a'")
    connection = pair.warehouse.connect()
    connection.execute("SELECT pg_advisory_lock(%s, %s)", [TABLE_LOCK_CLASS, target])
    return connection


@pytest.mark.parametrize("action", ["rename", "drop", "reset"])
def test_nothing_is_changed_under_a_sync(two: Pair, action: TargetAction) -> None:
    name = "plant.a" if action == "reset" else "a"
    with held_table(two), pytest.raises(TableLocked, match=r"raw.a is being synced by pid"):
        change(two, action, name, "new" if action == "rename" else None)
    assert two.warehouse.sql(LEDGER) == [("plant", "a", 1), ("plant", "b", 1)]
    until(lambda: two.advisory_locks() == 0)
    assert strategies(two) == {"a": "xmin", "b": "xmin"}


def test_a_dropped_table_is_gone_with_all_that_was_known_of_it(two: Pair) -> None:
    two.configure(plant={"exclude": ["a"], "mode": "incremental"})
    (told,) = change(two, "drop", "raw.a", dry_run=True)
    assert told.change == "dropped with its 2 rows"
    assert two.warehouse.scalar("SELECT count(*) FROM raw.a") == 2
    change(two, "drop", "raw.a")
    assert two.warehouse.sql(LEDGER) == [("plant", "b", 1)]
    assert two.warehouse.scalar("SELECT to_regclass('raw.a')") is None
    assert two.warehouse.scalar("SELECT count(*) FROM elconsole.watermarks") == 1
    assert two.leftovers() == []
    assert two.warehouse.scalar("SELECT count(*) FROM elconsole.table_runs") == 2
    two.configure(plant={"mode": "incremental"})
    assert strategies(two) == {"a": "full", "b": "xmin"}


def test_a_table_that_a_view_reads_is_not_dropped(two: Pair) -> None:
    two.warehouse.sql("CREATE VIEW raw.seen AS SELECT id FROM raw.a")
    with pytest.raises(SchemaConflict, match=r"view raw.seen depends on table raw.a"):
        change(two, "drop", "a")
    assert two.warehouse.scalar("SELECT count(*) FROM raw.seen") == 2
    assert two.warehouse.sql(LEDGER) == [("plant", "a", 1), ("plant", "b", 1)]


def test_somebody_elses_table_under_that_name_is_left_alone(two: Pair) -> None:
    two.warehouse.sql("DROP TABLE raw.a; CREATE TABLE raw.a AS SELECT 7 AS mine")
    for action, to in (("drop", None), ("rename", "new")):
        with pytest.raises(TargetTaken, match=r"raw.a is a table that elconsole did not make"):
            change(two, action, "a", to)  # type: ignore[arg-type]
    assert two.warehouse.sql("SELECT * FROM raw.a") == [(7,)]


def test_a_name_whose_table_is_gone_can_be_forgotten(two: Pair) -> None:
    two.warehouse.sql("DROP TABLE raw.a")
    assert change(two, "drop", "a")[0].change == "forgotten"
    assert two.warehouse.sql(LEDGER) == [("plant", "b", 1)]


def test_after_a_reset_the_next_sync_is_full_and_says_why(two: Pair) -> None:
    assert change(two, "reset", "plant.a", dry_run=True) == change(two, "reset", "plant.a")
    assert two.engine is not None
    plan = {one.table: one for one in two.engine.plan(SyncRequest()).tables}
    assert plan["a"].notes == ("full refresh: its watermark was reset",)
    assert strategies(two) == {"a": "full", "b": "xmin"}
    assert strategies(two) == {"a": "xmin", "b": "xmin"}
    change(two, "reset", "plant.*")
    assert strategies(two) == {"a": "full", "b": "full"}


@pytest.mark.parametrize("name", ["plant", "plant.nothing", "works.a"])
def test_a_reset_of_nothing_is_a_wrong_request(two: Pair, name: str) -> None:
    with pytest.raises(UsageError, match="no raw table is of"):
        change(two, "reset", name)
    assert two.warehouse.scalar("SELECT count(*) FROM elconsole.watermarks") == 2


def test_a_source_renamed_in_settings_goes_on_where_it_was(two: Pair) -> None:
    with pytest.raises(UsageError, match="there is no source works"):
        change(two, "move-source", "plant", "works")
    rename_source(two, "works")
    told = change(two, "move-source", "plant", "works", dry_run=True)
    assert [one.change for one in told] == ["source plant becomes works"] * 2
    assert {row[0] for row in two.warehouse.sql(LEDGER)} == {"plant"}
    assert change(two, "move-source", "plant", "works") == told
    assert {one.state for one in listed(two).values()} == {"fed"}
    two.source.sql("INSERT INTO a VALUES (3, 'z')")
    assert strategies(two) == {"a": "xmin", "b": "xmin"}
    assert two.warehouse.scalar("SELECT count(*) FROM raw.a") == 3
    with pytest.raises(UsageError, match="no raw table is of a source plant"):
        change(two, "move-source", "plant", "works")


def test_a_source_that_is_still_configured_is_not_moved(two: Pair) -> None:
    with pytest.raises(UsageError, match="the source plant is still configured"):
        change(two, "move-source", "plant", "plant")


def test_a_source_that_was_synced_under_its_new_name_is_not_moved_over_it(two: Pair) -> None:
    rename_source(two, "works")
    two.run()
    with pytest.raises(TargetTaken, match=r"works has raw.works_a for public.a already") as told:
        change(two, "move-source", "plant", "works")
    assert told.value.hint == "drop one of the two: `elconsole targets drop raw.works_a`"
    change(two, "drop", "works_a")
    change(two, "drop", "works_b")
    change(two, "move-source", "plant", "works")
    assert strategies(two) == {"a": "xmin", "b": "xmin"}


def test_a_warehouse_without_a_ledger_has_nothing_to_change(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE a (id int)")
    pair.configure()
    assert listed(pair) == {}
    with pytest.raises(UsageError, match="no sync has written to this warehouse"):
        change(pair, "drop", "a")
    assert pair.warehouse.scalar("SELECT to_regnamespace('elconsole')") is None

"""`--due`: only tables whose last sync began longer ago than their `every`, or never."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from elconsole.core.events import Event
from elconsole.core.results import RunDetail, SyncRequest
from tests.conftest import MakeLink
from tests.link import Link

pytestmark = pytest.mark.integration


@pytest.fixture
def plant(link: Link) -> Link:
    link.source.sql("; ".join(f"CREATE TABLE {name} (id int PRIMARY KEY)" for name in "abc"))
    tables = {"a": {"every": "1h"}, "b": {"every": "off"}}
    link.options[link.name] = {"every": "4h", "table": tables}
    return link


def sync(link: Link, *selection: str, **request: Any) -> RunDetail:
    events: list[Event] = []
    wanted = SyncRequest(selection, **request)
    detail = link.engine().sync(wanted, emit=events.append, stop=threading.Event())
    assert detail.run.status == "succeeded" or not detail.tables, detail
    return detail


def names(detail: RunDetail) -> list[str]:
    return [table.table for table in detail.tables]


def due(link: Link, *selection: str) -> list[str]:
    """What `--due` syncs, which must be what its plan says."""
    planned = link.engine().plan(SyncRequest(selection, due=True)).tables
    synced = names(sync(link, *selection, due=True))
    assert [table.table for table in planned] == synced
    return synced


def age(link: Link, **ago: float) -> None:
    """Let all runs have begun earlier."""
    seconds = timedelta(**ago).total_seconds()
    link.warehouse.sql(f"UPDATE elconsole.runs SET started_at = started_at - interval '{seconds}s'")


def test_a_table_is_due_when_its_last_sync_began_as_long_ago_as_every_says(plant: Link) -> None:
    assert due(plant) == ["a", "b", "c"]
    assert due(plant) == ["b"]
    age(plant, minutes=58)
    assert due(plant) == ["b"]
    age(plant, minutes=1.5)
    assert due(plant) == ["a", "b"]
    assert due(plant) == ["b"]
    age(plant, hours=4)
    assert due(plant, f"{plant.name}.c") == ["c"]
    assert due(plant) == ["a", "b"]


def test_where_nothing_is_due_nothing_is_recorded(plant: Link) -> None:
    plant.synced()
    assert due(plant, f"{plant.name}.a", f"{plant.name}.c") == []
    assert plant.warehouse.scalar("SELECT count(*) FROM elconsole.runs") == 1


def test_only_a_sync_that_succeeded_counts_and_no_backfill(plant: Link) -> None:
    plant.synced()
    age(plant, hours=2)
    plant.source.sql("ALTER TABLE a ADD COLUMN _airbyte_x int")
    failed = sync_anyhow(plant, f"{plant.name}.a")
    assert [table.status for table in failed.tables] == ["failed"]
    plant.source.sql("ALTER TABLE a DROP COLUMN _airbyte_x")
    assert names(sync(plant, f"{plant.name}.a", backfill="true")) == ["a"]
    assert due(plant) == ["a", "b"]


def sync_anyhow(link: Link, *selection: str) -> RunDetail:
    wanted = SyncRequest(selection, due=True)
    return link.engine().sync(wanted, emit=lambda _: None, stop=threading.Event())


def test_a_new_table_is_due(plant: Link) -> None:
    plant.synced()
    plant.source.sql("CREATE TABLE d (id int PRIMARY KEY)")
    assert due(plant) == ["b", "d"]


def test_a_source_of_which_nothing_is_due_need_not_answer(make_link: MakeLink) -> None:
    link = make_link("one", "two")
    for source in link.sources.values():
        source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    link.options = {"one": {"every": "1h"}, "two": {"every": "1h"}}
    link.synced()
    link.options["two"]["password"], link.options["two"]["port"] = "none", 1
    link.grants_wanted = False
    assert due(link) == []
    age(link, hours=1)
    detail = sync_anyhow(link)
    assert [(t.source, t.status) for t in detail.tables] == [
        ("one", "succeeded"),
        ("two", "failed"),
    ]


def test_a_table_that_settings_name_and_is_not_there_is_told_each_time(plant: Link) -> None:
    plant.synced()
    plant.tables[plant.name], plant.grants_wanted = ["a", "missing"], False
    assert [t.table for t in sync_anyhow(plant).tables] == ["missing"]

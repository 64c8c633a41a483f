"""A raw table that no sync fills any more is told, with the reason, wherever one looks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from elconsole.config.models import Settings
from elconsole.core.results import SyncRequest, UnfedTable
from elconsole.engine.catalog.source import SourceRelation
from elconsole.engine.ledger.places import Place
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.unfed import unfed_tables
from elconsole.engine.service import PostgresEngine
from tests.pairs import Pair

integration = pytest.mark.integration
NOBODY_LISTENS = 1
"""A port."""


@pytest.fixture
def two(pair: Pair) -> Pair:
    """Two tables, synced once."""
    pair.source.sql(
        "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE parts (id int PRIMARY KEY)"
    )
    pair.configure()
    assert pair.run().unfed == ()
    return pair


def everywhere(pair: Pair) -> tuple[UnfedTable, ...]:
    """What a check, a plan, the drift, advice and a sync say, which is the same."""
    assert pair.engine is not None
    found = pair.engine.check().unfed
    assert found is not None
    assert pair.engine.plan(SyncRequest()).unfed == found
    assert pair.engine.schema().unfed == found
    advised = [one for one in pair.engine.advise().findings if "no sync fills" in one.finding]
    assert [one.subject for one in advised] == [table.target for table in found]
    assert pair.run().unfed == found
    return found


@integration
def test_a_table_that_settings_exclude_is_told_since_its_last_sync(two: Pair) -> None:
    (synced,) = two.warehouse.sql(
        "SELECT last_synced_at FROM elconsole.targets WHERE source_table = 'parts'"
    )
    two.configure(plant={"exclude": ["par*"]})
    (table,) = everywhere(two)
    assert (table.target, table.source, table.table) == ("raw.parts", "plant", "parts")
    assert table.since == synced[0]
    assert table.reason == "settings exclude public.parts of plant (par*)"


@integration
def test_a_table_that_no_pattern_names_is_told_until_one_does(two: Pair) -> None:
    two.configure(plant={"tables": ["orders"]})
    (table,) = everywhere(two)
    assert table.reason == "no pattern in the tables of plant names public.parts"
    two.configure(plant={"tables": ["orders", "p*"]})
    assert everywhere(two) == ()


@integration
def test_a_table_that_its_source_renamed_is_told(two: Pair) -> None:
    two.source.sql("ALTER TABLE parts RENAME TO pieces")
    (table,) = everywhere(two)
    assert table.target == "raw.parts"
    assert table.reason.startswith("plant has no table public.parts any more")


@integration
def test_the_tables_of_a_renamed_source_are_told(two: Pair) -> None:
    settings = two.settings()
    two.close()
    two.engine = PostgresEngine(
        settings.model_copy(update={"sources": {"works": settings.sources["plant"]}})
    )
    found = everywhere(two)
    assert [table.target for table in found] == ["raw.orders", "raw.parts"]
    assert {table.reason for table in found} == {"the source plant is no longer configured"}


@integration
def test_a_table_whose_source_does_not_answer_is_not_called_unfed(two: Pair) -> None:
    two.source_address = {"host": "127.0.0.1", "port": NOBODY_LISTENS}
    two.configure(plant={"exclude": ["parts"]}, connect_timeout=1, retries=0)
    assert two.engine is not None
    report = two.engine.check()
    assert (report.unfed, report.unasked) == ((), ("plant",))
    assert two.engine.schema().unfed == ()
    detail = two.run()
    assert (detail.unfed, detail.unasked) == ((), ("plant",))


@integration
def test_a_raw_table_that_was_dropped_is_missed_by_nobody(two: Pair) -> None:
    two.warehouse.sql("DROP TABLE raw.parts")
    two.configure(plant={"exclude": ["parts"]})
    assert everywhere(two) == ()


@integration
def test_a_sync_of_some_tables_says_nothing_of_the_others(two: Pair) -> None:
    two.configure(plant={"exclude": ["parts"]})
    assert two.engine is not None
    assert two.run(selection="plant").unfed is None
    assert two.engine.plan(SyncRequest(("plant",))).unfed == ()


SYNCED = datetime(2026, 3, 1, tzinfo=UTC)


def target(name: str, key: tuple[str, str, str], generation: int = 1) -> Target:
    return Target(
        target_id=1, home="raw", key=key, place=Place("raw", name), generation=generation,
        row_count=None, analyzed_rows=None, last_synced_at=SYNCED, content_run_id=None,
        units_passed=None, units_failed=None, units_version=None, watermark=None,
    )  # fmt: skip


def unfed(tables: list[str], *targets: Target, **relation: Any) -> list[tuple[str, str]]:
    """Label and reason of each, where the source holds one relation `t`."""
    known: dict[str, Any] = {"kind": "r", "is_partition": False, "of_extension": False}
    known |= {"rows_estimated": None, "bytes_estimated": None, **relation}
    held = SourceRelation(oid=1, schema="public", name="t", **known)
    settings = Settings.model_validate({"sources": {"plant": {"tables": tables, "dbname": "d"}}})
    found = unfed_tables(settings, targets, {one.place for one in targets}, {"plant": [held]})
    return [(one.table, one.reason) for one in found]


T = target("t", ("plant", "public", "t"))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ({"kind": "v"}, "a view"),
        ({"is_partition": True}, "a partition of another table"),
        ({"of_extension": True}, "an extension's table"),
    ],
)
def test_what_a_glob_no_longer_selects_is_told_for_what_it_became(
    relation: dict[str, Any], words: str
) -> None:
    said = f"public.t of plant is now {words}, which only its own name selects"
    assert unfed(["*"], T, **relation) == [("t", said)]
    assert unfed(["t"], T, **relation) == []


@pytest.mark.unit
def test_tables_of_one_name_are_told_apart_and_what_was_never_published_is_not_told() -> None:
    gone = target("t_2", ("plant", "old", "t"))
    never = target("t_3", ("plant", "older", "t"), generation=0)
    assert [label for label, _ in unfed(["*"], T, gone, never)] == ["old.t"]

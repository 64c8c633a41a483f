"""Values may change while no row does: what they depend on is compared with the last sync's."""

from __future__ import annotations

import pytest

from tests.pairs import Pair

pytestmark = pytest.mark.integration


@pytest.fixture
def synced(pair: Pair) -> Pair:
    pair.source.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'fine'); CREATE DOMAIN feeling AS mood;"
        "CREATE TYPE part AS (id int, mood mood);"
        "CREATE TABLE t (id int PRIMARY KEY, m mood, many mood[], f feeling, p part,"
        " twice int GENERATED ALWAYS AS (id * 2) VIRTUAL, r regclass);"
        "INSERT INTO t (id, m, many, f, p, r)"
        " SELECT n, 'sad', '{sad,fine}', 'sad', ROW(n, 'sad')::part, 't'"
        " FROM generate_series(1, 3) n"
    )
    pair.incremental()
    pair.sync()
    assert pair.sync().strategy == "xmin"
    return pair


def assert_equal(pair: Pair) -> None:
    columns = "id, m::text, many::text, f::text, p::text, twice"
    assert pair.raw(columns) == pair.rows(columns)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "f"),
        ("ALTER TYPE part ADD ATTRIBUTE label text", "p"),
        ("ALTER TYPE part DROP ATTRIBUTE id", "p"),
        ("ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (id * 20)", "twice"),
    ],
)
def test_values_that_changed_by_themselves_are_refreshed_once(
    synced: Pair, change: str, column: str
) -> None:
    synced.source.sql(change)
    reason = f"full refresh: the values of {column} changed by themselves"
    assert synced.plan().notes[-1].startswith(reason)
    table = synced.sync()
    assert table.strategy == "full"
    assert table.notes[-1].startswith(reason)
    assert_equal(synced)
    assert synced.sync().strategy == "xmin"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TYPE mood ADD VALUE 'glad' BEFORE 'sad'",
        "ALTER TYPE part RENAME ATTRIBUTE id TO number",
        "CREATE TYPE other AS ENUM ('x'); ALTER TABLE t ADD COLUMN o other",
        "ALTER TABLE t DROP COLUMN p",
    ],
)
def test_what_changes_no_stored_value_refreshes_nothing(synced: Pair, change: str) -> None:
    synced.source.sql(change)
    assert synced.sync().strategy == "xmin"


def test_what_a_sync_of_an_older_version_left_is_gone_on_from(synced: Pair) -> None:
    synced.warehouse.sql("UPDATE elconsole.watermarks SET selection = '{}'")
    assert synced.sync().strategy == "xmin"
    synced.source.sql("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
    assert synced.sync().strategy == "full"


def test_what_can_not_be_seen_is_told(synced: Pair) -> None:
    told = "a renamed object changes r unseen, until the next full refresh"
    assert told in synced.plan().notes

"""What elconsole suggests to run or to write does what it says, whatever names are in it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.advisors.facts import Facts, PastLoad, TableFacts
from elconsole.advisors.loading import load_optimizer
from elconsole.advisors.words import block_of
from elconsole.core.quoting import dotted, printable_identifier
from elconsole.core.safe_text import clean_text
from tests.faults.conftest import only
from tests.link import Link

pytestmark = pytest.mark.faults

TABLE = "u \\! touch pwned; :"
ROLE = 'm"; DROP SCHEMA elconsole CASCADE; --\x1b[2J\\'
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOAD = PastLoad(
    finished_at=NOW, strategy="full", rows_read=200_000, rows_written=200_000,
    extract_seconds=10.0, duration_seconds=100.0,
)  # fmt: skip


def table(name: str) -> TableFacts:
    """A table whose indexes take most of the time."""
    return TableFacts(
        source="a", table=name, target=f"raw.{name}", argument="x", sql_name="x", mode="full",
        strategy="full", loads=(LOAD,) * 3, rows=200_000,
    )  # fmt: skip


def test_a_command_for_psql_names_the_table_and_runs_nothing_else() -> None:
    found = load_optimizer(Facts(now=NOW, tables=(table(TABLE),)))
    assert [one.command for one in found] == [f'\\d raw."{TABLE}"']


def test_a_block_of_settings_is_the_tables_own() -> None:
    name = 'x]\nplugins = ["evil"]\n["\\u0041'
    (source,) = tomllib.loads(block_of(table(name)))["sources"].values()
    assert source == {"table": {clean_text(name): {}}}


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1))
def test_any_key_is_read_as_itself(path: list[str]) -> None:
    found = tomllib.loads(f"[{dotted(path)}]")
    for part in path:
        found = found[clean_text(part, 80)]


@pytest.mark.parametrize(
    "right",
    ["CREATE ON SCHEMA elconsole", "TRIGGER ON elconsole.table_runs", "TRIGGER ON {leaf}"],
)
def test_words_that_take_a_right_away_name_the_very_role(link: Link, right: str) -> None:
    link.source.sql("CREATE TABLE units (id int PRIMARY KEY)")
    link.synced()
    leaf = link.warehouse.scalar(
        "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'raw.units'::regclass"
    )
    role = printable_identifier(ROLE)
    link.warehouse.sql(f"CREATE ROLE {role}")
    try:
        link.warehouse.sql(f"GRANT {right.format(leaf=leaf)} TO {role}")
        error = only(link.sync().tables).error
        assert error is not None
        assert error.hint is not None
        assert clean_text(error.hint) == error.hint
        link.warehouse.sql(error.hint.removesuffix(", also in default privileges"))
        link.synced()
    finally:
        link.warehouse.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_name_that_is_shown_stays_the_name(link: Link) -> None:
    for name in ("plain", "Two words", 'a"b\\c', ROLE, "\u202e\u200d\\", "ᅠ"):
        shown = printable_identifier(name)
        assert clean_text(shown) == shown
        found = "SELECT relname FROM pg_class WHERE relname = %s"
        with link.warehouse.connect() as connection:
            connection.execute(f"CREATE TEMP TABLE {shown} ()".encode())
            assert connection.execute(found, [name]).fetchone() == (name,)

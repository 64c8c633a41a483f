"""A source's owner names a table like a pattern; the selection stays what was written."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase

import pytest

from elconsole.config.models import SourceSettings
from elconsole.config.patterns import argument, quote, regular_expression, table_matches
from elconsole.engine.catalog.source import SourceRelation, choose
from elconsole.report import text
from tests.pairs import Pair


def relation(oid: int, name: str, schema: str = "public") -> SourceRelation:
    return SourceRelation(oid, schema, name, "r", False, False, None, None)


RELATIONS = [relation(1, "orders"), relation(2, "*"), relation(3, "[ab]"), relation(4, "a")]


def names(*wanted: str, excluded: tuple[str, ...] = ()) -> set[str]:
    return {found.name for found in choose(RELATIONS, wanted, excluded).relations}


def test_a_table_called_like_a_glob_does_not_become_the_selection() -> None:
    assert names("*") == {"orders", "*", "[ab]", "a"}
    assert names("public.*") == {"orders", "*", "[ab]", "a"}
    assert names("[ab]") == {"a"}


def test_a_table_called_like_a_glob_is_not_spared_or_taken_by_an_exclusion() -> None:
    assert names("*", excluded=("[ab]",)) == {"orders", "*", "[ab]"}


def test_brackets_spell_a_literal() -> None:
    assert names("[*]") == {"*"}
    assert names("[[]ab]") == {"[ab]"}


@pytest.mark.parametrize("name", ["*", "?", "[", "[*]", "[!a]", "a*b", "orders"])
def test_a_quoted_name_matches_only_itself(name: str) -> None:
    others = ["*", "?", "[", "[*]", "[!a]", "a*b", "orders", "b", "axb", ""]
    assert [other for other in others if table_matches(quote(name), "s", other)] == [name]


def test_a_block_for_all_tables_does_not_outrank_a_later_one_for_a_table_called_like_it() -> None:
    source = SourceSettings.model_validate(
        {"table": {"*": {"mode": "full"}, "[*]": {"mode": "incremental"}}}
    )
    assert source.table_settings("public", "*").mode == "incremental"
    assert source.table_settings("public", "orders").mode == "full"


@pytest.mark.parametrize("name", ["*", "t[1]", "a?b", "plain", "s.t"])
def test_the_argument_for_a_table_selects_that_table(name: str) -> None:
    source, _, pattern = argument("plant", name).partition(".")
    assert source == "plant"
    assert table_matches(pattern, "public", name) or table_matches(pattern, "s", "t")
    assert not table_matches(pattern, "public", "other")


@pytest.mark.integration
def test_a_table_called_like_a_glob_leaves_no_other_unfed(pair: Pair) -> None:
    pair.source.sql("CREATE TABLE orders (id int PRIMARY KEY)")
    pair.configure(plant={"tables": ["*"]})
    pair.run()
    pair.source.sql('CREATE TABLE "*" (id int PRIMARY KEY)')
    detail = pair.run()
    assert {table.table for table in detail.tables} == {"orders", "*"}
    assert detail.unfed == ()
    assert [table.table for table in pair.run(selection="plant.[*]").tables] == ["*"]


@pytest.mark.integration
def test_a_table_that_its_owner_takes_away_is_told_in_one_clean_line(pair: Pair) -> None:
    pair.source.sql('CREATE TABLE "a\x1b[31m\nraw.b: fed" (id int PRIMARY KEY)')
    pair.configure(plant={"tables": ["*"]})
    pair.run()
    pair.source.sql('DROP TABLE "a\x1b[31m\nraw.b: fed"')
    assert pair.engine is not None
    report = pair.engine.check()
    assert report.unfed is not None
    assert len(report.unfed) == 1
    (line,) = [
        line for line in text.check(report, datetime.now(UTC)).split("\n") if "not fed" in line
    ]
    assert "\x1b" not in line
    assert "any more: it was dropped or renamed" in line


PATTERNS = ["*", "a?c", "[a-c]*", "[!a]b", "[!^]b", "[b-a]", "[!b-a]", "[]]", "[a-]", "a\\*", "a.*"]
HELD = ["abc", "a.c", "bb", "^b", "]", "-", "a\\b", "a\nc", "é", "abc.d", ""]


@pytest.mark.integration
def test_grants_name_the_tables_that_the_selection_names(pair: Pair) -> None:
    for pattern in PATTERNS:
        found = pair.source.sql(
            "SELECT name FROM unnest(%s::text[]) AS t (name) WHERE name ~ %s",
            HELD,
            regular_expression(pattern),
        )
        expected = [name for name in HELD if fnmatchcase(name, pattern)]
        assert [name for (name,) in found] == expected, pattern

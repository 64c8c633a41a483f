"""A source's owner names a table like a pattern; the selection stays what was written."""

from __future__ import annotations

import pytest

from elconsole.config.models import SourceSettings
from elconsole.config.patterns import argument, quote, table_matches
from elconsole.engine.catalog.source import SourceRelation, choose


def relation(oid: int, name: str, schema: str = "public") -> SourceRelation:
    return SourceRelation(oid, schema, name, "r", False, False, None, None)


RELATIONS = [relation(1, "orders"), relation(2, "*"), relation(3, "[ab]"), relation(4, "a")]


def names(*wanted: str, excluded: tuple[str, ...] = ()) -> set[str]:
    return {found.name for found in choose(RELATIONS, wanted, excluded)[0]}


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

"""Patterns mean what they say, whatever the names they are held against."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elconsole.config.grants import source_grants
from elconsole.config.models import SourceSettings
from elconsole.config.patterns import (
    argument,
    is_glob,
    parts,
    quote,
    read_argument,
    regular_expression,
    spelled,
    table_matches,
)

pytestmark = pytest.mark.unit
NAMES = st.text(st.sampled_from("ab.*?[]!-^\\ é\n"), min_size=1, max_size=8)


@given(NAMES, NAMES)
def test_a_quoted_name_matches_only_itself(name: str, other: str) -> None:
    assert spelled(quote(name)) == name
    assert fnmatchcase(name, quote(name))
    assert fnmatchcase(other, quote(name)) == (other == name)


@given(NAMES)
@example("[!]")
@example("[]a]")
@example("[!]a]")
def test_a_pattern_is_the_sum_of_its_parts(pattern: str) -> None:
    assert "".join(parts(pattern)) == pattern
    name = spelled(pattern)
    assert name is None or fnmatchcase(name, pattern)
    assert is_glob(pattern) == (name is None)


@given(NAMES, NAMES)
@example("[!^a]", "b")
@example("[b-a]", "b")
@example("[!b-a]", "b")
@example("[a-]", "-")
def test_the_regular_expression_matches_what_the_pattern_matches(pattern: str, name: str) -> None:
    matched = re.fullmatch(regular_expression(pattern)[1:-1], name, re.DOTALL)
    assert (matched is not None) == fnmatchcase(name, pattern)


@given(st.sets(NAMES, min_size=1), NAMES)
@example({"a", "a.b"}, "b.c")
@example({"a", "a.b"}, "b")
def test_an_argument_is_read_as_the_source_and_table_it_was_made_of(
    sources: set[str], table: str
) -> None:
    for source in sources:
        read, pattern = read_argument(argument(source, table, sources), sources)
        assert read == source
        assert table_matches(pattern, "public", table)
        assert spelled(pattern) == table


def test_case_counts() -> None:
    assert not table_matches("Orders", "public", "orders")
    assert not table_matches("O*", "public", "orders")


def test_a_schema_that_brackets_spell_is_granted_by_its_name() -> None:
    sql = source_grants("x", SourceSettings(tables=("[*].*",)))
    assert 'GRANT USAGE ON SCHEMA "*" TO' in sql

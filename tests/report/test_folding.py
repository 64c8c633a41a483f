"""Tables and lines on a terminal: as wide as it, and nothing of them lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.safe_text import cell_width
from elconsole.report.folding import folded, folded_comments
from elconsole.report.table import Column, table

pytestmark = pytest.mark.unit
TEXTS = st.text(alphabet="ab 表é́·", max_size=90)
COLUMNS = (
    Column("name"),
    Column("n", right=True, fold=1),
    Column("why", fold=3),
    Column("z", fold=2),
)
ROWS = [("one", "1", "because of it all", "–"), ("three", "12", "", "zz")]


@given(st.lists(TEXTS, max_size=5).map("\n".join), st.integers(10, 80))
def test_a_folded_text_fits_and_keeps_its_words(text: str, width: int) -> None:
    shown = folded(text, width)
    assert all(cell_width(line) <= width for line in shown.split("\n"))
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)


def test_what_goes_on_is_indented() -> None:
    assert folded("  next  run this one now", 16) == "  next  run this\n    one now"
    assert folded("a" * 9, 4) == "aaaa\n  aa\n  aa\n  a"
    assert folded("as it is, wide or not", None) == "as it is, wide or not"


def test_a_comment_stays_one_and_a_statement_is_left_alone() -> None:
    sql = '-- one two three\nGRANT SELECT ON "a  b" TO c;'
    assert folded_comments(sql, 12).split("\n") == [
        "-- one two",
        "--   three",
        'GRANT SELECT ON "a  b" TO c;',
    ]
    assert folded_comments(sql, None) == sql


def test_a_table_that_fits_is_the_same_as_in_a_pipe() -> None:
    assert table(COLUMNS, ROWS, width=80) == table(COLUMNS, ROWS)


def test_columns_go_below_their_row_in_the_order_of_their_importance() -> None:
    assert table(COLUMNS, ROWS, width=16).split("\n") == [
        "name    n  z",
        "-----  --  --",
        "one     1  –",
        "    why because",
        "      of it all",
        "three  12  zz",
    ]
    assert table(COLUMNS, ROWS, ROWS[1], width=12).split("\n") == [
        "name    n",
        "-----  --",
        "one     1",
        "    why",
        "      becaus",
        "      e of",
        "      it all",
        "three  12",
        "    z zz",
        "-----  --",
        "three  12",
        "    z zz",
    ]


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=4), st.integers(10, 120))
def test_no_value_of_a_table_is_lost(rows: list[tuple[str, ...]], width: int) -> None:
    shown = folded(table(COLUMNS, rows, width=width), width)
    letters = {cell: re.sub(r"[\s–]", "", cell) for row in rows for cell in row}
    found = re.sub(r"\s", "", shown)
    assert all(re.sub(r"\s", "", text) in found for text in letters.values())

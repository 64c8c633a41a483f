"""Numbers that do not lie and text that can't hurt a terminal."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.humanize import age, bytes_size, rows, rows_exact, seconds
from elconsole.core.safe_text import cell_width, clean_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0"),
        (350, "350"),
        (999, "999"),
        (1000, "1k"),
        (41_234, "41.2k"),
        (610_000, "610k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (999_999, "1M"),
        (1_650_000, "1.65M"),
        (999_999_999, "1G"),
        (10**18, "1,000P"),
        (-1500, "-1.5k"),
    ],
)
def test_row_counts_have_three_digits(count: int | None, text: str) -> None:
    assert rows(count) == text


def test_exact_row_counts_have_all_their_digits() -> None:
    assert (rows_exact(610_000), rows_exact(0), rows_exact(None)) == ("610,000", "0", "–")


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (412_000_000, "412 MB"), (1_500, "1.5 kB")],
)
def test_sizes_have_a_unit(count: int | None, text: str) -> None:
    assert bytes_size(count) == text


@given(st.integers(0, 10**17))
def test_a_short_count_is_within_half_a_percent(count: int) -> None:
    text = rows(count)
    scale = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}.get(text[-1], 1)
    number = float(text.rstrip("kMGTP"))
    assert number < 1000
    assert number * scale == pytest.approx(count, rel=0.00501)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0 s"),
        (-1, "0 s"),
        (0.045, "45 ms"),
        (0.9996, "1.0 s"),
        (3.24, "3.2 s"),
        (59.96, "1 m 00 s"),
        (65, "1 m 05 s"),
        (3599.7, "1 h 00 m"),
        (7380, "2 h 03 m"),
        (172_799.9, "2 d 00 h"),
        (math.inf, "∞"),
    ],
)
def test_durations_read_well_at_every_size(value: float | None, text: str) -> None:
    assert seconds(value) == text


@given(st.floats(0, 1e9))
def test_no_duration_shows_sixty_of_anything(value: float) -> None:
    assert not {"60 s", "60.0 s", "60 m", "1000 ms"} & {seconds(value), seconds(value)[-4:]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (-3, "just now"),
        (-3600, "in the future"),
        (0, "just now"),
        (12.9, "12 s ago"),
        (59.99, "59 s ago"),
        (200, "3 min ago"),
        (7200, "2 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 d ago"),
        (math.inf, "11,574,074 d ago"),
    ],
)
def test_ages_are_told_in_one_unit(value: float | None, text: str) -> None:
    assert age(value) == text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (None, "–"),
        (12, "12"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("a\x1b", "a"),
        ("a\r\nb\tc", "a b c"),
        ("a\u202eb\u2066c\u200bd\ufeffe\u00adf", "abcdef"),
        ("a\x00b\x7fc\x85d", "abc d"),
        ("a\u200d\ufe0fb", "ab"),
        ("\udcff", ""),
        ("[red]stays[/red]", "[red]stays[/red]"),
        ("e\u0301", "e\u0301"),
        ("日本", "日本"),
    ],
)
def test_foreign_text_loses_what_could_move_or_colour(dirty: object, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 0, ""),
        ("x" * 100_000, 5, "xxxx…"),
        ("a" + "\u0301" * 100_000 + "b", 5, None),
    ],
)
def test_long_text_is_cut_by_cells(text: str, limit: int, cut: str | None) -> None:
    assert cut is None or clean_text(text, limit) == cut
    assert cell_width(clean_text(text, limit)) <= limit


@given(st.text() | st.text("\x1b[]0;m\x07\x9b\\a日\u0301\u202e"), st.integers(0, 30))
def test_cleaned_text_is_harmless_and_fits(text: str, limit: int) -> None:
    whole, cut = clean_text(text), clean_text(text, limit)
    for shown in (whole, cut):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert cell_width(cut) <= limit
    assert cut == whole or cut.endswith("…") or limit == 0
    assert clean_text(whole) == whole

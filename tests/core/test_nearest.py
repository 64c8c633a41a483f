"""The name that a mistyped one meant, also where a source has thousands made to be compared."""

from __future__ import annotations

import difflib
import random
import time

from hypothesis import given
from hypothesis import strategies as st

from elconsole.config.keys import nearest
from elconsole.core.nearest import MOST_ASKED, Names

HALL = "production_of_refills_since_nineteen_ninety_in_hall_{}"
words = st.text("abcde_", min_size=1, max_size=12)


def test_it_is_found_among_few() -> None:
    assert nearest("custmers", ["orders", "Customers", "customer_notes"]) == "Customers"
    assert nearest("zzz", ["orders"]) is None
    assert nearest("", ["orders"]) is None
    assert nearest("x", []) is None


@given(words, st.lists(words, max_size=5))
def test_among_few_it_is_the_one_that_difflib_finds(word: str, names: list[str]) -> None:
    found = difflib.get_close_matches(word, list(dict.fromkeys(names)), n=1, cutoff=0.6)
    assert nearest(word, names) == (found[0] if found else None)


@given(st.integers(0, 1_999), st.integers(0, 50), st.sampled_from("xq_"))
def test_it_is_found_among_many_wherever_the_slip_is(number: int, at: int, other: str) -> None:
    name = HALL.format(number)
    at = min(at, len(name) - 1)
    slips = (name[:at] + other + name[at:], name[:at] + name[at + 1 :])
    for slip in slips:
        found = Names(MANY).nearest(slip)
        assert found is not None
        assert difflib.SequenceMatcher(None, slip, found).ratio() > 0.9


MANY = [HALL.format(n) for n in range(2_000)]


def test_a_slip_in_one_name_of_many_is_told() -> None:
    held = Names(HALL.format(number) for number in range(40_000))
    assert held.nearest(HALL.format(31415).replace("refills", "refils")) == HALL.format(31415)


def test_names_made_to_be_compared_cost_little() -> None:
    shuffled = list(HALL.format(1))
    chance = random.Random(1)
    names = []
    for _ in range(2_500):
        chance.shuffle(shuffled)
        names.append("".join(shuffled))
    began = time.process_time()
    held = Names(names)
    for number in range(10):
        held.nearest(HALL.format(number))
    assert time.process_time() - began < 2, "difflib alone takes 7 s"


def test_a_source_that_renamed_all_its_tables_is_asked_for_some_of_them() -> None:
    held = Names(["orders"])
    assert [held.nearest("order") for _ in range(1000)].count("orders") == MOST_ASKED


def test_what_is_longer_than_any_name_is_not_compared() -> None:
    began = time.process_time()
    assert nearest("ab" * 10**5, ["ba" * 10**5] * 50) is None
    assert nearest("orders", ["order" + "s" * 10**6, "order"]) == "order"
    assert time.process_time() - began < 2

"""Where raw tables belong, by settings and ledger alone."""

from __future__ import annotations

from itertools import permutations

import pytest

from elconsole.engine.ledger.places import Place, Wish, line_to_write, place_all

pytestmark = pytest.mark.unit

CRM = ("crm", "public", "orders")
ERP = ("erp", "public", "orders")
UNITS = ("erp", "public", "units")


def test_without_settings_names_are_as_ever() -> None:
    wishes = {CRM: Wish("raw", None), ERP: Wish("raw", None), UNITS: Wish("raw", None)}
    placed = place_all(wishes, {})
    assert {key: place.name for key, place in placed.places.items()} == {
        CRM: "crm_orders",
        ERP: "erp_orders",
        UNITS: "units",
    }
    assert set(placed.by_rule) == {CRM, ERP, UNITS}


def test_schemas_of_their_own_leave_both_their_bare_name() -> None:
    wishes = {CRM: Wish("crm", None), ERP: Wish("erp", None)}
    placed = place_all(wishes, {})
    assert placed.places == {CRM: Place("crm", "orders"), ERP: Place("erp", "orders")}


def test_a_name_in_settings_goes_before_the_rule_whatever_the_order() -> None:
    wishes = {CRM: Wish("raw", None), ERP: Wish("raw", None), UNITS: Wish("raw", "orders")}
    expected = {
        CRM: Place("raw", "crm_orders"),
        ERP: Place("raw", "erp_orders"),
        UNITS: Place("raw", "orders"),
    }
    for order in permutations(wishes):
        assert place_all({key: wishes[key] for key in order}, {}).places == expected


def test_two_that_settings_call_alike_are_refused_both_with_the_line_to_write() -> None:
    wishes = {CRM: Wish("raw", "all"), ERP: Wish("raw", "all")}
    for order in permutations(wishes):
        placed = place_all({key: wishes[key] for key in order}, {})
        assert not placed.places
        assert set(placed.refused) == {CRM, ERP}
    assert placed.refused[CRM].message == (
        "crm.public.orders: settings call its raw table raw.all, which is the name of"
        " erp.public.orders"
    )
    assert placed.refused[CRM].hint == (
        'set target = "NAME" in [sources.crm.table."public.orders"]'
    )


def test_the_older_name_stays_and_the_newcomer_is_refused() -> None:
    wishes = {CRM: Wish("raw", "all"), ERP: Wish("raw", "all")}
    placed = place_all(wishes, {ERP: Place("raw", "all")})
    assert placed.places == {ERP: Place("raw", "all")}
    assert set(placed.refused) == {CRM}


def test_a_name_of_other_settings_is_taken() -> None:
    placed = place_all({CRM: Wish("raw", "all")}, {}, {Place("raw", "all")})
    assert "the name of other settings" in placed.refused[CRM].message
    assert place_all({CRM: Wish("raw", None)}, {}, {Place("raw", "orders")}).places == {
        CRM: Place("raw", "crm_orders")
    }


def test_a_name_once_given_stays_where_settings_say_nothing_more() -> None:
    standing = {CRM: Place("raw", "first")}
    assert place_all({CRM: Wish("raw", None)}, standing).places == standing
    moved = place_all({CRM: Wish("crm", None)}, standing)
    assert moved.places == {CRM: Place("crm", "first")}


def test_a_name_of_more_bytes_than_postgresql_keeps_is_refused() -> None:
    placed = place_all({CRM: Wish("raw", "é" * 32)}, {})
    assert "64 bytes" in placed.refused[CRM].message
    assert place_all({CRM: Wish("raw", "é" * 31)}, {}).places


def test_the_line_to_write_names_a_table_of_glob_characters_alone() -> None:
    line = line_to_write(("crm", "public", "a*"))
    assert line == 'target = "NAME" in [sources.crm.table."public.a[*]"]'

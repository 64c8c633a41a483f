"""Type modifiers are printed as the server itself prints them."""

from __future__ import annotations

import pytest

from elconsole.engine.plan.modifiers import INTERVAL_FIELDS, MODIFIED, held_since, with_modifier
from elconsole.engine.plan.types import not_held
from tests.postgres import PostgresServer

NUMERICS = [
    ((digits << 16) | (scale & 0x7FF)) + 4
    for digits in (*range(1, 1001, 37), 1000)
    for scale in (*range(-1000, 1001, 23), 1000)
]
INTERVALS = [fields << 16 | digits for fields in INTERVAL_FIELDS for digits in (*range(7), 0xFFFF)]
LENGTHS = [4 + length for length in (*range(1, 300), 10_485_760)]
TYPMODS = {
    1042: LENGTHS,
    1043: LENGTHS,
    1560: [length - 4 for length in LENGTHS],
    1562: [length - 4 for length in LENGTHS],
    1083: list(range(7)),
    1266: list(range(7)),
    1114: list(range(7)),
    1184: list(range(7)),
    1700: NUMERICS,
    1186: INTERVALS,
}


@pytest.mark.integration
def test_every_built_in_type_that_takes_a_modifier_is_known(server: PostgresServer) -> None:
    found = server.admin.sql(
        "SELECT oid::int8 FROM pg_type WHERE typmodin <> 0 AND oid < 16384 AND typelem = 0"
    )
    assert {oid for (oid,) in found} == MODIFIED == set(TYPMODS)


@pytest.mark.integration
@pytest.mark.parametrize("oid", sorted(TYPMODS))
def test_modifiers_read_as_the_server_prints_them(server: PostgresServer, oid: int) -> None:
    typmods = [-1, *TYPMODS[oid]]
    rows = server.admin.sql(
        "SELECT format_type(%s, -1), format_type(%s, typmod), format_type(typarray, typmod)"
        " FROM pg_type, unnest(%s::int[]) WITH ORDINALITY AS t (typmod, n) WHERE oid = %s"
        " ORDER BY n",
        oid,
        oid,
        typmods,
        oid,
    )
    printed = [
        with_modifier(oid, name, typmod) for typmod, (name, _, _) in zip(typmods, rows, strict=True)
    ]
    assert printed == [of_type for _, of_type, _ in rows]
    assert [f"{one}[]" for one in printed] == [of_array for _, _, of_array in rows]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("oid", "typmod"),
    [
        (1042, 4),
        (1043, 0),
        (1043, -2),
        (1560, 0),
        (1083, 7),
        (1184, 2**40),
        (1700, 4),
        (1700, (1001 << 16) + 4),
        (1186, 3),
        (1186, (5 << 16) | 0xFFFF),
        (1186, (0x7FFF << 16) | 7),
        (23, 7),
    ],
)
def test_a_modifier_that_cannot_be_is_refused(oid: int, typmod: int) -> None:
    with pytest.raises(ValueError, match=r"modif|fields"):
        with_modifier(oid, "some type", typmod)


@pytest.mark.parametrize(
    ("source", "warehouse", "other"),
    [
        (130000, 140000, set()),
        (140005, 140001, set()),
        (150000, 140000, {18, 1002, 4072, 4073}),
        (170000, 170004, set()),
        (170000, 160000, {1186, 1187, 4072, 4073}),
        (180000, 170000, {4072, 4073}),
        (160000, 180000, set()),
    ],
)
def test_an_older_warehouse_has_no_type_for_some(
    source: int, warehouse: int, other: set[int]
) -> None:
    assert not_held(source, warehouse) == other


@pytest.mark.parametrize(("precision", "scale", "since"), [(3, 0, 0), (3, 3, 0), (3, -2, 150000)])
def test_odd_scales_came_with_a_version(precision: int, scale: int, since: int) -> None:
    typmod = (precision << 16 | scale & 0x7FF) + 4
    assert held_since(1700, typmod) == since
    assert held_since(1700, -1) == held_since(1043, 5) == 0

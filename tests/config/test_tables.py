"""What a table's blocks add up to, and which tables a pattern names."""

from __future__ import annotations

import pytest

from elconsole.config.load import (
    QualitySettings,
    SourceSettings,
    TableSettings,
    table_matches,
)
from tests.config.conftest import Load

pytestmark = pytest.mark.unit


def test_the_more_specific_block_of_a_table_wins_key_by_key() -> None:
    source = SourceSettings(
        mode="incremental",
        lookback="1 hour",
        table={
            "sales.orders": TableSettings(where="exact"),
            "orders": TableSettings(where="bare", deletes="ignore"),
            "*": TableSettings(where="any", deletes="sweep", cursor="any"),
            "ord*": TableSettings(cursor="glob"),
        },
    )
    assert source.table_settings("sales", "orders") == TableSettings(
        mode="incremental", lookback="1 hour", where="exact", deletes="ignore", cursor="glob"
    )
    assert source.table_settings("public", "orders").where == "bare"
    assert source.table_settings("public", "other").where == "any"
    assert source.table_settings("public", "other").cursor == "any"


def test_without_blocks_a_table_is_refreshed_fully() -> None:
    settings = SourceSettings().table_settings("public", "t")
    assert (settings.mode, settings.strategy, settings.deletes) == ("full", "xmin", "ignore")
    assert settings.quality is None


def test_columns_of_one_block_replace_excluded_ones_of_another() -> None:
    source = SourceSettings(
        table={"*": TableSettings(columns=("a",)), "t": TableSettings(exclude_columns=("b",))}
    )
    settings = source.table_settings("public", "t")
    assert (settings.columns, settings.exclude_columns) == (None, ("b",))


def test_the_plants_tables_know_their_dimensions_wherever_they_are_named() -> None:
    plain = SourceSettings(dbname="x").table_settings("public", "bodies_production").quality
    assert plain == QualitySettings(by=("line_id", "material"))
    own = SourceSettings(
        table={"bodies_production": TableSettings(quality=QualitySettings(status="s"))}
    )
    assert own.table_settings("public", "bodies_production").quality == QualitySettings(
        status="s", by=("line_id", "material")
    )
    none = SourceSettings(table={"*": TableSettings(quality=QualitySettings(by=()))})
    quality = none.table_settings("public", "bodies_production").quality
    assert quality is not None
    assert quality.by == ()


@pytest.mark.parametrize(
    ("pattern", "schema", "table", "expected"),
    [
        ("*", "s", "t", True),
        ("t", "s", "t", True),
        ("s.t", "s", "t", True),
        ("T", "s", "t", False),
        ("s.*", "s", "t", True),
        ("s*", "s", "t", False),
        ("other.t", "s", "t", False),
        ("a.b", "s", "a.b", True),
        ("t[1]", "s", "t[1]", False),
        ("t[[]1]", "s", "t[1]", True),
        ("t[1]", "s", "t1", True),
        ("t?", "s", "t", False),
    ],
)
def test_a_pattern_names_a_table(pattern: str, schema: str, table: str, expected: bool) -> None:
    assert table_matches(pattern, schema, table) is expected


def test_checks_of_a_table_lie_over_the_general_ones(load: Load) -> None:
    settings = load(
        toml="[checks]\nzero_rows=true\nrow_jump=0.5\n[sources.a]\ndbname='a'\n"
        "[sources.a.table.t.checks]\nzero_rows=false\naccepted_values={q=['ok']}\n"
    ).settings
    own = settings.table_checks("a", "public", "t")
    assert (own.zero_rows, own.row_jump, own.accepted_values) == (False, 0.5, {"q": ("ok",)})
    assert settings.table_checks("a", "public", "other").zero_rows

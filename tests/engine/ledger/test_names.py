"""Names of any kind, and which raw table each source table fills."""

from __future__ import annotations

import pytest
from psycopg import sql

from elconsole.core.results import SyncRequest
from tests.conftest import MakeLink
from tests.link import Link, by_table, only

pytestmark = pytest.mark.integration

ODD_NAMES = [
    "MixedCase",
    "select",
    "été 日本",
    "100%s %(x)s %%",
    "{} {0} {x}",
    " spaces ",
    "dots.in.it",
    "quo\"ted's",
    "new\nline\ttab",
    "back\\slash",
    "x" * 63,
    "é" * 31,
    "-- comment; $1 :name $$",
    "a USING b",
    "*?[a]",
]


def make_table(link: Link, schema: str, table: str, column: str, value: int = 1) -> None:
    link.source.sql(
        sql.SQL(
            "CREATE SCHEMA IF NOT EXISTS {0}; CREATE TABLE {0}.{1} ({2} integer PRIMARY KEY);"
            "INSERT INTO {0}.{1} VALUES ({3})"
        )
        .format(*map(sql.Identifier, (schema, table, column)), sql.Literal(value))
        .as_string()
    )


def raw_value(link: Link, target: str, column: str, schema: str = "raw") -> object:
    query = sql.SQL("SELECT {} FROM {}.{}").format(*map(sql.Identifier, (column, schema, target)))
    with link.warehouse.connect() as connection:
        rows = connection.execute(query).fetchall()
    return rows[0][0] if rows else None


@pytest.mark.slow
def test_odd_names_of_schemas_tables_and_columns_arrive(link: Link) -> None:
    for number, name in enumerate(ODD_NAMES):
        make_table(link, name, name, name, number)
    for _ in range(2):
        detail = link.synced()
    assert sorted(table.table for table in detail.tables) == sorted(ODD_NAMES)
    for number, name in enumerate(ODD_NAMES):
        assert raw_value(link, name, name) == number


@pytest.mark.slow
def test_odd_names_can_be_selected_one_by_one(link: Link) -> None:
    for number, name in enumerate(ODD_NAMES):
        make_table(link, "public", name, name, number)
    for name in ODD_NAMES:
        if name != "*?[a]":
            assert only(link.synced(f"plant.{name}")).table == name


def test_a_user_index_with_an_odd_name_on_an_odd_table_survives(link: Link) -> None:
    for name in ODD_NAMES:
        make_table(link, "public", name, name)
    link.synced()
    for name in ODD_NAMES:
        link.warehouse.sql(
            sql.SQL("CREATE INDEX {} ON raw.{} ((({} + 1)))")
            .format(sql.Identifier(("i " + name)[:30]), *map(sql.Identifier, (name, name)))
            .as_string()
        )
    query = (
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " WHERE i.indexprs IS NOT NULL AND i.indisvalid AND c.relnamespace ="
        " 'elconsole_storage'::regnamespace AND c.relispartition"
    )
    assert link.warehouse.scalar(query) == len(ODD_NAMES)
    link.synced()
    assert link.warehouse.scalar(query) == len(ODD_NAMES)


def test_an_odd_target_schema_is_made_and_filled(link: Link) -> None:
    make_table(link, "public", "t", "n", 5)
    schema = "Raw %s {} \"x\" 'y'"
    for _ in range(2):
        link.synced(warehouse={**link.block("warehouse"), "schema": schema})
    assert raw_value(link, "t", "n", schema) == 5


def test_one_name_in_two_sources_gets_both_sources_as_prefix(make_link: MakeLink) -> None:
    link = make_link("north", "south")
    for number, database in enumerate(link.sources.values()):
        database.sql(f"CREATE TABLE units AS SELECT {number} AS n")
    detail = link.synced()
    assert {t.target for t in detail.tables} == {"raw.north_units", "raw.south_units"}
    assert raw_value(link, "south_units", "n") == 1


def test_two_schemas_of_one_source_are_told_apart_for_ever(link: Link) -> None:
    make_table(link, "a", "units", "n", 1)
    assert only(link.synced()).target == "raw.units"
    make_table(link, "b", "units", "n", 2)
    plan = {t.table: t for t in link.engine().plan(SyncRequest()).tables}
    assert plan["b.units"].target == "raw.plant_b_units"
    assert any("named plant_b_units" in note for note in plan["b.units"].notes)
    tables = by_table(link.synced())
    assert {label: t.target for label, t in tables.items()} == {
        "a.units": "raw.units",
        "b.units": "raw.plant_b_units",
    }
    link.source.sql("DROP TABLE a.units")
    assert only(link.synced()).target == "raw.plant_b_units"
    assert raw_value(link, "units", "n") == 1


def test_a_prefixed_name_beyond_63_bytes_is_cut_and_ends_in_its_hash(make_link: MakeLink) -> None:
    link = make_link("north", "south")
    name = "é" * 31
    for number, database in enumerate(link.sources.values()):
        database.sql(f'CREATE TABLE "{name}" AS SELECT {number} AS n')
    for _ in range(2):
        targets = {t.source: t.target.removeprefix("raw.") for t in link.synced().tables}
        assert len(set(targets.values())) == 2
        for number, source in enumerate(link.sources):
            assert targets[source].startswith(f"{source}_é")
            assert len(targets[source].encode()) <= 63
            assert raw_value(link, targets[source], "n") == number


def test_tables_whose_labels_would_be_alike_keep_separate_entries(link: Link) -> None:
    make_table(link, "public", "a.b", "n", 1)
    make_table(link, "a", "b", "n", 2)
    make_table(link, "public", "b", "n", 3)
    make_table(link, "public.a", "b", "n", 4)
    detail = link.synced()
    assert len({table.table for table in detail.tables}) == 4
    assert sorted(raw_value(link, t.target[4:], "n") for t in detail.tables) == [1, 2, 3, 4]  # type: ignore[type-var]
    assert len(link.engine().run(detail.run.run_id).tables) == 4


def test_a_dropped_table_is_named_with_the_nearest_that_is_there(link: Link) -> None:
    make_table(link, "public", "refills", "n")
    link.tables["plant"] = ["refills"]
    link.engine()
    link.tables["plant"] = ["refils", "refils"]
    link.grants_wanted = False
    (table,) = link.engine().plan(SyncRequest()).tables
    assert table.error is not None
    assert "refils" in table.error.message
    assert table.error.hint == "did you mean refills?"

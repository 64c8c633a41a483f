"""The SQL of `grants` on a real server: a role gets just what its settings need."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.load import SourceSettings, TableSettings, WarehouseSettings
from elconsole.core.quoting import readable_identifier
from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Database

pytestmark = pytest.mark.integration

TABLES = """
CREATE SCHEMA sales;
CREATE SCHEMA "We""ird $grants$";
CREATE TABLE public.people (id int PRIMARY KEY, name text, secret text);
CREATE TABLE public.plain (id int);
CREATE TABLE public.tmp_1 (id int);
CREATE TABLE sales.orders (id int PRIMARY KEY, "Total 'x'" int, card text);
CREATE TABLE sales."o'k [1]" (id int);
CREATE TABLE "We""ird $grants$"."%I\\table" (id int);
REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;
"""


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    database = make_database("granted")
    database.sql(TABLES.replace("{database}", database.name))
    return database


def readable(database: Database, role: str) -> set[str]:
    """Tables of which the role may read every column."""
    rows = database.sql(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " AND has_table_privilege(%s::text, c.oid, 'SELECT')"
        " AND has_schema_privilege(%s::text, n.oid, 'USAGE')",
        role,
        role,
    )
    return {row[0] for row in rows}


def readable_columns(database: Database, role: str, table: str) -> set[str]:
    rows = database.sql(
        "SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND NOT attisdropped"
        " AND has_column_privilege(%s::text, attrelid, attnum, 'SELECT')",
        table,
        role,
    )
    return {row[0] for row in rows}


def grant(database: Database, source: SourceSettings) -> None:
    database.sql(source_grants("source", source))


def test_everything_selected_is_everything_granted(database: Database, make_role: MakeRole) -> None:
    role = make_role("Odd role")
    grant(database, SourceSettings(dbname=database.name, user=role))
    assert readable(database, role) == {
        "public.people",
        "public.plain",
        "public.tmp_1",
        "sales.orders",
        "sales.o'k [1]",
        'We"ird $grants$.%I\\table',
    }
    with psycopg.connect(**database.as_role(role)) as connection:  # type: ignore[arg-type]
        connection.execute("SELECT xmin, * FROM sales.orders")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO public.plain VALUES (1)")


@pytest.mark.parametrize(
    ("tables", "exclude", "expected"),
    [
        (("plain",), (), {"public.plain"}),
        (("sales.*",), (), {"sales.orders", "sales.o'k [1]"}),
        (("sales.*",), ("o'k*",), {"sales.orders"}),
        (("p*",), (), {"public.people", "public.plain"}),
        (("*.[!p]*",), ("tmp*", "We*.*"), {"sales.orders", "sales.o'k [1]"}),
        (("sales.o?d*", "tmp_[0-9]"), (), {"sales.orders", "public.tmp_1"}),
        (('We"ird $grants$.%I\\*',), (), {'We"ird $grants$.%I\\table'}),
    ],
)
def test_a_selection_is_granted_as_the_engine_reads_it(
    database: Database,
    make_role: MakeRole,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
    expected: set[str],
) -> None:
    role = make_role("reader")
    source = SourceSettings(dbname=database.name, user=role, tables=tables, exclude=exclude)
    grant(database, source)
    assert readable(database, role) == expected


def test_selected_columns_are_all_that_can_be_read(database: Database, make_role: MakeRole) -> None:
    role = make_role("reader")
    source = SourceSettings(
        dbname=database.name,
        user=role,
        tables=("*",),
        table={
            "people": TableSettings(columns=("id", "name")),
            "sales.orders": TableSettings(exclude_columns=("card",)),
        },
    )
    grant(database, source)
    assert not {"public.people", "sales.orders"} & readable(database, role)
    assert "public.plain" in readable(database, role)
    assert readable_columns(database, role, "public.people") == {"id", "name", "xmin"}
    assert readable_columns(database, role, "sales.orders") == {"id", "Total 'x'", "xmin"}
    with psycopg.connect(**database.as_role(role)) as connection:  # type: ignore[arg-type]
        connection.execute("SELECT id, name FROM people WHERE xmin::text <> '0'")


def test_columns_that_patterns_exclude_are_not_granted(
    database: Database, make_role: MakeRole
) -> None:
    role = make_role("reader")
    source = SourceSettings(
        dbname=database.name,
        user=role,
        tables=("people", "sales.*"),
        exclude_columns=("[*].c*d", "sales.o'k [[]1].id"),
        table={"people": TableSettings(columns=("id", "name", "secret"))},
    )
    database.sql(source_grants("source", source, ("peo*.secret",)))
    assert readable_columns(database, role, "public.people") == {"id", "name", "xmin"}
    assert "sales.orders" in readable(database, role)
    assert readable_columns(database, role, """sales."o'k [1]" """) == {"xmin"}


def test_tables_of_which_patterns_mean_no_column_are_granted_whole(
    database: Database, make_role: MakeRole
) -> None:
    role = make_role("reader")
    source = SourceSettings(dbname=database.name, user=role, tables=("p*",))
    database.sql(source_grants("source", source, ("*.secret",)))
    assert readable(database, role) == {"public.plain"}
    assert readable_columns(database, role, "public.people") == {"id", "name", "xmin"}


@pytest.mark.parametrize(
    "settings",
    [
        {"tables": ("unit*",)},
        {"tables": ("units",), "table": {"units": TableSettings(exclude_columns=("secret",))}},
    ],
    ids=["glob", "columns"],
)
def test_nobody_who_may_create_in_a_schema_is_called_by_the_administrator(
    database: Database, make_role: MakeRole, settings: dict[str, Any]
) -> None:
    role = make_role("reader")
    database.sql(
        "CREATE TABLE units (id int, secret text);"
        + "".join(
            f"CREATE FUNCTION public.{signature} RETURNS {result} LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'called'; END $$;"
            for signature, result in [
                ("format(text, name, text)", "text"),
                ("format(text, text, text, text)", "text"),
                ("quote_ident(name)", "text"),
                ("same(name, text)", "boolean"),
            ]
        )
        + "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.same);"
        "CREATE OPERATOR public.~ (LEFTARG = name, RIGHTARG = text, FUNCTION = public.same)"
    )
    source = SourceSettings(dbname=database.name, user=role, **settings)
    grant(database, source)
    assert "id" in readable_columns(database, role, "public.units")


def test_the_warehouse_role_makes_its_schemas_and_nothing_else(
    database: Database, make_role: MakeRole
) -> None:
    role = make_role("loader")
    database.sql(warehouse_grants(WarehouseSettings(dbname=database.name, user=role)))
    with psycopg.connect(**database.as_role(role)) as connection:  # type: ignore[arg-type]
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA elconsole_storage")
        connection.execute("CREATE TEMPORARY TABLE stage (id int)")
    assert readable(database, role) == set()


def test_schemas_made_beforehand_need_no_right_to_create(
    database: Database, make_role: MakeRole
) -> None:
    role = make_role("loader")
    lines = warehouse_grants(WarehouseSettings(dbname=database.name, user=role)).splitlines()
    made = [line.removeprefix("--") for line in lines if "CREATE SCHEMA" in line]
    database.sql("\n".join(made))
    without = [line.replace("CONNECT, CREATE,", "CONNECT,") for line in lines if "GRANT" in line]
    database.sql("\n".join(without))
    with psycopg.connect(**database.as_role(role)) as connection:  # type: ignore[arg-type]
        for schema in ("raw", "elconsole", "elconsole_storage"):
            connection.execute(f"CREATE TABLE {schema}.t (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE SCHEMA other")


def test_words_are_quoted_as_the_server_quotes_them(database: Database) -> None:
    words = database.sql("SELECT word, quote_ident(word) FROM pg_get_keywords()")
    assert len(words) > 400
    different = [word for word, quoted in words if readable_identifier(word) != quoted]
    assert different == []

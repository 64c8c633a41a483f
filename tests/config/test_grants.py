"""The SQL of `grants`: least privilege, rightly quoted. Servers judge it elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from elconsole.config.grants import (
    grants_by_server,
    reader_grants,
    source_grants,
    warehouse_grants,
)
from elconsole.config.load import Settings, SourceSettings, TableSettings, WarehouseSettings
from elconsole.core.errors import UsageError
from elconsole.core.quoting import literal, readable_identifier

pytestmark = pytest.mark.unit


def statements(sql: str) -> list[str]:
    """The lines that are no comments, of SQL without a DO block."""
    return [line for line in sql.splitlines() if line and not line.startswith("--")]


def test_the_plants_roles_get_connect_usage_and_select_and_no_more() -> None:
    sql = source_grants("refills", Settings().sources["refills"])
    assert statements(sql) == [
        "GRANT CONNECT ON DATABASE refills TO refills_user;",
        "GRANT USAGE ON SCHEMA public TO refills_user;",
        "GRANT SELECT ON TABLE public.refills_production TO refills_user;",
    ]
    assert sql.startswith("-- Source refills: run on localhost:5432/refills")
    assert "-- CREATE ROLE refills_user LOGIN" in sql


def test_the_warehouse_role_may_create_its_own_schemas() -> None:
    sql = warehouse_grants(Settings().warehouse)
    assert statements(sql) == [
        "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE warehouse TO warehouse_user;"
    ]
    for schema in ("raw", "elconsole", "elconsole_storage"):
        assert f"--   CREATE SCHEMA {schema} AUTHORIZATION warehouse_user;" in sql


def test_every_schema_of_raw_tables_is_granted() -> None:
    block = {"dbname": "d", "target_schema": "Of crm"}
    settings = Settings.model_validate({"sources": {"crm": block, "erp": {"dbname": "e"}}})
    sql = grants_by_server(settings, ["warehouse"], "bi")["warehouse"]
    for schema in ("raw", '"Of crm"', "elconsole", "elconsole_storage"):
        assert f"--   CREATE SCHEMA {schema} AUTHORIZATION warehouse_user;" in sql
    for schema in ("raw", '"Of crm"'):
        assert f"GRANT USAGE ON SCHEMA {schema} TO bi;" in sql
        assert f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO bi;" in sql
        assert f"IN SCHEMA {schema} GRANT SELECT ON TABLES TO bi;" in sql


def test_all_grants_hold_no_password() -> None:
    sql = "\n".join(grants_by_server(Settings()).values())
    assert sql.count("GRANT CONNECT") == 4
    assert "_password" not in sql


def test_the_grants_of_one_server_can_be_asked_for() -> None:
    assert list(grants_by_server(Settings())) == ["refills", "bodies", "springs", "warehouse"]
    assert list(grants_by_server(Settings(), ["bodies"])) == ["bodies"]
    assert list(grants_by_server(Settings(), ["warehouse"])) == ["warehouse"]
    with pytest.raises(UsageError) as told:
        grants_by_server(Settings(), ["bodie"])
    assert told.value.hint == "did you mean bodies?"
    with pytest.raises(UsageError, match="a role of the warehouse"):
        grants_by_server(Settings(), ["bodies"], "bi")


def test_a_reader_gets_usage_and_select_and_no_more() -> None:
    assert statements(reader_grants(Settings().warehouse, "BI team")) == [
        'GRANT USAGE ON SCHEMA raw TO "BI team";',
        'GRANT SELECT ON ALL TABLES IN SCHEMA raw TO "BI team";',
        "ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_user IN SCHEMA raw"
        ' GRANT SELECT ON TABLES TO "BI team";',
    ]
    assert reader_grants(Settings().warehouse, "bi") not in grants_by_server(Settings()).values()
    both = grants_by_server(Settings(), ["warehouse"], "bi")["warehouse"]
    assert reader_grants(Settings().warehouse, "bi") in both


def test_a_whole_schema_is_granted_as_one() -> None:
    sql = source_grants("x", SourceSettings(dbname="d", user="u", tables=("sales.*",)))
    assert statements(sql) == [
        "GRANT CONNECT ON DATABASE d TO u;",
        "GRANT USAGE ON SCHEMA sales TO u;",
        "GRANT SELECT ON ALL TABLES IN SCHEMA sales TO u;",
    ]


def test_selected_columns_are_granted_with_key_cursor_and_xmin() -> None:
    source = SourceSettings(
        dbname="d",
        user="u",
        tables=("sales.orders",),
        table={
            "orders": TableSettings(columns=("a", "Order"), primary_key=("id", "a"), cursor="at")
        },
    )
    assert statements(source_grants("x", source))[-1] == (
        'GRANT SELECT (a, "Order", id, at, xmin) ON TABLE sales.orders TO u;'
    )


def test_excluded_columns_are_left_out_by_asking_the_server() -> None:
    source = SourceSettings(
        tables=("t",), table={"t": TableSettings(exclude_columns=("it's", "b"))}
    )
    sql = source_grants("x", source)
    assert "NOT attname = 'it''s' AND NOT attname = 'b'" in sql
    assert "GRANT SELECT ON" not in sql


def test_a_column_selection_inside_a_glob_is_not_granted_whole() -> None:
    source = SourceSettings(
        tables=("*",), exclude=("tmp*",), table={"people": TableSettings(columns=("id",))}
    )
    sql = source_grants("x", source)
    assert "GRANT SELECT (id, xmin) ON TABLE public.people" in sql
    assert "AND NOT 'people' IN (c.relname, n.nspname || '.' || c.relname)" in sql
    assert "AND NOT c.relname ~ '^tmp.*$'" in sql


def test_an_excluded_table_gets_nothing() -> None:
    sql = source_grants("x", SourceSettings(tables=("a", "b"), exclude=("b",)))
    assert "public.a " in sql
    assert "public.b " not in sql


def test_names_come_from_the_dsn_too() -> None:
    dsn = SecretStr("postgresql://me:hunter2@h/d")
    sql = warehouse_grants(WarehouseSettings(dsn=dsn))
    assert "ON DATABASE d TO me;" in sql
    assert "hunter2" not in sql
    service = warehouse_grants(WarehouseSettings(dsn=SecretStr("service=wh")))
    assert 'ON DATABASE :"DBNAME" TO elconsole;' in service


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("orders", "orders"),
        ("Orders", '"Orders"'),
        ("order", '"order"'),
        ("select", '"select"'),
        ("a b", '"a b"'),
        ('a"b', '"a""b"'),
        ("1a", '"1a"'),
        ("é", '"é"'),
        ("timestamp", '"timestamp"'),
    ],
)
def test_identifiers_are_quoted_where_they_must(name: str, quoted: str) -> None:
    assert readable_identifier(name) == quoted


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="SQL name"):
        readable_identifier(name)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
@example(".")
def test_a_quoted_identifier_reads_back_as_the_name(name: str) -> None:
    quoted = readable_identifier(name)
    if quoted.startswith('"'):
        assert quoted[1:-1].replace('""', '"') == name
        assert not re.search(r'(?<!")"(?!")', quoted[1:-1].replace('""', ""))
    else:
        assert quoted == name


def test_literals_are_safe_with_backslashes() -> None:
    assert literal("o'k") == "'o''k'"
    assert literal("\\'") == "E'\\\\'''"


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
@example(".")
def test_no_name_leaves_its_comment(name: str) -> None:
    source = SourceSettings(dbname=name, tables=(f"{name}*",))
    comments = [line for line in source_grants(name, source).split("\n") if "run on" in line]
    assert comments[0].startswith("--")
    head = source_grants(name, source).split("GRANT CONNECT")[0]
    assert all(line.startswith("--") for line in head.splitlines() if line)

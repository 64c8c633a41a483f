"""What roles and databases set for themselves changes no value on its way."""

from __future__ import annotations

import threading

import psycopg
import pytest

from elconsole.engine.connect.server import COMMON_SETTINGS
from tests.pairs import Pair

pytestmark = pytest.mark.integration
FOREIGN = {"bytea_output": "escape", "array_nulls": "off", "xmloption": "document"}


def foreign_settings(pair: Pair, side: str) -> None:
    database = pair.source if side == "source" else pair.warehouse
    role = pair.source_role if side == "source" else pair.warehouse_role
    for name, value in FOREIGN.items():
        database.sql(f"ALTER ROLE \"{role}\" SET {name} = '{value}'")
        database.sql(f"ALTER DATABASE \"{database.name}\" SET {name} = '{value}'")


@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_a_roles_own_settings_change_no_value(pair: Pair, side: str) -> None:
    pair.source.sql(
        "CREATE TYPE mood AS ENUM ('NULL', 'fine'); CREATE TYPE blob AS (id int, bytes bytea);"
        "CREATE TABLE t (id int PRIMARY KEY, bytes bytea, blob blob, moods mood[]);"
        r"INSERT INTO t VALUES (1, '\x00ff41', (1, '\x00ff41'),"
        " ARRAY[NULL, 'NULL', 'fine']::mood[])"
    )
    foreign_settings(pair, side)
    pair.configure()
    pair.sync()
    ((bytes_, blob, moods),) = pair.raw("bytes, blob, moods")
    assert (bytes_, blob) == (b"\x00\xffA", r'(1,"\\x00ff41")')
    assert moods == [None, "NULL", "fine"]
    assert pair.engine is not None
    assert pair.engine.reconcile((), stop=threading.Event()).tables[0].equal


def test_xml_need_be_no_document(pair: Pair) -> None:
    assert COMMON_SETTINGS["xmloption"] == "content"
    try:
        pair.source.sql(
            "CREATE TABLE t (id int, x xml); INSERT INTO t VALUES (1, 'text <b/> only')"
        )
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server was built without libxml")
    foreign_settings(pair, "warehouse")
    pair.configure()
    pair.sync()
    assert pair.raw("x::text") == [("text <b/> only",)]

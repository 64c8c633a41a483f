"""Every type arrives with the same content, and under its own name where it can."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from elconsole.core.results import SyncRequest
from elconsole.engine.catalog import source
from tests.link import Link
from tests.postgres import Database

pytestmark = pytest.mark.integration

SESSION = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';"
    " SET extra_float_digits = 1; SET client_encoding = 'UTF8'; SET search_path = pg_catalog;"
)

BUILT_IN: dict[str, list[str]] = {
    "boolean": ["true", "false"],
    '"char"': ["'a'", "''", "'\\377'"],
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "real": ["'NaN'", "'-Infinity'", "'-0'", "1e-45", "3.4e38"],
    "double precision": ["'NaN'", "'Infinity'", "'-0'", "5e-324", "0.1"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "1.0", "1.00", "1e-1000", "12e5000"],
    "numeric(5,2)": ["123.45", "'NaN'"],
    "numeric(3,-2)": ["12300"],
    "numeric(3,5)": ["0.00123"],
    "money": ["'-92233720368547758.08'", "'1.23'"],
    "text": ["''", "'é🖋日本'", "E'tab\\tnewline\\nback\\\\slash'", "repeat('a🖋', 200000)"],
    "character varying": ["'x'"],
    "character varying(7)": ["'1234567'"],
    "character(5)": ["'ab'"],
    "bpchar": ["'ab  '", "'ab'"],
    "name": ["'a name'", "repeat('n', 63)"],
    "bytea": ["''", "'\\x00ff10'", "decode(repeat('00ff', 500000), 'hex')"],
    "bit(3)": ["B'101'"],
    "bit varying": ["B''", "B'1011'"],
    "bit varying(6)": ["B'10110'"],
    "date": ["'infinity'", "'-infinity'", "'4713-11-24 BC'", "'5874897-12-31'"],
    "time without time zone": ["'24:00:00'", "'00:00:00.000001'"],
    "time(2) without time zone": ["'12:34:56.78'"],
    "time with time zone": ["'12:34:56.789+15:59'", "'24:00-15:59'"],
    "time(1) with time zone": ["'12:34:56.7-05'"],
    "timestamp without time zone": ["'infinity'", "'4713-11-24 00:00:00 BC'", "'294276-12-31'"],
    "timestamp(3) without time zone": ["'2024-02-29 12:34:56.789'"],
    "timestamp with time zone": ["'-infinity'", "'0044-03-15 12:00 BC'", "'2024-06-01+14'"],
    "timestamp(0) with time zone": ["'2024-02-29 12:34:56'"],
    "interval": ["'178000000 years'", "'-1 mon +2 days -03:04:05.678901'", "'infinity'"],
    "interval year to month": ["'3 years 4 mons'"],
    "interval day to second(2)": ["'3 days 04:05:06.78'"],
    "interval(4)": ["'1.2345 seconds'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "json": ['\'{"a": 1,  "a": "\\u0000"}\'', "'null'", "'[1e400]'"],
    "jsonb": ['\'{"a": [1.10, null], "é": {}}\'', "'null'", "'\"\"'"],
    "jsonpath": ["'strict $.\"a\"[*] ? (@ > 1)'"],
    "inet": ["'::ffff:1.2.3.4/128'", "'10.0.0.1/8'"],
    "cidr": ["'10.0.0.0/8'", "'2001:db8::/32'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "point": ["'(1.5,-0)'", "'(NaN,Infinity)'"],
    "line": ["'{1,-1,0}'"],
    "lseg": ["'[(0,0),(1,1)]'"],
    "box": ["'(2,2),(1,1)'"],
    "path": ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "circle": ["'<(0,0),1.5>'"],
    "tsvector": ["'''a b'':1A,3 c:2'", "''"],
    "tsquery": ["'a & !(b <-> c:*AB)'", "''"],
    "pg_lsn": ["'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"],
    "xid": ["'4294967295'"],
    "xid8": ["'18446744073709551615'"],
    "cid": ["'7'"],
    "tid": ["'(42,7)'"],
    "oid": ["4294967295"],
    "oidvector": ["'1 2 3'", "''"],
    "int2vector": ["'1 -2 3'", "''"],
    "pg_snapshot": ["'10:20:10,14,15'"],
    "txid_snapshot": ["'10:20:10,14,15'"],
    "refcursor": ["'cursor é'"],
    "int4range": ["'empty'", "'[1,)'", "'(,)'"],
    "int8range": ["'[1,9223372036854775807)'"],
    "numrange": ["'(1.0,2.00]'"],
    "tsrange": ["'[-infinity,infinity]'"],
    "tstzrange": ["'[2024-01-01 00:00+00,)'"],
    "daterange": ["'[0044-03-15 BC,infinity)'"],
    "int4multirange": ["'{}'", "'{[1,3),[5,)}'"],
    "int8multirange": ["'{[1,3)}'"],
    "nummultirange": ["'{[1.0,3.00]}'"],
    "tsmultirange": ["'{[2024-01-01,2024-01-02)}'"],
    "tstzmultirange": ["'{[2024-01-01,2024-01-02)}'"],
    "datemultirange": ["'{[2024-01-01,2024-01-02)}'"],
    "integer[]": ["'{}'", "'{{1,NULL},{3,4}}'", "'[-2:0]={1,2,3}'"],
    "text[]": ['\'{"",NULL,"NULL","a,\\"b\\\\\\\\"}\''],
    "numeric(5,2)[]": ["'{1.5,NaN}'"],
    "character varying(4)[]": ["'{abcd}'"],
    "timestamp(3) with time zone[]": ["'{infinity,2024-01-01}'"],
    "bit(2)[]": ["'{10,01}'"],
    '"char"[]': ["'{a,b}'"],
    "name[]": ["'{a,b}'"],
    "json[]": ["ARRAY['{}'::json, NULL]"],
    "jsonb[]": ["ARRAY['{}'::jsonb]"],
    "int4range[]": ["ARRAY['[1,2)'::int4range]"],
    "int4multirange[]": ["ARRAY['{[1,2)}'::int4multirange]"],
    "tsvector[]": ["ARRAY['a b'::tsvector]"],
    "point[]": ["ARRAY['(1,2)'::point]"],
    "box[]": ["'{(2,2),(1,1);(4,4),(3,3)}'"],
    "inet[]": ["'{10.0.0.1/8}'"],
    "oidvector[]": ["ARRAY['1 2'::oidvector]"],
    "interval(3)[]": ["'{1.234 seconds}'"],
    "money[]": ["'{1.23}'"],
}


def columns_of(database: Database, table: str) -> dict[str, str]:
    return dict(
        database.sql(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            r" AND attname NOT LIKE '\_airbyte\_%%' ORDER BY attnum",
            table,
        )
    )


def content(database: Database, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """All rows as text, ordered by the column `n`."""
    listed = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns
    )
    with database.connect() as connection:
        connection.execute(SESSION)
        return connection.execute(
            sql.SQL("SELECT {} FROM {} ORDER BY n").format(listed, sql.SQL(table))
        ).fetchall()


def fill(database: Database, table: str, types: dict[str, list[str]]) -> None:
    """A table with a column a type, NULL in the first row, values one below the other."""
    names = {f"c{number}": kind for number, kind in enumerate(types)}
    definitions = ", ".join(f"{name} {kind}" for name, kind in names.items())
    database.sql(f"CREATE TABLE {table} (n integer PRIMARY KEY, {definitions})")
    database.sql(f"INSERT INTO {table} (n) VALUES (0)")
    for number in range(max(map(len, types.values()))):
        given = {
            name: f"({types[kind][number]})::{kind}"
            for name, kind in names.items()
            if number < len(types[kind])
        }
        database.sql(
            f"INSERT INTO {table} (n, {', '.join(given)})"
            f" VALUES ({number + 1}, {', '.join(given.values())})"
        )


def test_built_in_types_arrive_identical_with_their_modifiers(link: Link) -> None:
    fill(link.source, "every_type", BUILT_IN)
    link.synced()
    before = columns_of(link.source, "public.every_type")
    assert columns_of(link.warehouse, "raw.every_type") == before
    names = list(before)
    assert content(link.warehouse, "raw.every_type", names) == content(
        link.source, "public.every_type", names
    )


def test_money_of_another_unit_arrives_as_its_text(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are whole yen there, say, and cents here."""
    link.source.sql(
        "CREATE DOMAIN price AS money; CREATE TABLE t (n int, one money, many money[], p price);"
        "INSERT INTO t VALUES (1, 12.34, '{1.50,2.00}', 3)"
    )
    monkeypatch.setattr(source, "read_money_unit", lambda session: "0000000000000001")
    detail = link.synced()
    assert columns_of(link.warehouse, "raw.t") == {
        "n": "integer",
        "one": "text",
        "many": "text[]",
        "p": "text",
    }
    assert content(link.warehouse, "raw.t", ["one", "many", "p"]) == content(
        link.source, "public.t", ["one", "many", "p"]
    )
    assert detail.run.rows_written == 1


def test_every_base_type_of_the_server_is_in_the_matrix(link: Link) -> None:
    known = link.source.sql(
        "SELECT format_type(t.oid, NULL) FROM pg_type t WHERE t.oid < 16384"
        " AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')"
        " AND t.typcategory <> 'A' AND t.typname !~ '^(reg|pg_(mcv|ndis|depen|node|brin|ddl))'"
    )
    covered = {
        link.source.scalar("SELECT format_type(%s::regtype, NULL)", kind) for kind in BUILT_IN
    }
    # No value of gtsvector can be made; the others are cast and tested by themselves.
    assert {name for (name,) in known} - covered - {"gtsvector", "aclitem", "xml"} == set()


def test_xml_arrives_identical(link: Link) -> None:
    try:
        link.source.sql("SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server was built without libxml")
    fill(link.source, "papers", {"xml": ["'<a>é</a>'", "'text only'"]})
    link.synced()
    assert content(link.warehouse, "raw.papers", ["c0"]) == content(
        link.source, "public.papers", ["c0"]
    )


USER_TYPES = """
CREATE SCHEMA "Odd Types";
CREATE TYPE "Odd Types"."Colour %s" AS ENUM ('blue', 'très noir', 'a,b"c');
CREATE TYPE part AS (id integer, label text, colours "Odd Types"."Colour %s"[]);
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE DOMAIN very_positive AS positive CHECK (value > 10);
CREATE DOMAIN price AS numeric(7,2) DEFAULT 1;
CREATE DOMAIN code AS varchar(4);
CREATE DOMAIN padded AS bpchar;
CREATE DOMAIN flags AS bit(3);
CREATE DOMAIN moments AS timestamptz(3)[];
CREATE DOMAIN prices AS price[];
CREATE DOMAIN colour AS "Odd Types"."Colour %s";
CREATE DOMAIN part_domain AS part;
CREATE TYPE code_range AS RANGE (subtype = varchar);
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION vector;
CREATE EXTENSION ltree;
CREATE EXTENSION cube;
"""
USER_COLUMNS: dict[str, tuple[list[str], str]] = {
    '"Odd Types"."Colour %s"': (["'très noir'", "'a,b\"c'"], "text"),
    '"Odd Types"."Colour %s"[]': (["ARRAY['blue', 'a,b\"c', NULL]", "'{}'"], "text[]"),
    "part": (["(1, 'x y', ARRAY['blue'])"], "text"),
    "part[]": (["ARRAY[(1, 'a\"b', NULL)::part, NULL]"], "text[]"),
    "positive": (["7"], "integer"),
    "very_positive": (["17"], "integer"),
    "positive[]": (["ARRAY[1, NULL]", "'{{1,2},{3,4}}'"], "integer[]"),
    "very_positive[]": (["ARRAY[11]"], "integer[]"),
    "price": (["12345.67"], "numeric(7,2)"),
    "price[]": (["ARRAY[1.5]"], "numeric(7,2)[]"),
    "code": (["'abcd'"], "character varying(4)"),
    "code[]": (["'{abcd}'"], "character varying(4)[]"),
    "padded": (["'ab  '"], "bpchar"),
    "padded[]": (["ARRAY['ab  '::bpchar]"], "bpchar[]"),
    "flags": (["B'101'"], "bit(3)"),
    "moments": (["'{2024-01-01 00:00:00.123}'"], "timestamp(3) with time zone[]"),
    "moments[]": (["ARRAY['{2024-01-01}'::moments]"], "text[]"),
    "prices": (["'{1.5,2}'"], "numeric(7,2)[]"),
    "colour": (["'blue'"], "text"),
    "colour[]": (["'{blue}'"], "text[]"),
    "part_domain": (["(1, 'x', NULL)::part"], "text"),
    "code_range": (["'[a,b)'", "'empty'"], "text"),
    "code_multirange": (["'{[a,b)}'"], "text"),
    "code_range[]": (["ARRAY['[a,b)'::code_range]"], "text[]"),
    "hstore": (["'a=>1, \"b c\"=>NULL'"], "text"),
    "hstore[]": (["ARRAY['a=>1'::hstore]"], "text[]"),
    "citext": (["'MiXed'"], "text"),
    "citext[]": (["'{A,a}'"], "text[]"),
    "vector(3)": (["'[1,2.5,-3]'"], "text"),
    "ltree": (["'a.b.c'"], "text"),
    "cube": (["'(1,2),(3,4)'"], "text"),
    "regclass": (["'every_user_type'", "'pg_class'"], "text"),
    "regtype": (["'part'"], "text"),
    "regproc": (["'pg_backend_pid'"], "text"),
    "regprocedure": (["'lower(text)'"], "text"),
    "regrole": (["'pg_monitor'"], "text"),
    "regnamespace": (["'public'"], "text"),
    "regoperator": (["'+(integer,integer)'"], "text"),
    "regconfig": (["'simple'"], "text"),
    "regcollation": (["'\"C\"'"], "text"),
    "regclass[]": (["'{pg_class}'"], "text[]"),
    "aclitem": (["'pg_monitor=r/pg_monitor'"], "text"),
    "aclitem[]": (["'{pg_monitor=r/pg_monitor}'"], "text[]"),
    "information_schema.sql_identifier": (["'x'"], "name"),
    "information_schema.cardinal_number[]": (["'{1}'"], "integer[]"),
    "pg_catalog.pg_type": ([], "text"),
}


def test_types_of_the_source_alone_arrive_as_their_base_type_or_text(link: Link) -> None:
    link.source.sql(USER_TYPES)
    types = {kind: values for kind, (values, _) in USER_COLUMNS.items()}
    fill(link.source, "every_user_type", types)
    link.source.sql(
        "CREATE TABLE trees AS SELECT row_number() OVER () AS n, ev_action FROM pg_rewrite LIMIT 9"
    )
    link.synced()
    expected = {f"c{n}": target for n, (_, target) in enumerate(USER_COLUMNS.values())}
    found = columns_of(link.warehouse, "raw.every_user_type")
    assert found == {"n": "integer", **expected}
    assert columns_of(link.warehouse, "raw.trees")["ev_action"] == "text"
    for table, columns in (("every_user_type", list(found)), ("trees", ["ev_action"])):
        assert content(link.warehouse, f"raw.{table}", columns) == content(
            link.source, f"public.{table}", columns
        )


def test_columns_of_every_origin_arrive(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE t (gone1 text, n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " gone2 numeric, price numeric(7,2) NOT NULL DEFAULT 3,"
        " stored numeric GENERATED ALWAYS AS (price * 2) STORED, serial_ serial);"
        "INSERT INTO t (price) VALUES (1), (2.5);"
        "ALTER TABLE t DROP COLUMN gone1, DROP COLUMN gone2;"
        "ALTER TABLE t ADD COLUMN late text DEFAULT 'missing é',"
        " ADD COLUMN at timestamptz DEFAULT now();"
        "INSERT INTO t (price, late) VALUES (4, NULL)"
    )
    if link.source.scalar("SHOW server_version_num") >= "180000":
        link.source.sql("ALTER TABLE t ADD COLUMN shown numeric GENERATED ALWAYS AS (price + 1)")
    link.synced()
    before = columns_of(link.source, "public.t")
    assert columns_of(link.warehouse, "raw.t") == before
    assert content(link.warehouse, "raw.t", list(before)) == content(
        link.source, "public.t", list(before)
    )


def test_a_collation_that_is_not_the_default_is_dropped_and_reported(link: Link) -> None:
    link.source.sql('CREATE TABLE t (a text COLLATE "POSIX", b text)')
    (planned,) = link.engine().plan(SyncRequest()).tables
    assert any("collation not kept: a" in note for note in planned.notes)
    link.synced()
    assert (
        link.warehouse.sql(
            "SELECT attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
            " WHERE attrelid = 'raw.t'::regclass AND attcollation <> typcollation"
        )
        == []
    )

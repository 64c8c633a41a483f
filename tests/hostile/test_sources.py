"""Sources that lie, and whose users lay traps: nothing of theirs runs, in the warehouse or as
elconsole's role, and nothing that they say becomes SQL."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from elconsole import engine
from elconsole.core.quoting import literal
from elconsole.core.results import ConnectionHealth
from elconsole.demo.cluster import SUPERUSER
from elconsole.report import documents, text
from tests.conftest import MakeLink, MakeRole
from tests.hostile.refusing import refusing_options
from tests.link import Link, by_table, only
from tests.postgres import Database, PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CODE = "date); CREATE SCHEMA taken; COMMIT; BEGIN; CREATE TEMP TABLE zz (q date"
OURS = ("raw", "elconsole", "elconsole_storage")


def world(warehouse: Database) -> list[list[tuple[Any, ...]]]:
    """What a warehouse holds beside what is ours: schemas, roles, relations, functions."""
    return [
        warehouse.sql(query, list(OURS))
        for query in (
            "SELECT nspname FROM pg_namespace WHERE nspname <> ALL (%s) AND nspname !~ '^pg_'"
            " ORDER BY 1",
            "SELECT rolname, rolsuper FROM pg_roles WHERE rolname <> ALL (%s) ORDER BY 1",
            "SELECT relname, n.nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE n.nspname <> ALL (%s) AND n.nspname !~ '^pg_' ORDER BY 1, 2",
            "SELECT proname, n.nspname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE n.nspname <> ALL (%s) AND n.nspname !~ '^pg_' ORDER BY 1, 2",
        )
    ]


@pytest.fixture
def whole(link: Link) -> Iterator[Link]:
    """The link, whose warehouse must be the same afterwards but for what is ours."""
    before = world(link.warehouse)
    yield link
    assert world(link.warehouse) == before


def lie(source: Database, function: str, arguments: str, returns: str, answer: str) -> None:
    """Put another function in the place of one of pg_catalog, in this database alone."""
    source.sql(
        f"ALTER FUNCTION pg_catalog.{function}({arguments}) RENAME TO {function}_before;"
        f"CREATE FUNCTION pg_catalog.{function}({arguments}) RETURNS {returns} LANGUAGE sql"
        f" AS $lie$ SELECT {answer} $lie$"
    )


def types_of(link: Link, table: str) -> dict[str, str]:
    return dict(
        link.warehouse.sql(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND attname !~ '^_airbyte'",
            table,
        )
    )


def test_what_a_source_calls_its_types_is_no_sql(whole: Link) -> None:
    whole.source.sql(
        "CREATE DOMAIN day AS date; CREATE DOMAIN price AS numeric(7,2);"
        "CREATE TYPE mood AS ENUM ('sad', 'glad');"
        "CREATE TABLE t (id int PRIMARY KEY, d date, dd day, days day[], p price, m mood);"
        "INSERT INTO t VALUES (1, '2024-01-01', '2024-01-01', '{2024-01-01}', 1.5, 'sad')"
    )
    lie(whole.source, "format_type", "oid, integer", "text", literal(CODE))
    whole.options["plant"] = {
        "table": {"t": {"mode": "incremental", "strategy": "cursor", "cursor": "m"}}
    }
    whole.synced()
    whole.source.sql("INSERT INTO t VALUES (2, '2024-01-02', NULL, NULL, 2, 'glad')")
    assert only(whole.synced()).strategy == "cursor"
    assert types_of(whole, "raw.t") == {
        "id": "integer",
        "d": "date",
        "dd": "date",
        "days": "date[]",
        "p": "numeric(7,2)",
        "m": "text",
    }
    assert whole.warehouse.scalar("SELECT array_agg(m ORDER BY id) FROM raw.t") == ["sad", "glad"]


def test_names_that_are_sql_stay_names(whole: Link) -> None:
    name = "t\"); CREATE SCHEMA taken; --'\\"
    quoted = name.replace('"', '""')
    whole.source.sql(
        f"CREATE TYPE \"{quoted}!\" AS ENUM ('a', 'b');"
        f'CREATE TABLE "{quoted}" ("{quoted}" "{quoted}!" PRIMARY KEY, c text COLLATE "POSIX");'
        f"INSERT INTO \"{quoted}\" VALUES ('a', 'x')"
    )
    table = {"mode": "incremental", "strategy": "cursor", "cursor": name}
    whole.options["plant"] = {"table": {"t*": table}}
    whole.synced()
    whole.source.sql(f"INSERT INTO \"{quoted}\" VALUES ('b', 'y')")
    assert only(whole.synced()).strategy == "cursor"
    assert whole.warehouse.scalar(f'SELECT count(*) FROM raw."{quoted}"') == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pg_attribute SET atttypmod = 5 WHERE attrelid = 't'::regclass AND attname = 'n'",
        "UPDATE pg_attribute SET atttypmod = 7 WHERE attrelid = 't'::regclass AND attname = 'id'",
        "UPDATE pg_type SET typbasetype = oid WHERE typname = 'round'",
    ],
    ids=["a numeric without digits", "an integer with a modifier", "a domain of itself"],
)
def test_a_type_that_cannot_be_fails_its_table_alone(whole: Link, change: str) -> None:
    whole.source.sql(
        "CREATE DOMAIN round AS int; CREATE TABLE t (id int, n numeric(7,2), r round);"
        "CREATE TABLE other (id int)"
    )
    whole.source.sql(change)
    found = by_table(whole.sync())
    assert found["other"].status == "succeeded"
    error = found["t"].error
    assert error is not None
    assert error.kind == "plan"
    assert "plant.t: the source gives the column" in error.message


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pg_class SET reltuples = 'Infinity' WHERE relname = 't'",
        "UPDATE pg_class SET reltuples = 'NaN' WHERE relname = 't'",
        "ALTER FUNCTION pg_catalog.format_type(oid, integer) RENAME TO before;"
        "CREATE FUNCTION pg_catalog.format_type(oid, integer) RETURNS text LANGUAGE sql"
        " AS 'SELECT NULL::text'",
        "ALTER FUNCTION pg_catalog.format_type(oid, integer) RENAME TO before;"
        "CREATE FUNCTION pg_catalog.format_type(oid, integer) RETURNS bytea LANGUAGE sql"
        r" AS 'SELECT ''\x00''::bytea'",
        "ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO before;"
        "CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS text LANGUAGE sql"
        " AS $$ SELECT '2024-01-01''; CREATE SCHEMA taken; --' $$",
    ],
    ids=["endless rows", "no number of rows", "no type", "bytes for a type", "a text for a time"],
)
def test_an_answer_of_another_kind_fails_its_source_alone(make_link: MakeLink, change: str) -> None:
    link = make_link("liar", "honest")
    before = world(link.warehouse)
    for source in link.sources.values():
        source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    link.sources["liar"].sql(change)
    found = {(one.source, one.status): one.error for one in link.sync().tables}
    assert ("honest", "succeeded") in found
    error = found["liar", "failed"]
    assert error is not None
    assert error.kind == "unexpected_answer"
    assert error.message.startswith("liar gave an answer that no PostgreSQL gives")
    assert world(link.warehouse) == before


def test_a_table_that_is_there_twice_fails_its_source_alone(make_link: MakeLink) -> None:
    link = make_link("liar", "honest")
    for source in link.sources.values():
        source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    link.engine()
    link.grants_wanted = False
    link.sources["liar"].sql(
        "SET allow_system_table_mods = on; ALTER TABLE pg_catalog.pg_class RENAME TO before;"
        "CREATE VIEW pg_catalog.pg_class AS SELECT * FROM pg_catalog.before"
        " UNION ALL SELECT * FROM pg_catalog.before WHERE relname = 't';"
        "GRANT SELECT ON pg_catalog.pg_class TO PUBLIC"
    )
    found = {(one.source, one.status): one.error for one in link.sync().tables}
    assert ("honest", "succeeded") in found
    error = found["liar", "failed"]
    assert error is not None
    assert error.message == "liar has two tables of one name or OID"


def test_a_type_name_that_the_warehouse_cannot_write_stays_readable(make_link: MakeLink) -> None:
    link = make_link(warehouse_encoding="LATIN1")
    link.source.sql("CREATE TABLE t (id int PRIMARY KEY)")
    link.synced()
    link.source.sql("CREATE TYPE 表 AS ENUM ('a'); ALTER TABLE t ADD COLUMN c 表")
    (change,) = only(link.synced()).schema_changes
    assert change.source_type == 'public."表"'
    changes = link.warehouse.scalar(
        "SELECT schema_changes FROM elconsole.table_runs WHERE schema_changes <> '[]'"
    )
    assert changes[0]["source_type"] == 'public."\\u8868"'


TRAPS = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TYPE part AS (id int, label text);
CREATE DOMAIN temper AS mood;
CREATE DOMAIN positive AS int;
CREATE FUNCTION trap(mood) RETURNS text LANGUAGE sql AS $$ SELECT 'leaked' $$;
CREATE FUNCTION trap(part) RETURNS text LANGUAGE sql AS $$ SELECT 'leaked' $$;
CREATE FUNCTION trap(mood[]) RETURNS text LANGUAGE sql AS $$ SELECT 'leaked' $$;
CREATE FUNCTION traps(mood[]) RETURNS text[] LANGUAGE sql AS $$ SELECT '{leaked}'::text[] $$;
CREATE FUNCTION traps(positive[]) RETURNS int[] LANGUAGE sql AS $$ SELECT '{666}'::int[] $$;
CREATE FUNCTION trap_json(mood) RETURNS json LANGUAGE sql AS $$ SELECT '666'::json $$;
CREATE CAST (mood AS text) WITH FUNCTION trap(mood);
CREATE CAST (part AS text) WITH FUNCTION trap(part);
CREATE CAST (mood[] AS text) WITH FUNCTION trap(mood[]);
CREATE CAST (mood[] AS text[]) WITH FUNCTION traps(mood[]);
CREATE CAST (positive[] AS int[]) WITH FUNCTION traps(positive[]);
CREATE CAST (mood AS json) WITH FUNCTION trap_json(mood);
CREATE TABLE t (
  m mood PRIMARY KEY, ms mood[], d temper, ds temper[], p part, i positive, is_ positive[], h mood
);
INSERT INTO t VALUES
  ('sad', '{sad,NULL}', 'sad', '{sad}', (1, 'x'), 7, '{{1,2},{3,NULL}}', 'sad'),
  ('glad', NULL, NULL, NULL, (NULL, NULL), NULL, NULL, NULL);
"""


@pytest.fixture
def mallory(make_role: MakeRole) -> str:
    return make_role("mallory")


@pytest.fixture
def trapped(mallory: str, whole: Link) -> Link:
    """A source of which an ordinary user has made types, and casts for them."""
    whole.source.sql(
        f'GRANT CREATE, USAGE ON SCHEMA public TO "{mallory}"; SET ROLE "{mallory}"; {TRAPS}'
    )
    return whole


def test_no_cast_of_a_user_is_called_for_a_value(trapped: Link) -> None:
    trapped.synced()
    assert trapped.warehouse.sql("SELECT m, ms, d, ds, p, i, is_, h FROM raw.t ORDER BY 1") == [
        ("glad", None, None, None, "(,)", None, None, None),
        ("sad", ["sad", None], "sad", ["sad"], "(1,x)", 7, [[1, 2], [3, None]], "sad"),
    ]


def test_no_cast_of_a_user_is_called_for_a_digest(trapped: Link) -> None:
    hashed = ["h", "ms", "p", "i", "is_"]
    trapped.options["plant"] = {"table": {"t": {"hash_columns": hashed}}}
    trapped.synced(hash_salt="salt")
    expected = trapped.warehouse.sql(
        "SELECT encode(sha256(convert_to('salt' || value, 'UTF8')), 'hex') FROM unnest(ARRAY["
        "'sad', '{sad,NULL}', '(1,x)', '7', '{{1,2},{3,NULL}}']) WITH ORDINALITY AS v (value, n)"
        " ORDER BY n"
    )
    (found,) = trapped.warehouse.sql("SELECT h, ms, p, i, is_ FROM raw.t WHERE m = 'sad'")
    assert list(found) == [digest for (digest,) in expected]


def test_no_cast_of_a_user_is_called_to_reconcile(trapped: Link) -> None:
    trapped.synced()
    (same,) = trapped.engine().reconcile((), stop=threading.Event()).tables
    assert (same.error, same.equal, same.source_rows) == (None, True, 2)
    trapped.warehouse.sql("UPDATE raw.t SET d = 'x' WHERE m = 'sad'")
    (other,) = trapped.engine().reconcile((), stop=threading.Event()).tables
    assert other.different_keys == ('["sad"]',)


def test_no_cast_of_a_user_is_called_to_compare(trapped: Link) -> None:
    """Not even an implicit one, which would make the comparison one of texts: it fails."""
    trapped.options["plant"] = {
        "table": {"t": {"mode": "incremental", "strategy": "cursor", "cursor": "m"}}
    }
    trapped.synced()
    assert trapped.warehouse.scalar("SELECT cursor_value FROM elconsole.watermarks") == "sad"
    trapped.source.sql(
        "CREATE FUNCTION spring(mood) RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;"
        "DROP CAST (mood AS text);"
        "CREATE CAST (mood AS text) WITH FUNCTION spring(mood) AS IMPLICIT"
    )
    error = only(trapped.sync()).error
    assert error is not None
    assert "trapped" not in error.message
    assert "operator is not unique" in error.message


def test_a_cursor_whose_comparison_could_call_functions_is_refused(trapped: Link) -> None:
    trapped.options["plant"] = {
        "table": {"t": {"mode": "incremental", "strategy": "cursor", "cursor": "p"}}
    }
    error = only(trapped.sync()).error
    assert error is not None
    assert "whose comparison may run functions of the source's users" in error.message


def test_an_operator_of_a_user_is_not_used(trapped: Link) -> None:
    trapped.options["plant"] = {
        "table": {"t": {"mode": "incremental", "strategy": "cursor", "cursor": "m"}}
    }
    trapped.synced()
    trapped.source.sql(
        "CREATE FUNCTION spring(mood, mood) RETURNS bool LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;"
        "CREATE OPERATOR > (FUNCTION = spring, LEFTARG = mood, RIGHTARG = mood);"
        "CREATE OPERATOR < (FUNCTION = spring, LEFTARG = mood, RIGHTARG = mood);"
        "CREATE OPERATOR = (FUNCTION = spring, LEFTARG = mood, RIGHTARG = mood)"
    )
    _set(trapped, "search_path", "public, pg_catalog")
    assert only(trapped.synced()).strategy == "cursor"


def test_arrays_whose_values_stand_apart_by_another_sign_keep_their_values(whole: Link) -> None:
    whole.source.sql(
        "CREATE TYPE mark;"
        "CREATE FUNCTION mark_in(cstring) RETURNS mark LANGUAGE internal STRICT AS 'int4in';"
        "CREATE FUNCTION mark_out(mark) RETURNS cstring LANGUAGE internal STRICT AS 'int4out';"
        "CREATE TYPE mark (INPUT = mark_in, OUTPUT = mark_out, LIKE = int4, DELIMITER = ':');"
        "CREATE TABLE t (id int PRIMARY KEY, m mark[]);"
        "INSERT INTO t VALUES (1, '{1:2:NULL}'), (2, '[5:6]={1:2}'), (3, '{}'), (4, NULL)"
    )
    whole.synced()
    found = whole.warehouse.sql("SELECT m::text FROM raw.t ORDER BY id")
    assert found == [("{1,2,NULL}",), ("[5:6]={1,2}",), ("{}",), (None,)]
    whole.source.sql("INSERT INTO t VALUES (5, '{{1:2}:{3:4}}')")
    assert only(whole.sync()).status == "failed"


EVIL = """
CREATE SCHEMA evil; CREATE TABLE evil.loot (what text);
CREATE FUNCTION evil.take(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO evil.loot VALUES (what); RETURN true;
EXCEPTION WHEN read_only_sql_transaction THEN RETURN true; END $$;
CREATE FUNCTION evil.set_config(text, text, bool) RETURNS text LANGUAGE sql
  AS $$ SELECT pg_catalog.set_config($1, $2, $3) WHERE evil.take('set_config') $$;
CREATE FUNCTION evil.version() RETURNS text LANGUAGE sql
  AS $$ SELECT pg_catalog.version() WHERE evil.take('version') $$;
CREATE FUNCTION evil.differ(text, text) RETURNS bool LANGUAGE sql
  AS $$ SELECT evil.take('operator') $$;
CREATE OPERATOR evil.<> (FUNCTION = evil.differ, LEFTARG = text, RIGHTARG = text);
GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT INSERT ON evil.loot TO PUBLIC;
CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
"""


@pytest.fixture
def baited(whole: Link) -> Link:
    """A source whose owner leads every session to functions that write, where they can."""
    whole.source.sql(EVIL)
    whole.tables["plant"] = ["t"]
    _set(whole, "search_path", "evil, pg_catalog")
    _set(whole, "default_transaction_read_only", "off")
    _set(whole, "standard_conforming_strings", "off")
    return whole


def _set(link: Link, name: str, value: str) -> None:
    link.source.sql(f'ALTER DATABASE "{link.source.name}" SET {name} = {value}')
    role = link.roles[link.name]
    link.source.sql(f'ALTER ROLE "{role}" IN DATABASE "{link.source.name}" SET {name} = {value}')


def loot(link: Link) -> list[tuple[Any, ...]]:
    return link.source.sql("SELECT what FROM evil.loot")


def use_all(link: Link) -> None:
    link.synced()
    assert [one.status for one in link.engine().check().connections] == ["healthy", "healthy"]
    assert link.engine().reconcile((), stop=threading.Event()).tables[0].equal


def test_a_search_path_of_the_owner_leads_nowhere(baited: Link) -> None:
    use_all(baited)
    assert loot(baited) == []


def test_it_leads_nowhere_where_a_pooler_refuses_startup_options(
    baited: Link, session_folder: Path, home: Path
) -> None:
    server = Path(baited.source.params["host"]) / f".s.PGSQL.{baited.source.params['port']}"
    with refusing_options(session_folder / f"pool-{home.name}", server) as through:
        baited.options["plant"] = through
        use_all(baited)
    assert loot(baited) == []


def test_a_login_trigger_finds_a_session_that_may_not_write(baited: Link) -> None:
    if int(baited.source.scalar("SHOW server_version_num")) < 170000:
        pytest.skip("there are no login triggers before PostgreSQL 17")
    baited.source.sql(
        "CREATE FUNCTION evil.greet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF session_user = '{baited.roles['plant']}' THEN PERFORM evil.take('login'); END IF;"
        " END $$;"
        "CREATE EVENT TRIGGER greet ON login EXECUTE FUNCTION evil.greet()"
    )
    use_all(baited)
    assert loot(baited) == []


@pytest.mark.parametrize("place", ["dsn", "environment", "service", "service of the environment"])
def test_the_users_own_options_are_kept(
    link: Link, home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    link.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    mine = "-c elconsole.mine=kept"
    (home / "services").write_text(f"[mine]\noptions={mine}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(home / "services"))
    if place == "environment":
        monkeypatch.setenv("PGOPTIONS", mine)
    elif place == "service of the environment":
        monkeypatch.setenv("PGSERVICE", "mine")
    dsn = {"dsn": f"options='{mine}'", "service": "service=mine"}.get(place)
    where = "current_setting('elconsole.mine') = 'kept'"
    link.options["plant"] = {"table": {"t": {"where": where}}} | ({"dsn": dsn} if dsn else {})
    assert only(link.synced()).rows_read == 1


def health(link: Link, name: str) -> ConnectionHealth:
    (found,) = [one for one in link.engine().check().connections if one.name == name]
    return found


def test_a_superuser_is_warned_of(link: Link) -> None:
    link.source.sql("CREATE TABLE t (id int)")
    assert health(link, "plant").warnings == health(link, "warehouse").warnings == ()
    link.grants_wanted = False
    link.roles = dict.fromkeys(link.roles, SUPERUSER)
    report = link.engine().check()
    for found in report.connections:
        (warning,) = found.warnings
        assert (found.status, found.reasons) == ("healthy", ())
        assert "is a superuser" in warning
    printed: Any = documents.check(report)
    assert ["is a superuser" in one["warnings"][0] for one in printed["connections"]] == [True] * 2
    assert text.check(report, datetime.now(UTC)).count("warning: the role is a superuser") == 2


def test_a_source_role_that_owns_or_is_member_of_something_is_warned_of(
    link: Link, make_role: MakeRole
) -> None:
    role, group = link.roles["plant"], make_role("group")
    link.source.sql(f'CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO "{role}"')
    link.source.sql(f'GRANT "{group}" TO "{role}"')
    found = health(link, "plant")
    link.source.sql(f'DROP TABLE mine; REVOKE "{group}" FROM "{role}"')
    assert found.status == "healthy"
    assert found.warnings == (
        "the role owns the table mine: it should own nothing",
        f"the role is a member of {group}: it should be a member of nothing",
    )


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_constant_is_what_it_is_in_every_session(server: PostgresServer, conforming: str) -> None:
    texts = ["", "it's", "back\\slash", "\\'; SELECT 1; --", "'\\", "é🖋%s{}$$"]
    with server.admin.connect(options=f"-c standard_conforming_strings={conforming}") as session:
        for one in texts:
            assert session.execute(f"SELECT {literal(one)}".encode()).fetchone() == (one,)
    with pytest.raises(ValueError, match="NUL"):
        literal("cut\0off")


SYNTAX = frozenset(
    "extract position overlay substring trim normalize date time interval numeric varchar bpchar"
    " bit char text name timestamp timestamptz bool int4 int8 unnest".split()
)
"""Functions that share their names with types or with SQL's own words; `unnest` of several
arrays is such a word too."""


def test_every_function_and_catalog_is_named_with_its_schema(server: PostgresServer) -> None:
    functions = server.admin.sql("SELECT DISTINCT proname::text FROM pg_proc")
    names = "|".join(re.escape(name) for (name,) in functions if name not in SYNTAX)
    unqualified = re.compile(rf"(?<![\w.])(?:(?:{names})\(|pg_(?!catalog\b|temp\b|')\w+(?=\s))")
    found = [
        f"{path.name}: {match[0]}"
        for path, statement in _statements(Path(engine.__file__).parent)
        for match in unqualified.finditer(statement)
    ]
    assert found == []


def _statements(root: Path) -> Iterator[tuple[Path, str]]:
    """The text of every statement, without comments: of files, and of strings that hold SQL."""
    for path in root.rglob("*.sql"):
        lines = path.read_text().splitlines()
        yield path, "\n".join(one.partition("--")[0] for one in lines if "COMMENT" not in one)
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text())
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in notes:
                continue
            if isinstance(node.value, str) and re.search(r"\b(SELECT|FROM|AND|SET)\b", node.value):
                yield path, node.value

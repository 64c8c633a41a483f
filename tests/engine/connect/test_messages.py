"""Errors that people misread: each names the thing, the place and the next step."""

from __future__ import annotations

from typing import Any, cast

import psycopg
import pytest

from elconsole.core.errors import ServerUnsupported
from elconsole.core.types import ErrorInfo, Role
from elconsole.engine.connect import session as sessions
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.translate import connection_error, statement_error
from tests.pairs import Pair

pytestmark = pytest.mark.integration


def refusal(pair: Pair) -> ErrorInfo:
    (table,) = pair.run().tables
    assert table.error is not None, table
    return table.error


@pytest.fixture
def people(pair: Pair) -> Pair:
    """A table whose index calls a function that names another without its schema."""
    pair.source.sql(
        "CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';"
        "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'Ada');"
        "CREATE FUNCTION f_plain(text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS 'SELECT public.plain($1)';"
        "CREATE INDEX people_plain ON t (f_plain(name));"
        "SET check_function_bodies = off;"
        "CREATE OR REPLACE FUNCTION f_plain(text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS 'SELECT plain($1)'"
    )
    return pair


@pytest.mark.parametrize("block", [{}, {"mode": "incremental"}, {"where": "id > 0"}])
def test_a_function_of_an_index_that_relies_on_a_path_is_named(
    people: Pair, block: dict[str, Any]
) -> None:
    people.configure({"t": block})
    error = refusal(people)
    assert (error.sqlstate, error.kind) == ("42883", "server")
    assert "the function f_plain of an index" in error.message
    assert "set search_path in [sources.plant]" in (error.hint or "")
    people.configure({"t": block}, plant={"search_path": "public"})
    people.sync()
    assert people.raw("id, name") == [(1, "Ada")]


def test_a_condition_s_own_mistake_is_still_the_condition_s(people: Pair) -> None:
    people.source.sql("DROP INDEX people_plain")
    people.configure({"t": {"where": "nowhere(id)"}})
    assert "can't read its where" in refusal(people).message


def test_a_path_reaches_the_session_behind_pg_catalog(pair: Pair) -> None:
    pair.configure(plant={"search_path": 'app, "Odd One"'})
    assert pair.engine is not None
    with pair.engine._pools.sources["plant"].session() as session:
        assert session.execute("SHOW search_path").fetchone() == ('pg_catalog, app, "Odd One"',)


def test_a_refused_value_has_its_row_and_column_and_is_not_shown(pair: Pair) -> None:
    with pair.warehouse.connect() as connection:
        connection.execute("CREATE TEMP TABLE x (id int, v int)")
        with (
            pytest.raises(psycopg.Error) as raised,
            connection.cursor().copy("COPY x (id, v) FROM STDIN") as copy,
        ):
            copy.write("1\t2\n2\tsecret\n")
    server = Server("warehouse", "warehouse", {}, "here", 1.0)
    told = str(statement_error(raised.value, server))
    assert "(row 2 of the copy, column v)" in told
    assert "x, line" not in told


@pytest.mark.parametrize(
    ("role", "hint"), [("source", "newer replica"), ("warehouse", "[warehouse]")]
)
def test_a_server_that_is_too_old(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, role: Role, hint: str
) -> None:
    monkeypatch.setattr(sessions, "MINIMUM_VERSION", {"source": 990000, "warehouse": 990000})
    server = Server("it", role, pair.source.params, "here", 5.0)
    with pytest.raises(ServerUnsupported) as raised:
        sessions.open_session(server)
    assert hint in (raised.value.hint or "")
    assert ("replica" in (raised.value.hint or "")) is (role == "source")


class Said:
    """As libpq keeps a refusal."""

    def __init__(self, raw: bytes) -> None:
        self.error_message = raw


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        (
            "Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen",
            "latin-1",
            "für Benutzer »x«",
        ),
        ("Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen", "utf-8", "für Benutzer »x«"),
        ("пользователь не прошёл проверку подлинности", "koi8-r", "encoding that can't be told"),
    ],
)
def test_words_of_another_language_are_read_or_left_out(
    text: str, encoding: str, shown: str
) -> None:
    raw = b'connection to server at "h", port 5432 failed: FATAL:  ' + text.encode(encoding)
    error = psycopg.OperationalError(raw.decode("utf-8", "replace"))
    error._pgconn = cast("Any", Said(raw))
    told = connection_error(error, Server("plant", "source", {}, "h:5432/d", 1.0))
    assert shown in str(told)
    assert "\ufffd" not in str(told)
    assert "host and port are right" not in (told.hint or "")
    assert "its own words say why" in (told.hint or "")


def test_silence_is_no_answer_of_the_server() -> None:
    error = psycopg.OperationalError(
        'connection to server at "h", port 1 failed: Connection refused\n\tIs the server running?'
    )
    told = connection_error(error, Server("plant", "source", {}, "h:1/d", 1.0))
    assert "host and port are right" in (told.hint or "")


def test_too_many_connections_say_how_many_are_needed() -> None:
    error = psycopg.OperationalError("failed: FATAL:  sorry, too many clients already")
    told = connection_error(error, Server("plant", "source", {}, "h", 1.0, sessions=7))
    assert (told.hint or "").startswith("a sync needs up to 7 connections here: lower workers")

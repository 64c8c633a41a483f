"""What stands in brackets within our statements is one condition, as PostgreSQL reads it."""

from __future__ import annotations

from itertools import product

import psycopg
import pytest

from elconsole.core.quoting import check_condition
from tests.postgres import PostgresServer

CONDITIONS = [
    "a = 1",
    "(a) and (b or c)",
    "a = 'x;)'",
    "a = 'it''s'",
    "a = E'it\\'s ;' and b",
    '"odd;)" = 1',
    "a /* ; ) */ = 1",
    "a = 1 -- ;)\n",
    "a = $$;)$$",
    "a = $t$ $$ ;$t$",
    "name ~ '^\\d+$'",
    "data #>> '{a,b}' = '1' and data ->> 'k' like 'E%'",
]
MORE = [
    "true); DROP TABLE a",
    "true) OR (true",
    "(a",
    "a; b",
    "a = 'x",
    '"x',
    "a -- b",
    "a /* b",
    "a /* /* */ */",
    "$$ a",
    "$t$ a $$",
    "name1E'\\' ; '",
    "1$a$ ; $a$",
    "E'\\'",
    "E'a'\n'\\'' ); SELECT 1 --'\n",
    "a\0",
]
BEGINNINGS = ["E'", "E''\n'", "'", "\\'", "$$", "$a$", "1", "a", '"', "/*", "*/", "--", "\n"]
ENDS = ["", "'", "--'\n", "/*'*/", "$$", "--$$\n", "$a$", "--$a$\n", '"', '--"\n', "*/", "/*"]


@pytest.mark.unit
@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_is_one(text: str) -> None:
    assert check_condition(text) == text


@pytest.mark.unit
@pytest.mark.parametrize("text", MORE)
def test_what_is_more_than_a_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_condition(text)


def refusal(connection: psycopg.Connection[tuple[object, ...]], condition: str) -> str:
    """What the server says against a statement with the condition in its brackets."""
    try:
        connection.execute(f"SELECT 1 WHERE ({condition})".encode(), binary=True)
    except psycopg.Error as error:
        return str(error)
    return ""


@pytest.mark.integration
def test_what_passes_stays_in_its_brackets(server: PostgresServer) -> None:
    """The server counts statements before it looks at what they mean."""
    beginnings = ("".join(some) for n in range(4) for some in product(BEGINNINGS, repeat=n))
    asked = 0
    with server.admin.connect() as connection:
        for beginning, end in product(beginnings, ENDS):
            text = f"'' = {beginning} ); SELECT (1 {end}"
            try:
                check_condition(text)
            except ValueError:
                continue
            asked += 1
            assert "multiple commands" not in refusal(connection, text), text
    assert asked > 100

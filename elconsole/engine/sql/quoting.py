"""Names and texts as SQL, whatever connection they go to.

psycopg, asked without a connection, escapes by what libpq last heard from any server, which
a source may change between two of its calls."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql


def identifier(name: str) -> str:
    """A name in quotes."""
    return sql.Identifier(name).as_string()


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """A text as a constant without a type; ValueError for a NUL, which would end the statement."""
    if "\0" in text:
        raise ValueError("an SQL text has no NUL character")
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return f"E{quoted}" if "\\" in text else quoted


def constant(text: str) -> sql.SQL:
    """The same, to be composed with."""
    return sql.SQL(literal(text))


def constants(texts: Iterable[str]) -> sql.SQL:
    """An array of texts."""
    listed = ", ".join(literal(text) for text in texts)
    return sql.SQL(f"ARRAY[{listed}]::text[]")

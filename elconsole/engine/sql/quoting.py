"""Texts as SQL that psycopg composes."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from elconsole.core.quoting import literal


def constant(text: str) -> sql.SQL:
    """A text as a constant without a type, to be composed with."""
    return sql.SQL(literal(text))


def constants(texts: Iterable[str]) -> sql.SQL:
    """An array of texts."""
    listed = ", ".join(literal(text) for text in texts)
    return sql.SQL(f"ARRAY[{listed}]::text[]")

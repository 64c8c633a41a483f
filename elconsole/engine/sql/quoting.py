"""Names as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    pass


def identifier(name: str) -> str:
    return sql.Identifier(name).as_string()


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"

"""Patterns that name tables."""

from __future__ import annotations

from fnmatch import fnmatchcase
from glob import escape


def is_glob(pattern: str) -> bool:
    """Whether a table pattern can name more than one table."""
    return any(character in pattern for character in "*?[")


def quote(name: str) -> str:
    """The pattern that names this text and nothing else: `*` becomes `[*]`."""
    return escape(name)


def argument(source: str, table: str) -> str:
    """The `SOURCE.TABLE` that selects this table and no other."""
    return f"{source}.{quote(table)}"


def table_matches(pattern: str, schema: str, table: str) -> bool:
    """Whether a name, a schema-qualified name or a glob names this table.

    Case counts. A text with glob characters is never taken for a name: whoever makes a
    table called `*` would take over the selection. A glob without a dot looks at the bare
    name, one with a dot at `schema.name`, so that `pub*` does not take everything of `public`.
    """
    qualified = f"{schema}.{table}"
    if not is_glob(pattern):
        return pattern in (table, qualified)
    return fnmatchcase(qualified if "." in pattern else table, pattern)

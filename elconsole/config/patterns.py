"""Patterns that name tables."""

from __future__ import annotations

from fnmatch import fnmatchcase


def is_glob(pattern: str) -> bool:
    """Whether a table pattern can name more than one table."""
    return any(character in pattern for character in "*?[")


def table_matches(pattern: str, schema: str, table: str) -> bool:
    """Whether a name, a schema-qualified name or a glob names this table.

    Case counts. A glob without a dot looks at the bare name, one with a dot at
    `schema.name`, so that `pub*` does not take everything of `public`.
    """
    qualified = f"{schema}.{table}"
    if pattern in (table, qualified):
        return True
    return is_glob(pattern) and fnmatchcase(qualified if "." in pattern else table, pattern)

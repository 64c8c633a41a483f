"""New tables and columns that settings leave out, in words."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.results import IgnoredNew
from elconsole.core.safe_text import clean_text


def ignored_lines(ignored: Sequence[IgnoredNew]) -> list[str]:
    """A line for each table and each column."""
    return [
        f"{clean_text(one.source)}.{clean_text(one.table)}: "
        + (
            "new, left out (new_tables)"
            if one.column is None
            else f"new column {clean_text(one.column)}, left out (new_columns)"
        )
        for one in ignored
    ]

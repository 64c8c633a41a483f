"""Where the rows of `raw.t` are stored."""

from __future__ import annotations

from tests.link import Link

LEAF = "(SELECT inhrelid FROM pg_inherits WHERE inhparent = 'raw.t'::regclass)"


def leaf(link: Link) -> str:
    """The table that stores `raw.t`."""
    name: str = link.warehouse.scalar(f"SELECT {LEAF}::regclass::text")
    return name


STORED = (
    "SELECT relispartition FROM pg_class"
    " WHERE relnamespace = 'elconsole_storage'::regnamespace AND relkind = 'r' ORDER BY oid"
)

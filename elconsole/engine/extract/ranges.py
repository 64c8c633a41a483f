"""Reading a table in parts, so that a scan that finds nothing is not taken for a hang.

A source is watched by the bytes that it sends. A scan for the few changed rows of a big
table may send none for minutes, so it is cut into ranges of pages, read one after the
other in one snapshot: each ends with an answer. PostgreSQL 14 and newer read a range of
ctid without touching the other pages (TID Range Scan).
"""

from __future__ import annotations

from collections.abc import Iterator

from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session

RANGE_PAGES = 8192
"""64 MB of a table with blocks of 8 kB: a minute even at one megabyte a second."""
MOST_RANGES = 65536
"""Larger tables, of 4 TB, have larger ranges."""
FIRST_VERSION = 140000


def page_conditions(session: Session, query: str, pages: int) -> Iterator[str | None]:
    """Conditions on ctid that together mean every row once; None alone where `query`, the
    SELECT to cut, is short anyway or finds its rows by an index.

    `pages` is the size of the table, or of its largest partition; 0 where the role may
    not read ctid. Rows beyond it fall into the last part."""
    if pages <= RANGE_PAGES or not _scans_all(session, query):
        yield None
        return
    start, size = 0, max(RANGE_PAGES, pages // MOST_RANGES)
    while start + size < pages:
        yield f"ctid >= '({start},0)' AND ctid < '({start + size},0)'"
        start += size
    yield f"ctid >= '({start},0)'"


def _scans_all(session: Session, query: str) -> bool:
    if session.info.server_version < FIRST_VERSION:
        return False
    with session.within(CATALOG_TIMEOUT_S):
        lines = session.execute(f"EXPLAIN (COSTS OFF) {query}".encode()).fetchall()
    return any("Seq Scan" in str(line) for (line,) in lines)

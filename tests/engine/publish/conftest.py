"""A raw table to publish anew."""

from __future__ import annotations

import pytest

from tests.link import Link


@pytest.fixture
def published(link: Link) -> Link:
    """A link whose `raw.t` stands in its first generation."""
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, name text, price numeric(7,2));"
        "INSERT INTO t SELECT n, 'unit ' || n, n FROM generate_series(1, 1000) n"
    )
    link.synced()
    return link

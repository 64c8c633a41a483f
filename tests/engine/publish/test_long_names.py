"""PostgreSQL makes names of names, and cuts them to 63 bytes: those of two tables may meet."""

from __future__ import annotations

import pytest

from tests.link import Link

pytestmark = pytest.mark.integration


def test_tables_whose_long_names_begin_alike_are_loaded_at_once(link: Link) -> None:
    names = [f"{'n' * 61}{n:02}" for n in range(24)]
    names += [f"{'ü' * 20}{n:02}" for n in range(12)]
    names += [f"{'_' * n}{'m' * (62 - n)}" for n in range(6)]
    for name in names:
        link.source.sql(f'CREATE TABLE "{name}" (id int PRIMARY KEY)')
    link.synced(workers=8)
    made = link.warehouse.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'raw'::regnamespace"
    )
    assert {row[0] for row in made} == set(names)

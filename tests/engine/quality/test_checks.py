"""Built-in checks on real rows: each fires on its fault and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from elconsole.plugins.checks import CheckedTable, any_wanted, run_checks
from tests.conftest import MakeDatabase
from tests.postgres import Database

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TABLE = CheckedTable(
    columns=("id", "made at", "colour", "state"),
    primary_key=("id",),
    time="made at",
    status="state",
    passed=("o'k", "fine"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    zero_rows: bool = False
    row_jump: float | None = None
    null_jump: float | None = None
    freshness: str | None = None
    unique_key: bool = False
    accepted_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pass_rate_shift: float | None = None


ALL = Wanted(
    zero_rows=True,
    row_jump=0.5,
    null_jump=0.2,
    freshness="1 day",
    unique_key=True,
    accepted_values={"colour": ("red", "blue")},
    pass_rate_shift=0.1,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of the test's database, as a plug-in sees it."""

    database: Database
    table: str

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.database.sql(text, *parameters)


@pytest.fixture
def tables(make_database: MakeDatabase) -> tuple[Rows, Rows]:
    """New and old rows, ten each and all well."""
    database = make_database("checked")
    for name in ("new", "old"):
        database.sql(f"""
            CREATE TABLE "{name}" (id int, "made at" timestamptz, colour text, state text);
            INSERT INTO "{name}"
            SELECT n, '2026-03-02', 'red', 'o''k' FROM generate_series(1, 10) AS n
        """)
    return Rows(database, '"new"'), Rows(database, '"old"')


def test_healthy_rows_pass_every_check(tables: tuple[Rows, Rows]) -> None:
    assert run_checks(ALL, TABLE, *tables, NOW) is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ('DELETE FROM "new"', "no rows came where there were 10"),
        (
            'DELETE FROM "new" WHERE id > 4',
            "rows went from 10 to 4 (-60.0%, allowed 50.0%)",
        ),
        (
            'UPDATE "new" SET colour = NULL WHERE id <= 3',
            "NULLs of colour rose from 0.0% to 30.0% (allowed +20.0%)",
        ),
        (
            """UPDATE "new" SET "made at" = '2026-03-01T11:00:00Z'""",
            "the newest made at is 2026-03-01T11:00:00+00:00, older than 1 day",
        ),
        ('UPDATE "new" SET id = 1 WHERE id = 2', "the key 1 stands in several rows"),
        (
            """UPDATE "new" SET colour = 'mauve' WHERE id = 1""",
            "colour holds values that are not accepted, such as 'mauve'",
        ),
        (
            """UPDATE "new" SET state = 'error' WHERE id <= 2""",
            "the pass rate moved from 100.0% to 80.0% (allowed 10.0%)",
        ),
    ],
)
def test_each_fault_is_named_alone_and_only_where_its_check_is_on(
    tables: tuple[Rows, Rows], fault: str, words: str
) -> None:
    new, old = tables
    new.database.sql(fault)
    assert run_checks(ALL, TABLE, new, old, NOW) == words
    assert run_checks(Wanted(), TABLE, new, old, NOW) is None


def test_a_first_load_has_nothing_to_compare_with(tables: tuple[Rows, Rows]) -> None:
    new, _ = tables
    new.database.sql('DELETE FROM "new"')
    assert run_checks(ALL, TABLE, new, None, NOW) is None


def test_no_check_is_on_by_default() -> None:
    assert not any_wanted(Wanted())
    assert any_wanted(Wanted(unique_key=True))
    assert any_wanted(ALL)


def test_an_accepted_column_that_is_gone_is_named(tables: tuple[Rows, Rows]) -> None:
    wanted = Wanted(accepted_values={"hue": ("red",)})
    assert run_checks(wanted, TABLE, *tables, NOW) == (
        'there is no column "hue", whose accepted values settings name'
    )

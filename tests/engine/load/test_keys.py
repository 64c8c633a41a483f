"""A key that settings name is unique, or nothing is published and the key is named."""

from __future__ import annotations

import pytest

from elconsole.core.types import ErrorInfo
from tests.pairs import Pair

pytestmark = pytest.mark.integration


@pytest.fixture
def units(pair: Pair) -> Pair:
    pair.source.sql(
        "CREATE TABLE t (line text NOT NULL, no int NOT NULL, v text,"
        " at timestamptz DEFAULT now());"
        "INSERT INTO t SELECT 'a', n, 'old' FROM generate_series(1, 100) n"
    )
    return pair


def refusal(pair: Pair) -> ErrorInfo:
    (table,) = pair.run().tables
    assert table.error is not None, table
    return table.error


@pytest.mark.parametrize("strategy", ["xmin", "cursor"])
@pytest.mark.parametrize("deletes", ["ignore", "sweep"])
@pytest.mark.parametrize("rows", ["('a', 7, 'twin')", "('a', 500, 'x'), ('a', 500, 'y')"])
def test_a_key_that_stops_being_unique_is_refused_by_name(
    units: Pair, strategy: str, deletes: str, rows: str
) -> None:
    units.incremental(
        strategy=strategy,
        deletes=deletes,
        primary_key=["line", "no"],
        cursor="at" if strategy == "cursor" else None,
    )
    units.sync()
    units.source.sql(f"INSERT INTO t VALUES {rows}")
    error = refusal(units)
    assert error.kind == "key_not_unique"
    assert "plant.t: the key (line, no) is not unique: 2 rows of the source have (a, " in (
        error.message
    )
    assert "primary_key" in (error.hint or "")
    assert len(units.raw()) == 100
    units.source.sql("DELETE FROM t WHERE v IN ('twin', 'x')")
    units.sync()
    assert units.raw("line, no, v", order="1, 2") == units.rows("line, no, v", order="1, 2")


def test_a_full_refresh_names_the_key_too(units: Pair) -> None:
    units.source.sql("INSERT INTO t VALUES ('a', 7, 'twin')")
    units.configure({"t": {"primary_key": ["line", "no"]}})
    error = refusal(units)
    assert "Key (line, no)=(a, 7)" in error.message
    assert "primary_key" in (error.hint or "")


def test_a_shared_key_of_hashed_columns_is_not_shown(units: Pair) -> None:
    units.configure(
        {"t": {"mode": "incremental", "primary_key": ["no"], "hash_columns": ["no"]}},
        hash_salt="pepper",
    )
    units.sync()
    units.source.sql("INSERT INTO t VALUES ('a', 77, 'twin')")
    error = refusal(units)
    assert error.kind == "key_not_unique"
    assert "(77)" not in error.message


@pytest.mark.parametrize(
    ("index", "is_proven"),
    [
        ("CREATE UNIQUE INDEX ON t (no, line)", True),
        ("CREATE UNIQUE INDEX ON t (no)", True),
        ("CREATE UNIQUE INDEX ON t (no) INCLUDE (v)", True),
        ("ALTER TABLE t ADD UNIQUE (line, no) DEFERRABLE INITIALLY DEFERRED", True),
        ("CREATE INDEX ON t (line, no)", False),
        ("CREATE UNIQUE INDEX ON t (line, no) WHERE no > 0", False),
        ("CREATE UNIQUE INDEX ON t (line, (no + 0))", False),
        ("CREATE UNIQUE INDEX ON t (line, no, v)", False),
    ],
)
def test_a_unique_index_proves_a_key(units: Pair, index: str, is_proven: bool) -> None:
    units.source.sql(index)
    units.incremental(primary_key=["line", "no"])
    units.sync()
    looks = any("each sync looks whether it is unique" in note for note in units.plan().notes)
    assert looks is not is_proven


def test_children_do_not_share_their_parents_key(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE child () INHERITS (t);"
        "INSERT INTO child VALUES (1, 'a')"
    )
    pair.configure({"t": {"mode": "incremental"}}, plant={"tables": ["t"]})
    pair.sync()
    pair.source.sql("INSERT INTO t VALUES (1, 'b')")
    assert refusal(pair).kind == "key_not_unique"

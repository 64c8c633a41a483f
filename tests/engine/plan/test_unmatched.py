"""What settings name and a source has not is told by the plan, before a row moves."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from elconsole.config.models import TableSettings
from elconsole.core.results import PlannedTable, SyncRequest
from elconsole.engine.catalog.source import SourceRelation
from elconsole.engine.connect.session import Session
from elconsole.engine.plan import conditions
from tests.link import Link, by_table
from tests.pairs import METADATA
from tests.postgres import Database

pytestmark = pytest.mark.integration


@pytest.fixture
def crm(link: Link) -> Link:
    link.source.sql(
        "CREATE TABLE customers (id int PRIMARY KEY, email text, line text);"
        "INSERT INTO customers VALUES (1, 'ada@example.org', 'a');"
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz)"
    )
    # Grants for what is not there could not be run.
    link.grant(link.settings())
    link.grants_wanted = False
    return link


def planned(link: Link, **top: Any) -> dict[str, PlannedTable]:
    return {one.table: one for one in link.engine(**top).plan(SyncRequest()).tables}


def refusal(one: PlannedTable) -> tuple[str, str]:
    assert one.error is not None
    return one.error.message, one.error.hint or ""


def columns(warehouse: Database, table: str) -> set[str]:
    rows = warehouse.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", table
    )
    return {row[0] for row in rows} - set(METADATA)


def test_a_block_that_matches_no_table_keeps_the_whole_source(crm: Link) -> None:
    crm.options[crm.name] = {"table": {"custmers": {"exclude_columns": ["email"]}}}
    detail = crm.sync()
    assert {table.status for table in detail.tables} == {"failed"}
    message, hint = refusal(planned(crm)["customers"])
    assert f"[sources.{crm.name}.table.custmers] matches no table" in message
    assert hint == "did you mean customers?"
    assert crm.warehouse.scalar("SELECT to_regclass('raw.customers')") is None


def test_a_block_of_a_table_that_is_gone_is_no_slip(crm: Link) -> None:
    crm.options[crm.name] = {"table": {"orders": {"mode": "incremental"}}}
    crm.synced()
    crm.source.sql("DROP TABLE orders")
    assert set(planned(crm)) == {"customers"}
    assert crm.synced().run.tables_total == 1


def test_each_problem_of_a_source_is_told_once(crm: Link) -> None:
    crm.synced()
    crm.options[crm.name] = {"table": {"custmers": {}}}
    (problem,) = crm.engine().check().problems
    assert (problem.source, problem.table) == (crm.name, None)
    assert "custmers" in problem.error.message


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("custo", "has no table custo", "did you mean customers?"),
        ("crm_*", "no table of {} matches crm_*", "--dry-run"),
        ("big_*", "no base table of {} matches big_*: views", "name them in tables"),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error_and_the_rest_is_synced(
    crm: Link, pattern: str, message: str, hint: str
) -> None:
    crm.source.sql(
        "CREATE VIEW big_orders AS SELECT * FROM orders;"
        f'GRANT SELECT ON orders TO "{crm.roles[crm.name]}"'
    )
    crm.tables[crm.name] = ["orders", pattern]
    found = by_table(crm.sync())
    assert found["orders"].status == "succeeded"
    error = found[pattern].error
    assert error is not None
    assert message.format(crm.name) in error.message
    assert hint in (error.hint or "")


def test_a_source_without_tables_is_not_fine(link: Link) -> None:
    detail = link.sync()
    assert detail.run.status == "failed"
    message, hint = refusal(planned(link)["*.*"])
    assert "has no base table" in message
    assert "dbname" in hint


def test_settings_that_leave_no_table_are_not_fine(crm: Link) -> None:
    crm.options[crm.name] = {"exclude": ["*"]}
    message, hint = refusal(planned(crm)["*"])
    assert "leave no table" in message
    assert "exclude" in hint


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("lin = 'a'", 'column "lin" does not exist'),
        ("line = ", "syntax error"),
        ("id = 'x'", "invalid input syntax"),
        ("nothing(id)", "function nothing(integer) does not exist"),
    ],
)
def test_a_condition_that_the_source_cannot_read_is_told_with_its_place(
    crm: Link, where: str, words: str
) -> None:
    crm.options[crm.name] = {"table": {"customers": {"where": where}}}
    found = planned(crm)
    message, hint = refusal(found["customers"])
    assert words in message
    assert f"[sources.{crm.name}.table.customers]" in hint
    assert found["orders"].error is None


def test_one_condition_among_many_is_told_and_the_rest_is_planned(
    crm: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.source.sql("; ".join(f"CREATE TABLE t{n} (id int PRIMARY KEY)" for n in range(7)))
    monkeypatch.setattr(conditions, "TABLES_AT_ONCE", 3)
    blocks: dict[str, Any] = {f"t{n}": {"where": "id > 0"} for n in range(7)}
    crm.options[crm.name] = {"table": {**blocks, "t4": {"where": "idd > 0"}}}
    refused = {name for name, one in planned(crm).items() if one.error is not None}
    assert refused == {"t4"}


def test_a_condition_is_explained_and_never_run(crm: Link) -> None:
    crm.source.sql(
        "CREATE SEQUENCE runs; GRANT USAGE ON SEQUENCE runs TO PUBLIC;"
        "CREATE FUNCTION counted(id int) RETURNS boolean LANGUAGE sql VOLATILE"
        " AS $$ SELECT nextval('public.runs') > 0 $$"
    )
    crm.options[crm.name] = {"table": {"customers": {"where": "public.counted(id)"}}}
    assert planned(crm)["customers"].error is None
    assert crm.source.scalar("SELECT is_called FROM runs") is False


def test_more_than_a_condition_never_reaches_the_source() -> None:
    """It would be run beside the EXPLAIN, and could end the transaction that only reads."""
    more = "true); SELECT pg_catalog.pg_sleep(20"
    with pytest.raises(ValidationError, match="it closes a bracket that it did not open"):
        TableSettings(where=more)


def test_a_locked_table_does_not_hold_up_its_plan(crm: Link) -> None:
    crm.options[crm.name] = {"table": {"customers": {"where": "id > 0"}}}
    engine = crm.engine()
    with crm.source.connect() as other:
        other.execute("BEGIN; LOCK TABLE customers")
        found = engine.plan(SyncRequest()).tables
    assert [one.error for one in found] == [None, None]


def test_many_locked_tables_are_waited_for_once(crm: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration holds them all."""
    asked: list[int] = []
    failure = conditions._failure

    def counted(session: Session, some: list[tuple[SourceRelation, str]]) -> psycopg.Error | None:
        asked.append(len(some))
        return failure(session, some)

    monkeypatch.setattr(conditions, "_failure", counted)
    crm.options[crm.name] = {"table": {"*": {"where": "id > 0"}}}
    engine = crm.engine()
    with crm.source.connect() as other:
        other.execute("BEGIN; LOCK TABLE customers, orders")
        assert [one.error for one in engine.plan(SyncRequest()).tables] == [None, None]
    assert asked == [2]


def test_a_condition_is_tried_on_no_partition_and_calls_nothing(crm: Link) -> None:
    """Planned in earnest, its EXPLAIN would be of 16 MB, and would call what is immutable."""
    crm.source.sql(
        "CREATE TABLE parts (id int) PARTITION BY RANGE (id);"
        "DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE pg_catalog.format("
        " 'CREATE TABLE part_%s PARTITION OF parts FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);"
        " END LOOP; END $$;"
        "CREATE FUNCTION called() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN RAISE 'called'; END $$"
    )
    many = ", ".join(f"'{i}'" for i in range(10**6, 10**6 + 2000))
    where = f"public.called() OR id::text IN ({many})"
    crm.options[crm.name] = {"table": {"parts": {"where": where}}}
    found = planned(crm)
    assert found["parts"].error is None
    assert found["orders"].error is None


@pytest.mark.parametrize("where", ["top", "source"])
def test_patterns_hide_columns_wherever_they_are(crm: Link, where: str) -> None:
    hidden: dict[str, Any] = {"exclude_columns": ["*.email"], "hash_columns": ["customers.l*"]}
    top: dict[str, Any] = hidden if where == "top" else {}
    crm.options[crm.name] = hidden if where == "source" else {}
    crm.synced(hash_salt="pepper", **top)
    assert columns(crm.warehouse, "raw.customers") == {"id", "line"}
    ((line,),) = crm.warehouse.sql("SELECT line FROM raw.customers")
    assert len(line) == 64


def test_a_pattern_hides_even_what_columns_names(crm: Link) -> None:
    block = {"columns": ["id", "email"]}
    crm.options[crm.name] = {"exclude_columns": ["*.email"], "table": {"customers": block}}
    crm.synced()
    assert columns(crm.warehouse, "raw.customers") == {"id"}


@pytest.mark.parametrize("setting", ["exclude_columns", "hash_columns"])
@pytest.mark.parametrize("where", ["top", "source"])
def test_a_column_pattern_that_matches_nothing_keeps_everything(
    crm: Link, setting: str, where: str
) -> None:
    pattern: dict[str, Any] = {setting: ["custmers.email"]}
    crm.options[crm.name] = pattern if where == "source" else {}
    top: dict[str, Any] = {"hash_salt": "pepper", **(pattern if where == "top" else {})}
    assert {table.status for table in crm.sync(**top).tables} == {"failed"}
    message, hint = refusal(planned(crm, **top)["orders"])
    assert f"{setting} names custmers.email, which no column matches" in message
    assert hint == "did you mean customers.email?"
    assert crm.warehouse.scalar("SELECT to_regclass('raw.customers')") is None


@pytest.mark.parametrize(
    ("quality", "message", "hint"),
    [
        ({"by": ["lyne"]}, "by of its quality names lyne", "did you mean line?"),
        ({"by": ["line"], "status": "statos"}, "status of its quality names statos", "correct"),
        ({"by": ["line"], "status": "line", "time": "att"}, "time of its quality", "correct"),
    ],
)
def test_a_dimension_that_is_no_column_is_told(
    crm: Link, quality: dict[str, Any], message: str, hint: str
) -> None:
    crm.options[crm.name] = {"table": {"customers": {"quality": quality}}}
    found = planned(crm)
    told = refusal(found["customers"])
    assert message in told[0]
    assert hint in told[1]
    assert found["orders"].error is None


def test_a_pattern_for_all_sources_may_match_in_one_of_them(make_link: Any) -> None:
    link = make_link("crm", "erp")
    for number, database in enumerate(link.sources.values()):
        database.sql(f"CREATE TABLE t{number} (id int PRIMARY KEY, c{number} text)")
    link.synced(exclude_columns=["*.c1"])
    assert columns(link.warehouse, "raw.t0") == {"id", "c0"}
    assert columns(link.warehouse, "raw.t1") == {"id"}

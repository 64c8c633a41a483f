"""What a refresh leaves in the warehouse, generation by generation."""

from __future__ import annotations

import threading
import uuid

import psycopg
import pytest

from elconsole.core.results import SyncRequest
from elconsole.engine.publish import storage
from tests.engine.publish.leaves import LEAF, STORED, leaf
from tests.link import Link, by_table, only

pytestmark = pytest.mark.integration


def test_metadata_columns_are_as_documented(published: Link) -> None:
    warehouse = published.warehouse
    assert warehouse.sql(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, atthasdef"
        " FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND attnum > 0"
    ) == [
        ("_airbyte_raw_id", "character varying", True, False),
        ("_airbyte_extracted_at", "timestamp with time zone", True, False),
        ("_airbyte_meta", "jsonb", True, False),
        ("_airbyte_generation_id", "bigint", True, False),
        ("id", "integer", False, False),
        ("name", "text", False, False),
        ("price", "numeric(7,2)", False, False),
    ]
    assert warehouse.sql(f"SELECT FROM pg_attrdef WHERE adrelid = {LEAF}") == []
    ids = [uuid.UUID(text) for (text,) in warehouse.sql("SELECT _airbyte_raw_id FROM raw.t")]
    assert len(set(ids)) == 1000
    assert {(i.version, i.variant) for i in ids} == {(8, uuid.RFC_4122)}


def test_generation_run_and_time_move_with_every_refresh(published: Link) -> None:
    query = (
        "SELECT DISTINCT _airbyte_generation_id, _airbyte_meta, _airbyte_extracted_at FROM raw.t"
    )
    ((generation, meta, extracted_at),) = published.warehouse.sql(query)
    before = published.warehouse.sql("SELECT _airbyte_raw_id FROM raw.t")
    detail = published.synced()
    ((new_generation, new_meta, new_time),) = published.warehouse.sql(query)
    assert (generation, new_generation) == (1, 2)
    assert meta == {"sync_id": 1, "changes": []}
    assert new_meta == {"sync_id": detail.run.run_number, "changes": []}
    assert extracted_at < detail.run.started_at < new_time
    after = published.warehouse.sql("SELECT _airbyte_raw_id FROM raw.t")
    assert not set(before) & set(after)


def test_the_leaf_has_the_key_and_one_index_on_the_time(published: Link) -> None:
    query = (
        "SELECT a.amname::text, indisprimary, pg_get_indexdef(indexrelid, 1, true)"
        " FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = c.relam"
        f" WHERE indrelid = {LEAF} ORDER BY 1"
    )
    expected = [("brin", False, "_airbyte_extracted_at"), ("btree", True, "id")]
    assert published.warehouse.sql(query) == expected
    published.synced()
    assert published.warehouse.sql(query) == expected


def test_nothing_is_left_of_the_old_generation(published: Link) -> None:
    published.synced()
    assert published.warehouse.sql(STORED) == [(True,)]


def test_columns_of_the_raw_table_follow_the_source(published: Link) -> None:
    published.warehouse.sql("CREATE INDEX ON raw.t (price); CREATE INDEX ON raw.t (name)")
    published.source.sql(
        "ALTER TABLE t DROP COLUMN price, ADD COLUMN extra jsonb, ALTER id TYPE bigint"
    )
    published.synced()
    assert published.warehouse.sql(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'raw.t'::regclass AND attnum > 4 AND NOT attisdropped"
    ) == [("id", "bigint"), ("name", "text"), ("extra", "jsonb")]


OTHERS = {
    "table": "CREATE TABLE raw.t (mine int)",
    "partitioned": "CREATE TABLE raw.t (mine int) PARTITION BY RANGE (mine)",
    "view": "CREATE VIEW raw.t AS SELECT 1 AS mine",
    "materialized view": "CREATE MATERIALIZED VIEW raw.t AS SELECT 1 AS mine",
    "sequence": "CREATE SEQUENCE raw.t",
    "composite type": "CREATE TYPE raw.t AS (mine int)",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_target_that_someone_else_made_is_left_alone(link: Link, kind: str) -> None:
    link.source.sql("CREATE TABLE t (id int); CREATE TABLE other (id int)")
    link.warehouse.sql(f'CREATE SCHEMA raw AUTHORIZATION "{link.roles["warehouse"]}"')
    link.warehouse.sql(OTHERS[kind])
    tables = by_table(link.sync())
    assert tables["other"].status == "succeeded"
    error = tables["t"].error
    assert error is not None
    assert error.kind == "target_taken"
    assert "raw.t" in error.message
    assert kind in error.message.replace("a table", "a partitioned table")
    assert ("--adopt" in (error.hint or "")) == (kind == "table")
    assert link.warehouse.scalar(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND attname = 'mine'"
    ) == (kind != "sequence")


@pytest.mark.parametrize("small_bytes", [0, storage.SMALL_BYTES])
def test_old_rows_small_or_large_are_gone_after_the_refresh(
    published: Link, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(storage, "SMALL_BYTES", small_bytes)
    published.synced()
    assert published.warehouse.sql(STORED) == [(True,)]


def test_a_lost_partition_heals_at_the_next_refresh(published: Link) -> None:
    published.warehouse.sql(f"DROP TABLE {leaf(published)}")
    published.synced()
    assert published.warehouse.scalar("SELECT count(*) FROM raw.t") == 1000


def test_a_dropped_raw_table_comes_back(published: Link) -> None:
    published.warehouse.sql("DROP TABLE raw.t")
    published.synced()
    assert published.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 2


def test_a_key_with_doubles_in_settings_is_refused_with_the_reason(link: Link) -> None:
    link.source.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
    link.options["plant"] = {"table": {"t": {"primary_key": ["a"]}}}
    error = only(link.sync()).error
    assert error is not None
    assert error.sqlstate == "23505"
    assert "primary_key" in (error.hint or "")


def test_a_missing_privilege_in_the_warehouse_is_told(link: Link) -> None:
    link.source.sql("CREATE TABLE t (a int)")
    engine = link.engine()
    link.warehouse.sql(
        f'REVOKE ALL ON DATABASE "{link.warehouse.name}" FROM PUBLIC, "{link.roles["warehouse"]}";'
        f'GRANT CONNECT ON DATABASE "{link.warehouse.name}" TO "{link.roles["warehouse"]}"'
    )
    detail = engine.sync(SyncRequest(), emit=link.events.append, stop=threading.Event())
    error = only(detail).error
    assert error is not None
    assert error.kind == "permission"
    assert "elconsole grants" in (error.hint or "")
    with pytest.raises(psycopg.errors.UndefinedTable):
        link.warehouse.sql("SELECT FROM elconsole.runs")

"""What a refresh shows, to whom and when; what hangs on a raw table stays."""

from __future__ import annotations

import threading
import time
import uuid

import psycopg
import pytest

from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.publish import storage, swap
from tests.link import Link, by_table, only

pytestmark = pytest.mark.integration

LEAF = "(SELECT inhrelid FROM pg_inherits WHERE inhparent = 'raw.t'::regclass)"


def leaf(link: Link) -> str:
    """The table that stores `raw.t`."""
    name: str = link.warehouse.scalar(f"SELECT {LEAF}::regclass::text")
    return name


@pytest.fixture
def published(link: Link) -> Link:
    """A link whose `raw.t` stands in its first generation."""
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, name text, price numeric(7,2));"
        "INSERT INTO t SELECT n, 'unit ' || n, n FROM generate_series(1, 1000) n"
    )
    link.synced()
    return link


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


DEPENDENTS = """
CREATE ROLE "{analyst}"; CREATE SCHEMA marts;
CREATE VIEW marts.plain AS SELECT id, name FROM raw.t;
CREATE VIEW marts.nested AS SELECT count(*) AS n FROM marts.plain;
CREATE MATERIALIZED VIEW marts.stored AS SELECT sum(price) AS total FROM raw.t;
GRANT USAGE ON SCHEMA raw TO "{analyst}";
GRANT SELECT ON raw.t TO "{analyst}";
GRANT UPDATE (name) ON raw.t TO "{analyst}";
COMMENT ON TABLE raw.t IS 'units é'; COMMENT ON COLUMN raw.t.name IS 'the name';
ALTER TABLE raw.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY cheap ON raw.t FOR SELECT TO "{analyst}" USING (price <= 500);
CREATE INDEX ON raw.t (name);
CREATE UNIQUE INDEX "Uniq % 'x" ON raw.t (_airbyte_generation_id, id) INCLUDE (name);
CREATE INDEX expression ON raw.t (lower(name) text_pattern_ops, (price * 2) DESC NULLS LAST);
CREATE INDEX partial ON raw.t USING btree (price) WITH (fillfactor = 70) WHERE name <> ' USING x';
CREATE INDEX hashed ON raw.t USING hash (name);
ALTER TABLE raw.t ADD CONSTRAINT "priced %" CHECK (price > 0);
ALTER TABLE raw.t ADD CONSTRAINT later CHECK (price > -1) NOT VALID;
ALTER TABLE raw.t ALTER COLUMN name SET NOT NULL;
CREATE STATISTICS marts.together ON id, price FROM raw.t;
CREATE FUNCTION marts.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noting BEFORE INSERT ON raw.t FOR EACH ROW EXECUTE FUNCTION marts.noted();
CREATE PUBLICATION everything FOR TABLE raw.t (id, name) WHERE (id > 5)
  WITH (publish_via_partition_root = true);
"""
DEPENDENTS_SEEN = """
SELECT 'index', pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
 WHERE indrelid = 'raw.t'::regclass
UNION ALL
SELECT 'leaf index', regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') || indisvalid
  FROM pg_index WHERE indrelid = {leaf}
UNION ALL
SELECT 'constraint', conrelid::regclass || pg_get_constraintdef(oid) || convalidated
  FROM pg_constraint WHERE conrelid = 'raw.t'::regclass
UNION ALL
SELECT 'leaf constraint', pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = {leaf} AND contype = 'c'
UNION ALL
SELECT 'comment', col_description('raw.t'::regclass, 6) || obj_description('raw.t'::regclass)
UNION ALL
SELECT 'acl', relacl::text || relrowsecurity FROM pg_class WHERE oid = 'raw.t'::regclass
UNION ALL
SELECT 'column acl', attacl::text FROM pg_attribute WHERE attrelid = 'raw.t'::regclass
UNION ALL
SELECT 'policy', polname || pg_get_expr(polqual, polrelid) FROM pg_policy
UNION ALL
SELECT 'trigger', tgname::text FROM pg_trigger WHERE tgrelid IN ('raw.t'::regclass, {leaf})
UNION ALL
SELECT 'publication', schemaname || '.' || tablename || attnames::text || rowfilter
  FROM pg_publication_tables
UNION ALL
SELECT 'statistics', stxname::text FROM pg_statistic_ext
ORDER BY 1, 2
"""


def test_all_that_users_hang_on_a_raw_table_survives(published: Link) -> None:
    analyst = f"analyst_{published.roles['warehouse']}"
    warehouse = published.warehouse
    warehouse.sql(DEPENDENTS.replace("{analyst}", analyst))
    try:
        query = DEPENDENTS_SEEN.format(leaf=LEAF)
        before = warehouse.sql(query)
        published.source.sql("INSERT INTO t VALUES (2000, 'new', 1)")
        for _ in range(2):
            published.synced()
        assert warehouse.sql(query) == before
        assert warehouse.scalar("SELECT n FROM marts.nested") == 1001
        warehouse.sql("REFRESH MATERIALIZED VIEW marts.stored")
        with warehouse.connect() as connection:
            connection.execute(f'SET ROLE "{analyst}"')
            assert connection.execute("SELECT count(*) FROM raw.t").fetchone() == (501,)
    finally:
        warehouse.sql(f'DROP OWNED BY "{analyst}"; DROP ROLE "{analyst}"')


def test_a_role_that_quotes_every_name_keeps_indexes_too(published: Link) -> None:
    """The server's words for an index or a partition key then look another way."""
    role = published.roles["warehouse"]
    published.warehouse.sql(
        f'ALTER ROLE "{role}" SET quote_all_identifiers = on; CREATE INDEX ON raw.t (lower(name))'
    )
    published.synced()
    assert published.warehouse.scalar(f"SELECT count(*) FROM pg_index WHERE indrelid = {LEAF}") == 3


def test_rows_that_break_a_users_constraint_leave_the_old_ones(published: Link) -> None:
    published.warehouse.sql("ALTER TABLE raw.t ADD CONSTRAINT priced CHECK (price > 0)")
    published.source.sql("UPDATE t SET price = -1 WHERE id = 7")
    error = only(published.sync()).error
    assert error is not None
    assert error.sqlstate == "23514"
    assert "priced" in error.message
    assert published.warehouse.scalar("SELECT min(price) FROM raw.t") == 1


def built_under_lock(link: Link) -> tuple[set[str], set[int], int]:
    """Refresh, and see which statements ran while readers were locked out, how many indexes
    the new leaf had meanwhile, and how many before."""
    warehouse = link.warehouse
    role = link.roles["warehouse"]
    warehouse.sql(
        "CREATE TABLE public.seen (n serial, tag text, locked boolean, indexes bigint);"
        f'GRANT ALL ON public.seen, public.seen_n_seq TO "{role}";'
        r"""CREATE FUNCTION public.see() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO public.seen (tag, locked, indexes) SELECT tg_tag,
            EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid()
                     AND relation = 'raw.t'::regclass AND mode = 'AccessExclusiveLock'),
            (SELECT count(*) FROM pg_index
              WHERE indrelid = (SELECT oid FROM pg_class WHERE relname ~ '^t1_g2_'
                                 AND relkind = 'r'));
        END $$;
        CREATE EVENT TRIGGER see ON ddl_command_end EXECUTE FUNCTION public.see()"""
    )
    link.synced()
    built = warehouse.sql("SELECT tag, locked, indexes FROM public.seen ORDER BY n")
    warehouse.sql("DROP EVENT TRIGGER see")
    under_lock = [(tag, indexes) for tag, locked, indexes in built if locked]
    before = [indexes for _, locked, indexes in built if not locked]
    return {tag for tag, _ in under_lock}, {n for _, n in under_lock}, max(before)


def test_no_index_is_built_while_readers_are_locked_out(published: Link) -> None:
    published.warehouse.sql(
        "CREATE INDEX ON raw.t (lower(name)); CREATE INDEX ON raw.t (price) WHERE price > 3;"
        "ALTER TABLE raw.t ADD CHECK (price > 0)"
    )
    assert built_under_lock(published) == ({"ALTER TABLE", "DROP TABLE"}, {4}, 4)


def test_an_index_is_built_beforehand_though_another_holds_off_the_preparation(
    published: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VACUUM or ANALYZE of the raw table, say, that ends only while the swap is tried."""
    published.warehouse.sql("CREATE INDEX ON raw.t (lower(name))")
    other = published.warehouse.connect()
    other.execute("BEGIN; LOCK TABLE raw.t IN SHARE UPDATE EXCLUSIVE MODE")
    monkeypatch.setattr(swap, "QUIETEN_TIMEOUT_MS", 50)
    monkeypatch.setattr(swap, "_pause", lambda session, seconds: other.close())
    assert built_under_lock(published) == ({"ALTER TABLE", "DROP TABLE"}, {3}, 3)
    assert other.closed


def test_a_swap_that_takes_long_lets_go_of_the_readers(
    published: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "STATEMENT_TIMEOUT_S", 0.3)
    published.warehouse.sql(
        r"""CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid()
                      AND relation = 'raw.t'::regclass AND mode = 'AccessExclusiveLock')
          THEN PERFORM pg_sleep(3); END IF;
        END $$;
        CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION public.slow()"""
    )
    error = only(published.sync(retries=0)).error
    published.warehouse.sql("DROP EVENT TRIGGER slow")
    assert error is not None
    assert "statement timeout" in error.message
    assert published.warehouse.scalar("SELECT count(*) FROM raw.t") == 1000


def test_an_index_that_can_not_be_built_fails_the_table_and_is_not_left_out(
    published: Link,
) -> None:
    """Only what hangs on a column that the refresh drops goes with it."""
    warehouse = published.warehouse
    warehouse.sql(
        "CREATE FUNCTION public.odd(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN"
        " IF v = 'unit 1001' THEN PERFORM no_such_column; END IF; RETURN v; END $$;"
        "CREATE INDEX ON raw.t (public.odd(name))"
    )
    published.source.sql("INSERT INTO t VALUES (1001, 'unit 1001', 1)")
    error = only(published.sync()).error
    assert error is not None
    assert error.sqlstate == "42703"


def test_a_users_primary_key_is_built_while_readers_go_on(link: Link) -> None:
    link.source.sql("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100)")
    link.synced()
    link.warehouse.sql("ALTER TABLE raw.t ADD PRIMARY KEY (id, _airbyte_generation_id)")
    assert built_under_lock(link) == ({"ALTER TABLE", "DROP TABLE"}, {2}, 2)
    constraint = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid ="
    assert link.warehouse.scalar(f"{constraint} 'raw.t'::regclass") == 1
    assert link.warehouse.scalar(f"{constraint} {LEAF}") == 1


def test_a_foreign_key_to_a_partitioned_table_survives(published: Link) -> None:
    published.warehouse.sql(
        "CREATE TABLE raw.kinds (kind int PRIMARY KEY) PARTITION BY RANGE (kind);"
        "CREATE TABLE raw.low PARTITION OF raw.kinds FOR VALUES FROM (0) TO (1000);"
        "CREATE TABLE raw.high PARTITION OF raw.kinds FOR VALUES FROM (1000) TO (100000);"
        "INSERT INTO raw.kinds SELECT generate_series(0, 2000);"
        "ALTER TABLE raw.t ADD FOREIGN KEY (id) REFERENCES raw.kinds;"
        f'GRANT SELECT, REFERENCES ON raw.kinds TO "{published.roles["warehouse"]}"'
    )
    published.source.sql("INSERT INTO t VALUES (2000, 'new', 1)")
    published.synced()
    keys = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'raw.t'::regclass"
    assert published.warehouse.scalar(f"{keys} AND contype = 'f' AND conparentid = 0") == 1
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        published.warehouse.sql("DELETE FROM raw.kinds WHERE kind = 2000")


def test_a_partition_that_someone_attached_is_named(published: Link) -> None:
    published.warehouse.sql("CREATE TABLE public.more PARTITION OF raw.t FOR VALUES IN (-1)")
    error = only(published.sync()).error
    assert error is not None
    assert error.kind == "schema"
    assert "public.more" in error.message
    published.warehouse.sql("ALTER TABLE raw.t DETACH PARTITION public.more")
    published.synced()


def test_a_reader_always_sees_one_whole_generation(link: Link) -> None:
    rows = 100_000
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, name text);"
        f"INSERT INTO t SELECT n, 'unit ' || n FROM generate_series(1, {rows}) n"
    )
    link.synced()
    done = threading.Event()
    seen: list[tuple[int, int, int]] = []

    def read() -> None:
        with link.warehouse.connect() as connection:
            while not done.is_set():
                seen.extend(
                    connection.execute(
                        "SELECT min(_airbyte_generation_id), max(_airbyte_generation_id),"
                        " count(*) FROM raw.t"
                    ).fetchall()
                )
                done.wait(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for extra in (1, 2, 3):
            link.source.sql(f"INSERT INTO t VALUES ({-extra}, 'more')")
            link.synced()
    finally:
        done.set()
        reader.join()
    assert set(seen) <= {(g, g, rows + g - 1) for g in (1, 2, 3, 4)}
    assert {low for low, _, _ in seen} >= {1, 2, 3}


def test_a_source_that_stalls_mid_copy_locks_nobody_out(link: Link) -> None:
    link.source.sql(
        "CREATE VIEW t AS SELECT n, repeat('x', 100) AS filler, CASE WHEN n > 5000"
        " THEN pg_advisory_xact_lock_shared(42)::text END AS waits FROM generate_series(1, 9999) n"
    )
    link.tables["plant"] = ["t"]
    link.synced()
    engine = link.engine()
    details: list[RunDetail] = []
    with link.source.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(42)")
        syncing = threading.Thread(
            target=lambda: details.append(
                engine.sync(SyncRequest(), emit=link.events.append, stop=threading.Event())
            )
        )
        syncing.start()
        copying = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND objid = 42 AND objsubid = 1"
        )
        deadline = time.monotonic() + 20
        while not link.source.scalar(copying):
            assert time.monotonic() < deadline, "the copy never began"
            time.sleep(0.02)
        held = link.warehouse.sql(
            f"SELECT mode FROM pg_locks WHERE relation IN ('raw.t'::regclass, {LEAF})"
            " AND pid <> pg_backend_pid()"
        )
        with link.warehouse.connect() as connection:
            connection.execute("BEGIN; SET LOCAL lock_timeout = '1ms'; LOCK TABLE raw.t; ROLLBACK")
    syncing.join(30)
    assert held == []
    assert details[0].run.status == "succeeded"


def test_an_older_snapshot_never_sees_an_empty_table(published: Link) -> None:
    published.source.sql("CREATE TABLE newcomer AS SELECT 1 AS n")
    with published.warehouse.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM pg_class")
        published.synced()
        published.synced()
        assert old.execute("SELECT count(*) FROM raw.t").fetchone() == (1000,)
        assert old.execute("SELECT count(*) FROM raw.newcomer").fetchone() == (1,)
        assert old.execute("SELECT count(*) FROM raw.t WHERE id = 5").fetchone() == (1,)


def test_a_reader_in_the_way_is_named_and_others_go_on(published: Link) -> None:
    with published.warehouse.connect(application_name="a report") as holder:
        holder.execute("BEGIN; SELECT count(*) FROM raw.t")
        reads: list[int] = []
        done = threading.Event()

        def read() -> None:
            with published.warehouse.connect() as connection:
                while not done.wait(0.01):
                    row = connection.execute("SELECT max(_airbyte_generation_id) FROM raw.t")
                    reads.extend(number for (number,) in row.fetchall())

        other = threading.Thread(target=read)
        other.start()
        error = only(published.sync(lock_wait=1.0)).error
        reads_meanwhile = len(reads)
        done.set()
        other.join()
        assert error is not None
        assert error.kind == "lock"
        assert f"pid {holder.info.backend_pid}" in error.message
        assert "a report" in error.message
        assert reads_meanwhile > 5
        assert set(reads) == {1}
    published.synced()
    assert published.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 2


def test_a_view_on_a_dropped_column_is_named_and_the_old_rows_stand(published: Link) -> None:
    published.warehouse.sql('CREATE VIEW public."My View" AS SELECT price FROM raw.t')
    published.source.sql("ALTER TABLE t DROP COLUMN price; DELETE FROM t")
    error = only(published.sync()).error
    assert error is not None
    assert error.kind == "schema"
    assert 'public."My View"' in error.message
    assert published.warehouse.scalar("SELECT count(*) FROM raw.t") == 1000
    published.warehouse.sql('DROP VIEW "My View"')
    published.synced()
    assert published.warehouse.scalar("SELECT count(*) FROM raw.t") == 0


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


def test_a_view_on_the_storage_itself_does_not_stop_the_next_refresh(published: Link) -> None:
    published.warehouse.sql(f"CREATE VIEW public.v AS SELECT id FROM {leaf(published)}")
    for _ in range(2):
        published.synced()
    assert published.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 3
    published.warehouse.sql("DROP VIEW public.v")
    published.synced()
    assert published.warehouse.sql(STORED) == [(True,)]


STORED = (
    "SELECT relispartition FROM pg_class"
    " WHERE relnamespace = 'elconsole_storage'::regnamespace AND relkind = 'r' ORDER BY oid"
)


def test_a_vacuum_of_the_old_rows_long_texts_delays_no_refresh(published: Link) -> None:
    """It holds a lock on the TOAST table alone, as a reader of that does."""
    warehouse = published.warehouse
    toast = warehouse.scalar(
        f"SELECT reltoastrelid::regclass::text FROM pg_class c WHERE c.oid = {LEAF}"
    )
    with warehouse.connect() as other:
        other.execute(f"BEGIN; SELECT count(*) FROM {toast}")
        published.synced(lock_wait=0.5)
        assert warehouse.sql(STORED) == [(False,), (True,)]
    published.synced()
    assert warehouse.sql(STORED) == [(True,)]


@pytest.mark.parametrize("small_bytes", [0, storage.SMALL_BYTES])
def test_old_rows_small_or_large_are_gone_after_the_refresh(
    published: Link, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(storage, "SMALL_BYTES", small_bytes)
    published.synced()
    assert published.warehouse.sql(STORED) == [(True,)]


def test_autovacuum_on_the_old_rows_yields_to_the_refresh(published: Link) -> None:
    warehouse = published.warehouse
    warehouse.sql(
        f"ALTER TABLE {leaf(published)} SET (autovacuum_vacuum_threshold = 0,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1)"
    )
    warehouse.sql("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    warehouse.sql("SELECT pg_reload_conf()")
    try:
        warehouse.sql(
            "INSERT INTO raw.t SELECT 'x' || n, now(), '{}', 1, -n FROM"
            " generate_series(1, 50000) n; DELETE FROM raw.t WHERE id < 0;"
        )
        working = (
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            f" WHERE l.relation = {LEAF}"
            " AND a.backend_type = 'autovacuum worker'"
        )
        deadline = time.monotonic() + 20
        while not warehouse.scalar(working):
            assert time.monotonic() < deadline, "no autovacuum came"
            time.sleep(0.1)
        published.synced(lock_wait=1.0)
    finally:
        warehouse.sql("ALTER SYSTEM RESET autovacuum_naptime")
        warehouse.sql("SELECT pg_reload_conf()")


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

"""What users hang on a raw table stays through every refresh, or is named."""

from __future__ import annotations

import psycopg
import pytest

from elconsole.config.grants import grants_by_server
from tests.conftest import MakeRole
from tests.engine.publish.leaves import LEAF, STORED, leaf
from tests.link import Link, only

pytestmark = pytest.mark.integration


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


@pytest.mark.slow
def test_a_view_on_the_storage_itself_does_not_stop_the_next_refresh(published: Link) -> None:
    published.warehouse.sql(f"CREATE VIEW public.v AS SELECT id FROM {leaf(published)}")
    for _ in range(2):
        published.synced()
    assert published.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 3
    published.warehouse.sql("DROP VIEW public.v")
    published.synced()
    assert published.warehouse.sql(STORED) == [(True,)]


def test_a_reader_reads_what_there_is_and_what_comes(link: Link, make_role: MakeRole) -> None:
    reader = make_role("reader")
    link.source.sql("CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old VALUES (1)")
    link.synced()
    settings = link.settings()
    granted = grants_by_server(settings, ["warehouse"], reader)["warehouse"]
    link.warehouse.sql(granted)
    link.source.sql("CREATE TABLE new (id int PRIMARY KEY); INSERT INTO new VALUES (1)")
    link.synced()
    as_reader = {"user": reader}
    for table in ("old", "new"):
        assert link.warehouse.sql(f"SELECT count(*) FROM raw.{table}", **as_reader) == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.warehouse.sql("DELETE FROM raw.old", **as_reader)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.warehouse.sql("SELECT FROM elconsole.runs", **as_reader)
    link.synced()

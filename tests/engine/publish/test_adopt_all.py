"""`--adopt` takes along all that hangs on the table, or names it before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from elconsole.core.results import SyncRequest
from tests.engine.publish.leaves import LEAF
from tests.link import Link, only

pytestmark = pytest.mark.integration

PLAIN = """
CREATE SCHEMA raw AUTHORIZATION "{ours}"; CREATE SCHEMA marts AUTHORIZATION "{ours}";
GRANT USAGE ON SCHEMA raw TO "{analyst}"; SET ROLE "{ours}";
CREATE TABLE raw.kinds (kind text PRIMARY KEY); INSERT INTO raw.kinds VALUES ('pen');
CREATE TABLE raw.t (id int PRIMARY KEY, name text NOT NULL, price numeric(7,2) DEFAULT 3, kind text
  CONSTRAINT "kind of" REFERENCES raw.kinds);
INSERT INTO raw.t VALUES (1, 'old', 1, 'pen');
CREATE INDEX "Two %" ON raw.t (lower(name) text_pattern_ops, price DESC) WHERE price > 0;
CREATE INDEX plain ON raw.t USING hash (kind);
ALTER TABLE raw.t ADD CONSTRAINT "priced %" CHECK (price > 0);
ALTER TABLE raw.t ALTER COLUMN name SET STATISTICS 500;
ALTER TABLE raw.t ALTER COLUMN price SET (n_distinct = -0.5);
ALTER TABLE raw.t ALTER COLUMN kind SET STORAGE EXTERNAL;
ALTER TABLE raw.t ALTER COLUMN name SET COMPRESSION pglz;
ALTER TABLE raw.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY cheap ON raw.t FOR SELECT TO "{analyst}", "{ours}" USING (price <= 500);
CREATE POLICY "only %" ON raw.t AS RESTRICTIVE TO PUBLIC USING (true) WITH CHECK (price < 7);
CREATE STATISTICS marts."to gether" (dependencies, mcv) ON name, price FROM raw.t;
ALTER STATISTICS marts."to gether" SET STATISTICS 77;
COMMENT ON TABLE raw.t IS 'units'; COMMENT ON COLUMN raw.t.name IS 'what''s it';
COMMENT ON INDEX raw.plain IS 'an index'; COMMENT ON POLICY cheap ON raw.t IS 'a policy';
COMMENT ON CONSTRAINT "priced %" ON raw.t IS 'a check';
COMMENT ON STATISTICS marts."to gether" IS 'statistics';
GRANT SELECT ON raw.t TO "{analyst}" WITH GRANT OPTION; GRANT UPDATE (name) ON raw.t TO PUBLIC;
CREATE VIEW marts.cheap WITH (security_barrier) AS SELECT id, price FROM raw.t WHERE price < 9;
CREATE VIEW marts.count AS SELECT count(*) FROM marts.cheap; GRANT SELECT ON marts.count TO PUBLIC;
RESET ROLE;
CREATE PUBLICATION sent FOR TABLE raw.t (id, name) WHERE (id > 5)
  WITH (publish_via_partition_root = true);
ALTER PUBLICATION sent OWNER TO "{ours}"; ALTER TABLE raw.t FORCE ROW LEVEL SECURITY;
"""
SEEN = """
SELECT 'index', replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
       || coalesce(obj_description(indexrelid), '')
  FROM pg_index
 WHERE indrelid = 'raw.t'::regclass AND NOT indisunique
   AND pg_get_indexdef(indexrelid) !~ 'extracted_at'
UNION ALL
SELECT 'constraint', conname || pg_get_constraintdef(oid) || coalesce(obj_description(oid), '')
  FROM pg_constraint
 WHERE conrelid = 'raw.t'::regclass AND contype IN ('c', 'f') AND conparentid = 0
UNION ALL
SELECT 'comment', obj_description('raw.t'::regclass) || col_description('raw.t'::regclass,
  (SELECT attnum FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND attname = 'name'))
UNION ALL
SELECT 'table', relacl::text || relrowsecurity || relforcerowsecurity
  FROM pg_class WHERE oid = 'raw.t'::regclass
UNION ALL
SELECT 'column', concat_ws(' ', attname, attacl, attoptions, attstattarget, attstorage,
       attcompression, attnotnull AND attname <> 'id',
       (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
         WHERE adrelid = attrelid AND adnum = attnum))
  FROM pg_attribute
 WHERE attrelid = 'raw.t'::regclass AND attname IN ('id', 'name', 'price', 'kind')
UNION ALL
SELECT 'policy', concat_ws(' ', polname, polcmd, polpermissive, polroles,
       pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid))
  FROM pg_policy
UNION ALL
SELECT 'publication', schemaname || '.' || tablename || attnames::text || rowfilter
  FROM pg_publication_tables
UNION ALL
SELECT 'statistics', pg_get_statisticsobjdef(oid) || stxstattarget || obj_description(oid)
  FROM pg_statistic_ext
UNION ALL
SELECT 'view', c.oid::regclass || pg_get_viewdef(c.oid) || coalesce(reloptions::text, '')
       || coalesce(relacl::text, '')
  FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
ORDER BY 1, 2
"""


@pytest.fixture
def plain(link: Link) -> Iterator[Link]:
    """A plain table `raw.t` of our role where the raw table belongs, with all that can hang on
    it; the source has 10 rows."""
    link.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name text, price numeric(7,2), kind text);"
        "INSERT INTO t SELECT n, 'unit ' || n, n, 'pen' FROM generate_series(1, 10) n"
    )
    ours = link.roles["warehouse"]
    link.warehouse.sql(f'CREATE ROLE "analyst_{ours}"')
    link.warehouse.sql(PLAIN.replace("{analyst}", f"analyst_{ours}").replace("{ours}", ours))
    yield link
    link.warehouse.sql(f'DROP OWNED BY "analyst_{ours}"; DROP ROLE "analyst_{ours}"')


def test_all_that_hangs_on_an_adopted_table_comes_along(plain: Link) -> None:
    before = plain.warehouse.sql(SEEN)
    assert {kind for kind, _ in before} >= {"index", "policy", "publication", "statistics", "view"}
    table = only(plain.synced(adopt=True))
    assert table.rows_written == 10
    assert table.notes == ("views made again: marts.cheap, marts.count",)
    assert plain.warehouse.sql(SEEN) == before
    assert plain.warehouse.scalar("SELECT count FROM marts.count") == 8
    assert (
        plain.warehouse.scalar("SELECT relkind FROM pg_class WHERE oid = 'raw.t'::regclass") == "p"
    )
    plain.source.sql("INSERT INTO t VALUES (11, 'new', 1, 'pen')")
    plain.synced()
    assert plain.warehouse.sql(SEEN) == before
    assert plain.warehouse.scalar("SELECT count FROM marts.count") == 9


def test_the_leaf_has_the_columns_settings_after_every_refresh(plain: Link) -> None:
    for adopt in (True, False):
        plain.synced(adopt=adopt)
        found = plain.warehouse.sql(
            "SELECT attname::text, attstattarget, attoptions, attstorage::text FROM pg_attribute"
            f" WHERE attrelid = {LEAF}"
            " AND attname IN ('name', 'price', 'kind') ORDER BY 1"
        )
        assert [row[3] for row in found] == ["e", "x", "m"]
        assert (found[1][1], found[2][2]) == (500, ["n_distinct=-0.5"])


IN_THE_WAY = {
    "CREATE UNIQUE INDEX odd ON raw.t (name)": "unique index odd",
    "ALTER TABLE raw.t ADD UNIQUE (name)": "constraint t_name_key",
    "ALTER TABLE raw.t SET (fillfactor = 70)": "storage parameter fillfactor=70",
    "ALTER TABLE raw.t REPLICA IDENTITY FULL": "REPLICA IDENTITY FULL",
    "CREATE INDEX c ON raw.t (kind); ALTER TABLE raw.t CLUSTER ON c": "CLUSTER ON index c",
    "ALTER TABLE raw.t ADD own int; CREATE INDEX mine ON raw.t (own)": (
        "index raw.mine, upon the column own that is gone"
    ),
    "ALTER TABLE raw.t OWNER TO postgres": "owner postgres",
    'ALTER STATISTICS marts."to gether" OWNER TO postgres': (
        'statistics marts."to gether" of postgres'
    ),
    "ALTER PUBLICATION sent OWNER TO postgres": "publication sent of postgres",
    "ALTER PUBLICATION sent DROP TABLE raw.t; ALTER PUBLICATION sent SET"
    " (publish_via_partition_root = false); ALTER PUBLICATION sent ADD TABLE raw.t": (
        "publication sent without publish_via_partition_root"
    ),
    "CREATE RULE hear AS ON INSERT TO raw.t DO ALSO SELECT 1": "rule hear",
    "CREATE FUNCTION marts.f(raw.t) RETURNS int LANGUAGE sql AS 'SELECT 1'": (
        "function marts.f(raw.t)"
    ),
    "CREATE TABLE marts.child () INHERITS (raw.t)": "child table marts.child",
    "ALTER TABLE raw.t ADD own serial": "sequence raw.t_own_seq",
    "CREATE TABLE marts.o (id int REFERENCES raw.t)": "foreign key o_id_fkey of marts.o",
    "CREATE MATERIALIZED VIEW marts.kept AS SELECT * FROM marts.cheap": (
        "view marts.kept (it is a materialized view"
    ),
    "ALTER TABLE raw.t ADD CHECK (price > 0) NO INHERIT": "constraint t_price_check",
    "CREATE FUNCTION marts.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';"
    " CREATE TRIGGER trap BEFORE INSERT ON raw.t EXECUTE FUNCTION marts.trap()": "trigger trap",
}


@pytest.mark.parametrize("statement", IN_THE_WAY)
def test_what_can_not_come_along_is_named_before_anything_is_touched(
    plain: Link, statement: str
) -> None:
    plain.warehouse.sql(statement)
    before = plain.warehouse.sql(SEEN)
    (planned,) = plain.engine().plan(SyncRequest(adopt=True)).tables
    error = only(plain.sync(adopt=True)).error
    assert error is not None
    assert error.kind == "target_taken"
    assert f"raw.t can't be adopted: {IN_THE_WAY[statement]}" in error.message
    assert "sync with --adopt" in (error.hint or "")
    assert planned.error == error
    assert plain.warehouse.sql(SEEN) == before
    assert plain.warehouse.scalar("SELECT name FROM raw.t") == "old"


def test_settings_that_keep_views_forbid_the_adoption_under_them(plain: Link) -> None:
    plain.options["plant"] = {"on_view_conflict": "fail"}
    error = only(plain.sync(adopt=True)).error
    assert error is not None
    assert 'view marts.cheap (on_view_conflict = "fail")' in error.message

"""A raw table whose columns come and go does not run out of numbers for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from elconsole.engine.publish import adopt, storage
from tests.engine.publish.leaves import LEAF, STORED
from tests.link import Link, only

pytestmark = pytest.mark.integration

REPLACED = 450
HANGING = """
CREATE SCHEMA marts AUTHORIZATION "{ours}"; GRANT USAGE ON SCHEMA raw TO "{analyst}";
SET ROLE "{ours}";
GRANT SELECT ON raw.t TO "{analyst}"; GRANT UPDATE (name) ON raw.t TO "{analyst}";
ALTER DEFAULT PRIVILEGES IN SCHEMA raw GRANT SELECT ON TABLES TO PUBLIC;
REVOKE ALL ON raw.t FROM PUBLIC;
COMMENT ON TABLE raw.t IS 'units'; COMMENT ON COLUMN raw.t.name IS 'the name';
ALTER TABLE raw.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY cheap ON raw.t FOR SELECT TO "{analyst}" USING (id <= 500);
CREATE INDEX named ON raw.t (lower(name)); CREATE INDEX gone ON raw.t (c0_0);
CREATE UNIQUE INDEX one ON raw.t (_airbyte_generation_id, id);
ALTER TABLE raw.t ADD CONSTRAINT positive CHECK (id > 0);
ALTER TABLE raw.t ALTER COLUMN name SET NOT NULL; ALTER TABLE raw.t ALTER COLUMN id SET NOT NULL;
ALTER TABLE raw.t ALTER COLUMN name SET STATISTICS 300;
CREATE STATISTICS marts.together ON id, name FROM raw.t;
CREATE FUNCTION marts.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noting BEFORE INSERT ON raw.t FOR EACH ROW EXECUTE FUNCTION marts.noted();
ALTER TABLE raw.t DISABLE TRIGGER noting; COMMENT ON TRIGGER noting ON raw.t IS 'off';
CREATE RULE hearing AS ON UPDATE TO raw.t DO ALSO NOTIFY units;
CREATE VIEW marts.names AS SELECT id, name FROM raw.t;
CREATE VIEW marts.count AS SELECT count(*) FROM marts.names; GRANT SELECT ON marts.count TO PUBLIC;
RESET ROLE; CREATE PUBLICATION sent FOR TABLE raw.t (id, name)
  WITH (publish_via_partition_root = true);
ALTER PUBLICATION sent OWNER TO "{ours}";
"""
SEEN = """
SELECT 'index', pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
 WHERE indrelid = 'raw.t'::regclass
UNION ALL
SELECT 'leaf index', regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') || indisvalid
  FROM pg_index WHERE indrelid = {leaf}
UNION ALL
SELECT 'constraint', conname || pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = 'raw.t'::regclass AND contype = 'c'
UNION ALL
SELECT 'table', relacl::text || relrowsecurity || obj_description(oid)
  FROM pg_class WHERE oid = 'raw.t'::regclass
UNION ALL
SELECT 'column', concat_ws(' ', attname, attacl, attstattarget, attnotnull,
       col_description(attrelid, attnum))
  FROM pg_attribute WHERE attrelid = 'raw.t'::regclass AND attname IN ('id', 'name')
UNION ALL
SELECT 'policy', concat_ws(' ', polname, polroles, pg_get_expr(polqual, polrelid)) FROM pg_policy
UNION ALL
SELECT 'trigger', tgname || tgenabled::text || obj_description(oid, 'pg_trigger') FROM pg_trigger
 WHERE tgrelid = 'raw.t'::regclass
UNION ALL
SELECT 'rule', pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = 'raw.t'::regclass
UNION ALL
SELECT 'publication', schemaname || '.' || tablename || attnames::text FROM pg_publication_tables
UNION ALL
SELECT 'statistics', pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
UNION ALL
SELECT 'view', c.oid::regclass || pg_get_viewdef(c.oid) || coalesce(relacl::text, '')
  FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
ORDER BY 1, 2
"""


def numbers_used(link: Link) -> int:
    used: int = link.warehouse.scalar("SELECT relnatts FROM pg_class WHERE oid = 'raw.t'::regclass")
    return used


def make_source(link: Link, period: int) -> None:
    """A source's table with the columns of a period, others than in the one before."""
    columns = ", ".join(f"c{period}_{n} int" for n in range(REPLACED))
    link.source.sql(
        f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text, {columns});"
        f"INSERT INTO t (id, name, c{period}_7)"
        f" SELECT n, 'unit ' || n, {period} FROM generate_series(1, 1000) n"
    )


@pytest.fixture
def wide(link: Link) -> Iterator[Link]:
    """A raw table with 450 columns that the next period replaces, and all that hangs on it."""
    make_source(link, 0)
    link.synced()
    ours = link.roles["warehouse"]
    link.warehouse.sql(f'CREATE ROLE "analyst_{ours}"')
    link.warehouse.sql(HANGING.replace("{analyst}", f"analyst_{ours}").replace("{ours}", ours))
    yield link
    link.warehouse.sql(f'DROP OWNED BY "analyst_{ours}"; DROP ROLE "analyst_{ours}"')


def test_columns_replaced_in_every_period_never_use_a_table_up(wide: Link) -> None:
    wide.warehouse.sql("DROP INDEX raw.gone")
    query = SEEN.format(leaf=LEAF)
    before = wide.warehouse.sql(query)
    used = []
    for period in range(1, 6):
        make_source(wide, period)
        wide.synced()
        used.append(numbers_used(wide))
        assert wide.warehouse.sql(query) == before
        assert wide.warehouse.scalar(f"SELECT sum(c{period}_7) FROM raw.t") == 1000 * period
        assert wide.warehouse.scalar("SELECT count FROM marts.count") == 1000
    assert used == [906, 456, 906, 456, 906]
    assert wide.warehouse.sql(STORED) == [(True,)]
    estimate = "SELECT count(*) FROM pg_stats WHERE schemaname = 'raw' AND tablename = 't'"
    assert wide.warehouse.scalar(estimate) > 0


def test_an_index_goes_with_its_column_when_the_table_is_made_anew(
    wide: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "EARLY_NUMBERS", 500)
    make_source(wide, 1)
    table = only(wide.synced())
    assert table.notes == ("views made again: marts.names, marts.count",)
    assert numbers_used(wide) == 456
    found = wide.warehouse.sql("SELECT indexname::text FROM pg_indexes WHERE schemaname = 'raw'")
    assert ("gone",) not in found
    assert ("named",) in found


def test_what_can_not_come_along_is_named_once_the_numbers_are_used_up(
    wide: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide.warehouse.sql("CREATE FUNCTION marts.f(raw.t) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    monkeypatch.setattr(storage, "EARLY_NUMBERS", 500)
    make_source(wide, 1)
    wide.synced()
    assert numbers_used(wide) == 906
    monkeypatch.setattr(adopt, "MAX_COLUMNS", 1000)
    make_source(wide, 2)
    error = only(wide.sync()).error
    assert error is not None
    assert (error.kind, error.sqlstate) == ("schema", "54011")
    assert "used up the 1000 numbers that raw.t has for columns" in error.message
    assert "function marts.f(raw.t) hang on it" in error.message
    assert wide.warehouse.scalar("SELECT sum(c1_7) FROM raw.t") == 1000
    wide.warehouse.sql("DROP FUNCTION marts.f(raw.t)")
    wide.synced()
    assert numbers_used(wide) == 456


def test_an_incremental_sync_that_finds_no_number_left_refreshes_the_table(wide: Link) -> None:
    wide.options["plant"] = {"mode": "incremental"}
    wide.synced()
    wide.warehouse.sql(
        "DO $$ BEGIN FOR n IN 1..1140 LOOP ALTER TABLE raw.t ADD COLUMN x int;"
        " ALTER TABLE raw.t DROP COLUMN x; END LOOP; END $$"
    )
    assert numbers_used(wide) == 1596
    wide.source.sql(f"ALTER TABLE t {', '.join(f'ADD COLUMN d{n} int' for n in range(5))}")
    table = only(wide.synced())
    assert "dropped columns have used up the raw table's numbers of columns" in table.notes[0]
    assert numbers_used(wide) == 461
    wide.source.sql("UPDATE t SET d4 = 4 WHERE id = 1")
    assert only(wide.synced()).strategy == "xmin"
    assert wide.warehouse.scalar("SELECT sum(d4) FROM raw.t") == 4


def test_a_row_that_fits_without_our_columns_only_names_the_setting(link: Link) -> None:
    columns = ", ".join(f"c{n} bigint DEFAULT {n}" for n in range(1016))
    link.source.sql(f"CREATE TABLE t ({columns}); INSERT INTO t DEFAULT VALUES")
    error = only(link.sync()).error
    assert error is not None
    assert error.sqlstate == "54000"
    assert "exclude_columns" in (error.hint or "")
    link.synced(exclude_columns=["t.c7", "t.c8", "t.c9", "t.c1?", "t.c2?"])
    assert link.warehouse.scalar("SELECT c1015 FROM raw.t") == 1015

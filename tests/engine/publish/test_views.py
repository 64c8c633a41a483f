"""Views over a raw table follow a change of its columns, with all that hangs on them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from elconsole.core.results import SyncRequest
from elconsole.engine.catalog.views import Dependents
from elconsole.engine.publish import views
from tests.link import Link, only

pytestmark = pytest.mark.integration

BUILT = """
CREATE SCHEMA marts; CREATE TABLE marts.heard (what text);
GRANT USAGE, CREATE ON SCHEMA marts TO "{owner}";
GRANT USAGE ON SCHEMA raw, marts TO "{owner}", "{analyst}"; GRANT SELECT ON raw.t TO "{owner}";
GRANT "{owner}", "{analyst}" TO "{ours}";
CREATE VIEW marts.plain (key, "Its Price", name) WITH (security_barrier = true)
  AS SELECT id, price, name FROM raw.t WHERE price > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW marts.nested AS
  SELECT name, sum("Its Price") AS total, 'a''b\\c'::text AS "q%s" FROM marts.plain GROUP BY name;
CREATE VIEW marts.deep AS SELECT n.total, p.key FROM marts.nested n JOIN marts.plain p USING (name);
CREATE VIEW marts.untouched AS SELECT id FROM raw.t;
CREATE FUNCTION marts.note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO marts.heard VALUES (TG_OP); RETURN NEW; END $$;
CREATE TRIGGER "Noting" INSTEAD OF INSERT OR UPDATE ON marts.deep
  FOR EACH ROW EXECUTE FUNCTION marts.note();
CREATE RULE hearing AS ON DELETE TO marts.nested
  DO INSTEAD INSERT INTO marts.heard SELECT count(*)::text FROM marts.deep;
ALTER VIEW marts.plain ALTER COLUMN name SET DEFAULT 'no; name';
COMMENT ON VIEW marts.plain IS 'what''s é'; COMMENT ON COLUMN marts.plain."Its Price" IS 'net';
COMMENT ON RULE hearing ON marts.nested IS 'a rule';
COMMENT ON TRIGGER "Noting" ON marts.deep IS 'a trigger';
GRANT SELECT ON marts.plain TO "{analyst}" WITH GRANT OPTION;
GRANT UPDATE ("Its Price") ON marts.plain TO "{analyst}";
GRANT SELECT ON marts.deep TO PUBLIC;
REVOKE DELETE, TRUNCATE ON marts.nested FROM "{owner}";
ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" GRANT INSERT ON TABLES TO PUBLIC;
SET ROLE "{analyst}"; GRANT SELECT ON marts.plain TO "{other}"; RESET ROLE;
"""
SEEN = """
SELECT c.oid::regclass::text, 'definition', pg_get_viewdef(c.oid)
  FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
UNION ALL
SELECT c.oid::regclass::text, 'owner and options',
       pg_get_userbyid(relowner) || coalesce(reloptions::text, '')
  FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
UNION ALL
SELECT c.oid::regclass::text, 'grant', a::text
  FROM pg_class c, unnest(relacl) a WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
UNION ALL
SELECT c.oid::regclass::text, 'column grant', attname || a::text
  FROM pg_class c JOIN pg_attribute t ON attrelid = c.oid, unnest(attacl) a
 WHERE relkind = 'v' AND relnamespace = 'marts'::regnamespace
UNION ALL
SELECT objoid::regclass::text, 'comment', objsubid || description FROM pg_description
 WHERE classoid = 'pg_class'::regclass
   AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'marts'::regnamespace)
UNION ALL
SELECT r.ev_class::regclass::text, 'rule',
       pg_get_ruledef(r.oid) || obj_description(r.oid, 'pg_rewrite')
  FROM pg_rewrite r WHERE rulename = 'hearing'
UNION ALL
SELECT t.tgrelid::regclass::text, 'trigger',
       pg_get_triggerdef(t.oid) || obj_description(t.oid, 'pg_trigger')
  FROM pg_trigger t WHERE tgname = 'Noting'
UNION ALL
SELECT d.adrelid::regclass::text, 'default', pg_get_expr(adbin, adrelid) FROM pg_attrdef d
 WHERE d.adrelid::regclass::text ~ 'marts'
ORDER BY 1, 2, 3
"""


def type_of(link: Link, view: str, column: str) -> str:
    found: str = link.warehouse.scalar(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = %s",
        view,
        column,
    )
    return found


@pytest.fixture
def built(published: Link) -> Iterator[Link]:
    """Views of another role, which ours is a member of, over `raw.t`, three deep."""
    names = {"owner": "dbt", "analyst": "analyst", "other": "other"}
    roles = {key: f"{name}_{published.roles['warehouse']}" for key, name in names.items()}
    warehouse = published.warehouse
    for role in roles.values():
        warehouse.sql(f'CREATE ROLE "{role}"')
    warehouse.sql(
        BUILT.replace("{owner}", roles["owner"])
        .replace("{analyst}", roles["analyst"])
        .replace("{other}", roles["other"])
        .replace("{ours}", published.roles["warehouse"])
    )
    for view in ("plain", "nested", "deep", "untouched"):
        warehouse.sql(f'ALTER VIEW marts.{view} OWNER TO "{roles["owner"]}"')
    yield published
    for role in roles.values():
        warehouse.sql(f'DROP OWNED BY "{role}" CASCADE; DROP ROLE "{role}"')


def test_views_follow_a_change_of_type_with_all_that_hangs_on_them(built: Link) -> None:
    before = built.warehouse.sql(SEEN)
    untouched = built.warehouse.scalar("SELECT 'marts.untouched'::regclass::oid::int8")
    built.source.sql(
        "ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4); UPDATE t SET price = 1.2345"
    )
    table = only(built.synced())
    assert table.notes == ("views made again: marts.plain, marts.nested, marts.deep",)
    assert built.warehouse.sql(SEEN) == before
    assert built.warehouse.scalar("SELECT 'marts.untouched'::regclass::oid::int8") == untouched
    assert type_of(built, "marts.plain", "Its Price") == "numeric(12,4)"
    assert built.warehouse.scalar("SELECT count(*) FROM marts.deep WHERE total = 1.2345") == 1000
    assert only(built.synced()).notes == ()


def test_views_follow_a_column_altered_in_place(built: Link) -> None:
    built.options["plant"] = {"mode": "incremental"}
    built.synced()
    before = built.warehouse.sql(SEEN)
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(9,2)")
    built.source.sql("INSERT INTO t VALUES (2000, 'x', 1234567.25)")
    table = only(built.synced())
    assert (table.strategy, table.rows_written) == ("xmin", 1)
    assert table.notes == ("views made again: marts.plain, marts.nested, marts.deep",)
    assert built.warehouse.sql(SEEN) == before
    assert type_of(built, "marts.plain", "Its Price") == "numeric(9,2)"


def refused(link: Link) -> tuple[str, str]:
    """The error of the sync, which the plan tells beforehand, too; nothing has changed."""
    seen = link.warehouse.sql(SEEN)
    (planned,) = link.engine().plan(SyncRequest()).tables
    error = only(link.sync()).error
    assert error is not None
    assert error.kind == "schema"
    assert planned.error is not None
    assert planned.error.message == error.message
    assert link.warehouse.sql(SEEN) == seen
    assert link.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 1
    return error.message, error.hint or ""


def test_the_plan_tells_which_views_will_be_made_again(built: Link) -> None:
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    before = built.warehouse.sql(SEEN)
    (planned,) = built.engine().plan(SyncRequest()).tables
    assert planned.notes == ("views made again: marts.plain, marts.nested, marts.deep",)
    assert not built.engine().check().problems
    assert built.warehouse.sql(SEEN) == before


def test_a_view_whose_column_is_gone_is_named(built: Link) -> None:
    built.source.sql("ALTER TABLE t DROP COLUMN price")
    message, hint = refused(built)
    assert "change under marts.plain, which can't be made again" in message
    assert "it uses the column price, which is gone" in message
    assert hint.startswith("marts.plain: drop it, sync, and create it again")
    assert [one.kind for one in (p.error for p in built.engine().check().problems)] == ["schema"]
    built.warehouse.sql("DROP VIEW marts.plain CASCADE")
    built.synced()


IN_THE_WAY = {
    "CREATE MATERIALIZED VIEW marts.kept AS SELECT * FROM marts.nested": (
        "marts.kept, which can't be made again: it is a materialized view",
        "drop it, sync, and create it again",
    ),
    "CREATE FUNCTION marts.f(marts.plain) RETURNS int LANGUAGE sql AS 'SELECT 1'": (
        "marts.plain, which can't be made again: function marts.f(marts.plain) depends on it",
        "drop function marts.f(marts.plain), sync, and create it again",
    ),
    "CREATE TABLE marts.tied (id int); CREATE RULE tied AS ON INSERT TO marts.tied"
    " DO ALSO DELETE FROM marts.nested": (
        "marts.tied, which can't be made again: a rule of it uses the view or column",
        "drop it, sync",
    ),
    "REVOKE CREATE ON SCHEMA marts FROM {owner}": (
        "its owner may not create views there any more",
        "GRANT USAGE, CREATE ON SCHEMA marts TO {owner}",
    ),
    "REVOKE {owner} FROM {ours}": (
        "marts.deep, which can't be made again: it belongs to, or was granted by, {owner}",
        "GRANT {owner} TO {ours}",
    ),
    "REVOKE {analyst} FROM {ours}": (
        "marts.plain, which can't be made again: it belongs to, or was granted by, {analyst}",
        "GRANT {analyst} TO {ours}",
    ),
}


@pytest.mark.parametrize("statement", IN_THE_WAY, ids=lambda text: " ".join(text.split()[:2]))
def test_what_can_not_be_made_again_is_named_with_the_way_out(built: Link, statement: str) -> None:
    ours = built.roles["warehouse"]
    roles = {"owner": f"dbt_{ours}", "analyst": f"analyst_{ours}", "ours": ours}
    built.warehouse.sql(statement.format(**roles))
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    message, hint = refused(built)
    said, way = (words.format(**roles) for words in IN_THE_WAY[statement])
    assert said in message
    assert way in hint


def test_a_temporary_view_of_another_session_is_waited_for(published: Link) -> None:
    published.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    with published.warehouse.connect() as other:
        other.execute(
            f'GRANT USAGE ON SCHEMA raw TO PUBLIC; SET ROLE "{published.roles["warehouse"]}"'
        )
        other.execute("CREATE TEMPORARY VIEW mine AS SELECT price FROM raw.t")
        error = only(published.sync()).error
        assert error is not None
        assert "a temporary view of another session" in error.message
        assert other.execute("SELECT count(*) FROM mine").fetchone() == (1000,)
        other.execute("DROP VIEW mine")
    published.synced()


def test_a_view_that_the_new_type_breaks_is_named_and_nothing_changes(built: Link) -> None:
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE text; UPDATE t SET price = 'much'")
    seen = built.warehouse.sql(SEEN)
    error = only(built.sync()).error
    assert error is not None
    assert error.kind == "schema"
    assert "marts.plain over raw.t can't be made again: operator does not exist" in error.message
    assert error.sqlstate == "42883"
    assert built.warehouse.sql(SEEN) == seen
    assert built.warehouse.scalar("SELECT sum(price) FROM raw.t") == 500500


@pytest.mark.parametrize("place", ["source", "table"])
def test_settings_may_refuse_to_make_views_again(built: Link, place: str) -> None:
    fail = {"on_view_conflict": "fail"}
    built.options["plant"] = fail if place == "source" else {"table": {"t": fail}}
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    message, hint = refused(built)
    assert "change under marts.plain, marts.nested, marts.deep" in message
    assert 'on_view_conflict = "recreate"' in hint


def test_a_role_that_must_ask_for_its_rights_makes_views_again(built: Link) -> None:
    built.warehouse.sql(f'ALTER ROLE "{built.roles["warehouse"]}" NOINHERIT')
    ours = built.roles["warehouse"]
    built.warehouse.sql(f'GRANT "dbt_{ours}", "analyst_{ours}" TO "{ours}"')
    before = built.warehouse.sql(SEEN)
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    built.synced()
    assert built.warehouse.sql(SEEN) == before


def test_views_changed_between_question_and_lock_are_asked_for_again(
    built: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    genuine, pending = views.take_down, ["GRANT SELECT ON marts.nested TO PUBLIC"]

    def meanwhile(found: Dependents) -> str:
        if pending:
            built.warehouse.sql(pending.pop())
        return genuine(found)

    monkeypatch.setattr(views, "take_down", meanwhile)
    table = only(built.synced())
    assert table.attempts == 2
    assert built.warehouse.scalar("SELECT has_table_privilege('public', 'marts.nested', 'SELECT')")


def test_a_reader_of_a_view_is_waited_for_and_never_deadlocked(built: Link) -> None:
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    with built.warehouse.connect() as reader, reader.transaction():
        reader.execute("LOCK TABLE marts.nested IN ACCESS SHARE MODE")
        error = only(built.sync(lock_wait=0.5)).error
        assert error is not None
        assert error.sqlstate == "55P03"
        assert f"by pid {reader.info.backend_pid} " in error.message
        assert reader.execute("SELECT count(*) FROM marts.nested").fetchone() == (1000,)
    built.synced()


TRAP = """
CREATE SCHEMA loot; GRANT ALL ON SCHEMA loot TO "{owner}"; SET ROLE "{owner}";
CREATE FUNCTION loot.look(numeric) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION loot.take() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION loot.equal(numeric, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE DOMAIN loot.odd AS int CHECK (loot.look(VALUE) = 1);
CREATE OPERATOR loot.= (LEFTARG = numeric, RIGHTARG = text, FUNCTION = loot.equal);
CREATE VIEW loot.trap AS SELECT id, loot.look(1) AS a, '5'::loot.odd AS b, price,
  loot.look(2.5) AS c FROM raw.t WHERE loot.look(price) = 1 AND price OPERATOR(loot.=) 'x'::text;
ALTER VIEW loot.trap ALTER COLUMN a SET DEFAULT loot.look(7);
ALTER VIEW loot.trap ALTER COLUMN b SET DEFAULT '7'::loot.odd;
CREATE RULE trap AS ON UPDATE TO loot.trap WHERE loot.look(OLD.price) = 1
  DO ALSO SELECT loot.look(1);
CREATE TRIGGER trap INSTEAD OF INSERT ON loot.trap FOR EACH ROW EXECUTE FUNCTION loot.take();
"""


def test_making_a_view_again_runs_nothing_of_it(built: Link) -> None:
    owner = f"dbt_{built.roles['warehouse']}"
    built.warehouse.sql(TRAP.replace("{owner}", owner))
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    (planned,) = built.engine().plan(SyncRequest()).tables
    assert "loot.trap" in planned.notes[0]
    built.synced()
    made_by = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'loot.trap'::regclass"
    assert built.warehouse.scalar(made_by) == owner
    with pytest.raises(psycopg.errors.RaiseException):
        built.warehouse.sql("SELECT * FROM loot.trap")


def test_views_follow_a_table_that_changes_and_moves_at_once(built: Link) -> None:
    built.options["plant"] = {"target_schema": "crm", "table": {"t": {"target": "new"}}}
    built.source.sql("ALTER TABLE t ALTER COLUMN price TYPE numeric(12,4)")
    table = only(built.synced())
    assert table.target == "crm.new"
    assert table.notes[-1] == "views made again: marts.plain, marts.nested, marts.deep"
    assert "FROM crm.new" in built.warehouse.scalar(
        "SELECT pg_get_viewdef('marts.plain'::regclass)"
    )
    assert built.warehouse.scalar("SELECT count(*) FROM marts.deep") == 1000

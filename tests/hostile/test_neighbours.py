"""Other roles of the warehouse: nothing that they made first, hung on what is ours or lock runs
code as elconsole's role, or stops a sync without being named."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from elconsole.core.errors import ElconsoleError, LockHeld, TargetTaken
from elconsole.core.results import QualityRequest, RunDetail, SyncRequest
from elconsole.core.types import ErrorInfo
from elconsole.engine.connect import server
from elconsole.engine.connect.session import Session
from elconsole.engine.ledger import schema
from elconsole.engine.ledger.locks import take_lock
from elconsole.engine.publish import lock
from elconsole.engine.service import PostgresEngine
from elconsole.engine.sql.names import (
    LEDGER_RELATIONS,
    LOCK_CLASS,
    NAMES_LOCK,
    RUN_LOCK_CLASS,
    SCHEMA_LOCK,
    TABLE_LOCK_CLASS,
)
from tests.conftest import MakeRole
from tests.link import Link, only
from tests.postgres import Database

pytestmark = [pytest.mark.integration, pytest.mark.faults]

LOOT = """
CREATE SCHEMA loot;
CREATE TABLE loot.seen (who text);
GRANT USAGE ON SCHEMA loot TO PUBLIC;
GRANT INSERT ON loot.seen TO PUBLIC;
CREATE FUNCTION loot.take() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO loot.seen VALUES (current_user); RETURN NEW; END $$;
CREATE FUNCTION loot.look() RETURNS int LANGUAGE plpgsql VOLATILE AS
  $$ BEGIN INSERT INTO loot.seen VALUES (current_user); RETURN 1; END $$;
CREATE FUNCTION loot.calm(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM loot.look(); RETURN v; END $$;
"""
OPENED = """
GRANT ALL ON SCHEMA elconsole, elconsole_storage, raw TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA elconsole, elconsole_storage, raw TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA elconsole TO PUBLIC;
"""
MIGRATIONS_AS_A_VIEW = """
ALTER TABLE elconsole.migrations RENAME TO real;
CREATE VIEW elconsole.migrations AS
  SELECT version, name, applied_at, loot.look() FROM elconsole.real;
GRANT ALL ON elconsole.migrations TO PUBLIC;
"""
TRAPS = {
    "a trigger": "CREATE TRIGGER trap BEFORE INSERT ON elconsole.runs"
    " FOR EACH ROW EXECUTE FUNCTION loot.take()",
    "a rule": "CREATE RULE trap AS ON INSERT TO elconsole.runs DO ALSO SELECT loot.look()",
    "a policy": "ALTER TABLE elconsole.runs FORCE ROW LEVEL SECURITY;"
    " ALTER TABLE elconsole.runs ENABLE ROW LEVEL SECURITY;"
    " CREATE POLICY trap ON elconsole.runs USING (loot.look() = 1)",
    "a check": "ALTER TABLE elconsole.runs ADD CHECK (loot.calm(host) = host)",
    "a default": "ALTER TABLE elconsole.runs ADD COLUMN trap int DEFAULT loot.look()",
    "an index": "CREATE INDEX trap ON elconsole.runs (loot.calm(host))",
    "statistics": "CREATE STATISTICS trap ON (loot.calm(host)), pid FROM elconsole.runs",
    "a domain": "CREATE DOMAIN loot.word AS text CHECK (loot.calm(VALUE) = VALUE);"
    " ALTER TABLE elconsole.runs ALTER COLUMN host TYPE loot.word",
    "a child": "CREATE TABLE loot.trap () INHERITS (elconsole.runs)",
    "a parent": "CREATE TABLE loot.trap (host text NOT NULL);"
    " ALTER TABLE elconsole.runs INHERIT loot.trap",
}


@pytest.fixture
def mallory(make_role: MakeRole, link: Link) -> str:
    """A neighbour who may create in the warehouse, as elconsole's role may."""
    name = make_role("mallory")
    link.warehouse.sql(
        f'REVOKE ALL ON DATABASE "{link.warehouse.name}" FROM PUBLIC;'
        f'GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "{link.warehouse.name}" TO "{name}"'
    )
    return name


@pytest.fixture
def units(link: Link) -> Link:
    link.source.sql(
        "CREATE TABLE units (id int PRIMARY KEY, quality_status text, line_id text);"
        "INSERT INTO units VALUES (1, 'ok', 'L1'), (2, 'error', 'L1')"
    )
    table = {"mode": "incremental", "quality": {"by": ["line_id"]}}
    link.options[link.name] = {"table": {"units": table}}
    return link


def as_role(warehouse: Database, role: str, statements: str) -> None:
    warehouse.sql(statements, user=role)


def loot(link: Link) -> list[str]:
    """Whose rights were taken."""
    return [who for (who,) in link.warehouse.sql("SELECT who FROM loot.seen")]


def trapped_first(units: Link, mallory: str) -> None:
    """Mallory was here first, with elconsole itself, and laid traps for whoever comes."""
    dataclasses.replace(units, roles={**units.roles, "warehouse": mallory}).synced()
    as_role(
        units.warehouse, mallory, f"{LOOT} {OPENED} {TRAPS['a trigger']}; {MIGRATIONS_AS_A_VIEW}"
    )


def refused(error: ErrorInfo | ElconsoleError | None, *named: str) -> None:
    """The error is about a name in the wrong hands, and tells whose."""
    assert error is not None
    assert error.kind == TargetTaken.kind
    assert error.hint
    for name in named:
        assert name in error.message


def synced(units: Link) -> RunDetail:
    """A sync under the grants as they are now."""
    engine = PostgresEngine(units.settings(retries=0))
    with contextlib.closing(engine):
        return engine.sync(SyncRequest(), emit=lambda _event: None, stop=threading.Event())


COMMANDS: dict[str, Callable[[PostgresEngine], Any]] = {
    "runs": lambda engine: engine.runs(),
    "runs 1": lambda engine: engine.run("1"),
    "raw tables": lambda engine: engine.raw_tables(),
    "sync --dry-run": lambda engine: engine.plan(SyncRequest()),
    "quality": lambda engine: engine.quality(QualityRequest()),
    "failed units": lambda engine: engine.failed_units("plant", "units", "line_id", "L1"),
    "baseline": lambda engine: engine.freeze_baseline(),
    "schema": lambda engine: engine.schema(),
    "reconcile": lambda engine: engine.reconcile((), stop=threading.Event()),
    "advise": lambda engine: engine.advise(),
    "watch": lambda engine: next(engine.watch(threading.Event())),
}


def test_a_ledger_that_another_role_made_is_never_used(units: Link, mallory: str) -> None:
    trapped_first(units, mallory)
    engine = units.engine()
    for command in COMMANDS.values():
        with pytest.raises(TargetTaken, match="the schema elconsole belongs to mallory") as raised:
            command(engine)
        refused(raised.value, mallory)
    report = engine.check()
    assert (report.connections[-1].status, report.tables) == ("down", ())
    refused(report.connections[-1].error, "elconsole", mallory)
    refused(only(units.sync()).error, "elconsole", mallory)
    assert loot(units) == []


def test_not_even_where_elconsoles_role_is_a_member_of_the_others(
    units: Link, mallory: str
) -> None:
    """Up to PostgreSQL 15, a role makes whom it likes its member."""
    trapped_first(units, mallory)
    units.warehouse.sql(f'GRANT "{mallory}" TO "{units.roles["warehouse"]}"')
    refused(only(units.sync()).error, "elconsole", mallory)
    assert loot(units) == []


@pytest.mark.parametrize("schema", ["elconsole_storage", "raw"])
def test_a_schema_that_another_role_made_is_never_used(
    units: Link, mallory: str, schema: str
) -> None:
    as_role(
        units.warehouse, mallory, f"CREATE SCHEMA {schema}; GRANT ALL ON SCHEMA {schema} TO PUBLIC"
    )
    refused(only(units.sync()).error, f"the schema {schema}", mallory)
    assert units.engine().check().connections[-1].status == "down"
    assert units.warehouse.scalar("SELECT to_regnamespace('elconsole') IS NULL")


def test_a_schema_made_while_elconsole_makes_its_own_is_not_used(
    units: Link, mallory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at before is looked at again under the migrations' lock."""
    trapped = f"{LOOT} CREATE SCHEMA elconsole; GRANT ALL ON SCHEMA elconsole TO PUBLIC"

    def slow(session: Session, key: int, what: str) -> None:
        as_role(units.warehouse, mallory, trapped)
        take_lock(session, key, what)

    monkeypatch.setattr(schema, "take_lock", slow)
    refused(only(units.sync()).error, "elconsole", mallory)
    assert units.warehouse.sql("SELECT FROM pg_class WHERE relname = 'migrations'") == []


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_trap_stays_one_when_it_is_given_to_elconsoles_role(
    units: Link, mallory: str, trap: str
) -> None:
    """As an administrator may do who was told that the ledger belongs to another."""
    units.synced()
    as_role(units.warehouse, mallory, LOOT)
    units.warehouse.sql(trap)
    before = loot(units)
    refused(only(units.sync()).error, "elconsole.runs")
    assert units.engine().check().connections[-1].status == "down"
    assert loot(units) == before


def test_a_view_given_to_elconsoles_role_is_no_ledger(units: Link, mallory: str) -> None:
    units.synced()
    as_role(units.warehouse, mallory, LOOT)
    units.warehouse.sql(
        f"{MIGRATIONS_AS_A_VIEW} ALTER VIEW elconsole.migrations OWNER TO"
        f' "{units.roles["warehouse"]}"'
    )
    refused(only(units.sync()).error, "elconsole.migrations")
    with pytest.raises(TargetTaken):
        units.engine().runs()
    assert loot(units) == []


def test_a_table_of_the_ledger_that_another_role_owns_is_not_used(
    units: Link, mallory: str
) -> None:
    units.synced()
    units.warehouse.sql(f'ALTER TABLE elconsole.quality_signals OWNER TO "{mallory}"')
    refused(only(units.sync()).error, "elconsole.quality_signals", mallory)


@pytest.mark.parametrize(
    ("right", "thing"),
    [
        ("CREATE ON SCHEMA elconsole", "elconsole"),
        ("CREATE ON SCHEMA elconsole_storage", "elconsole_storage"),
        ("TRIGGER ON elconsole.table_runs", "elconsole.table_runs"),
    ],
)
@pytest.mark.parametrize("everybody", [True, False], ids=["everybody", "one role"])
def test_a_right_to_lay_traps_is_refused_with_the_words_that_take_it_away(
    units: Link, mallory: str, right: str, thing: str, everybody: bool
) -> None:
    units.synced()
    grantee = "PUBLIC" if everybody else mallory
    units.warehouse.sql(f"GRANT {right} TO {grantee}")
    error = only(units.sync()).error
    refused(error, thing, grantee)
    assert error is not None
    assert error.hint == f"REVOKE {right} FROM {grantee}"
    units.warehouse.sql(error.hint)
    units.synced()


def test_the_names_that_are_looked_at_are_all_that_the_migrations_make(units: Link) -> None:
    units.synced()
    found = units.warehouse.sql(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'elconsole'::regnamespace"
        " AND relkind <> 'i'"
    )
    assert {name for (name,) in found} == set(LEDGER_RELATIONS)


SCHEMAS = "CREATE SCHEMA raw {0}; CREATE SCHEMA elconsole {0}; CREATE SCHEMA elconsole_storage {0};"


@pytest.mark.parametrize(
    "made",
    [
        SCHEMAS.format('AUTHORIZATION "{role}"'),
        SCHEMAS.format("") + 'GRANT ALL ON SCHEMA raw, elconsole, elconsole_storage TO "{role}"',
        'ALTER DATABASE "{database}" OWNER TO "{other}"; SET ROLE "{other}";'
        + SCHEMAS.format("")
        + 'GRANT ALL ON SCHEMA raw, elconsole, elconsole_storage TO "{role}"',
    ],
    ids=["as grants prints", "by a superuser", "by the database's owner"],
)
def test_schemas_that_an_administrator_made_are_used(
    units: Link, make_role: MakeRole, made: str
) -> None:
    role, warehouse = units.roles["warehouse"], units.warehouse
    warehouse.sql(made.format(role=role, other=make_role("owner"), database=warehouse.name))
    warehouse.sql(
        f'REVOKE ALL ON DATABASE "{warehouse.name}" FROM PUBLIC;'
        f'GRANT CONNECT, TEMPORARY ON DATABASE "{warehouse.name}" TO "{role}"'
    )
    units.source.sql(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{units.roles["plant"]}"')
    assert synced(units).run.status == "succeeded"
    assert synced(units).run.status == "succeeded"
    with contextlib.closing(PostgresEngine(units.settings())) as engine:
        assert engine.check().connections[-1].status == "healthy"


def test_a_reader_believes_the_ledgers_owner_and_writes_nothing(
    units: Link, make_role: MakeRole
) -> None:
    units.synced()
    reader = make_role("reader")
    units.warehouse.sql(
        f'GRANT USAGE ON SCHEMA elconsole, raw TO "{reader}"; GRANT SELECT ON ALL TABLES IN SCHEMA'
        f' elconsole, raw TO "{reader}"; GRANT CONNECT ON DATABASE "{units.warehouse.name}" TO'
        f' "{reader}"'
    )
    reading = dataclasses.replace(units, roles={**units.roles, "warehouse": reader})
    with contextlib.closing(PostgresEngine(reading.settings())) as engine:
        assert [run.status for run in engine.runs()] == ["succeeded"]
        assert [table.rows for table in engine.raw_tables()] == [2]
        assert engine.quality(QualityRequest()).tables[0].error is None
        (compared,) = engine.reconcile((), stop=threading.Event()).tables
        assert compared.equal
    refused(only(synced(reading)).error, "elconsole", units.roles["warehouse"])


def raw_as_a_view(units: Link, mallory: str) -> None:
    """The raw table is gone, and somebody else's view in its place."""
    units.warehouse.sql(f'DROP TABLE raw.units; GRANT CREATE, USAGE ON SCHEMA raw TO "{mallory}"')
    as_role(
        units.warehouse,
        mallory,
        f"{LOOT} CREATE VIEW raw.units AS SELECT 1 AS id, 'ok' AS quality_status, 'L1' AS line_id,"
        " loot.look() AS look; GRANT ALL ON raw.units TO PUBLIC",
    )


def test_a_view_in_a_raw_tables_place_is_not_read(units: Link, mallory: str) -> None:
    units.synced()
    raw_as_a_view(units, mallory)
    engine = units.engine()
    (rates,) = engine.quality(QualityRequest(by="line_id")).tables
    refused(rates.error, "raw.units", mallory)
    for command in ("failed units", "baseline"):
        with pytest.raises(TargetTaken, match=mallory):
            COMMANDS[command](engine)
    (compared,) = engine.reconcile((), stop=threading.Event()).tables
    refused(compared.error, "raw.units")
    engine.advise()
    engine.check()
    refused(only(units.sync()).error, "raw.units")
    assert loot(units) == []


def test_a_raw_table_that_another_role_owns_is_left_alone(units: Link, mallory: str) -> None:
    units.synced()
    units.warehouse.sql(
        f'GRANT "{mallory}" TO "{units.roles["warehouse"]}";'
        f'ALTER TABLE raw.units OWNER TO "{mallory}"'
    )
    refused(only(units.sync()).error, "raw.units", mallory)


def test_a_trigger_of_another_role_on_a_raw_table_is_not_fired(units: Link, mallory: str) -> None:
    units.synced()
    leaf = units.warehouse.scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'raw.units'::regclass"
    )
    units.warehouse.sql(
        f'GRANT USAGE ON SCHEMA raw TO "{mallory}"; GRANT TRIGGER ON raw.units, {leaf} TO'
        f' "{mallory}"'
    )
    as_role(
        units.warehouse,
        mallory,
        f"{LOOT} CREATE TRIGGER trap BEFORE INSERT ON raw.units"
        " FOR EACH ROW EXECUTE FUNCTION loot.take()",
    )
    units.source.sql("INSERT INTO units VALUES (3, 'ok', 'L2')")
    refused(only(units.sync()).error, "raw.units", "the trigger trap")
    units.warehouse.sql("DROP TRIGGER trap ON raw.units")
    refused(only(units.sync()).error, "raw.units", mallory)
    assert loot(units) == []
    units.warehouse.sql(f'REVOKE TRIGGER ON {leaf} FROM "{mallory}"')
    assert only(units.synced()).rows_written == 1


def test_a_trusted_function_on_a_condition_of_anothers_is_not_fired(
    units: Link, mallory: str
) -> None:
    units.synced()
    as_role(units.warehouse, mallory, LOOT)
    units.warehouse.sql(
        "CREATE FUNCTION public.fine() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER fine BEFORE INSERT ON raw.units FOR EACH ROW EXECUTE FUNCTION public.fine()"
    )
    units.source.sql("INSERT INTO units VALUES (3, 'ok', 'L2')")
    units.synced()
    units.warehouse.sql(
        "CREATE TRIGGER trap BEFORE INSERT ON raw.units FOR EACH ROW"
        " WHEN (loot.calm(NEW.line_id) = 'x') EXECUTE FUNCTION public.fine()"
    )
    units.source.sql("INSERT INTO units VALUES (4, 'ok', 'L2')")
    refused(only(units.sync()).error, "the trigger trap")
    assert loot(units) == []


@contextlib.contextmanager
def squatting(
    link: Link, mallory: str, *locks: tuple[int, int]
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Mallory holds elconsole's advisory locks."""
    with link.warehouse.connect(user=mallory, application_name="patience") as connection:
        for lock_class, key in locks:
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [lock_class, key])
        yield connection


def names_the_squatter(error: ErrorInfo | ElconsoleError | None, mallory: str, pid: int) -> None:
    assert error is not None
    assert f"pid {pid} (role {mallory}, patience)" in error.message
    assert error.hint is not None
    assert f"pg_terminate_backend({pid})" in error.hint


@pytest.mark.parametrize("key", [SCHEMA_LOCK, NAMES_LOCK], ids=["migrations", "names"])
def test_who_keeps_the_ledger_from_being_made_or_written_is_named(
    units: Link, mallory: str, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.COMMON_SETTINGS, "lock_timeout", "300ms")
    if key == NAMES_LOCK:
        units.synced()
        units.source.sql("CREATE TABLE newcomer (id int PRIMARY KEY)")
    with squatting(units, mallory, (LOCK_CLASS, key)) as squatter:
        detail = units.sync()
        assert {table.error.kind for table in detail.tables if table.error} == {LockHeld.kind}
        names_the_squatter(detail.tables[0].error, mallory, squatter.info.backend_pid)
    units.synced()


def test_who_holds_a_lock_of_a_run_to_come_is_named_at_once(units: Link, mallory: str) -> None:
    units.synced()
    with squatting(units, mallory, (RUN_LOCK_CLASS, 2)) as squatter:
        error = only(units.sync()).error
        names_the_squatter(error, mallory, squatter.info.backend_pid)
        assert [run.run_number for run in units.engine().runs()] == [1]
    units.synced()


def test_who_holds_a_tables_lock_is_named(
    units: Link, mallory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "DEAD_HOLDER_WAIT_S", 0.2)
    units.synced()
    target = units.warehouse.scalar("SELECT target_id FROM elconsole.targets")
    with squatting(units, mallory, (TABLE_LOCK_CLASS, target)) as squatter:
        table = only(units.sync())
        assert table.status == "locked"
        names_the_squatter(table.error, mallory, squatter.info.backend_pid)
    units.synced()


def test_a_dead_run_is_not_alive_because_another_role_holds_its_lock(
    units: Link, mallory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "DEAD_HOLDER_WAIT_S", 0.2)
    units.synced()
    units.warehouse.sql("UPDATE elconsole.runs SET status = 'running', finished_at = NULL")
    target = units.warehouse.scalar("SELECT target_id FROM elconsole.targets")
    both = ((RUN_LOCK_CLASS, 1), (TABLE_LOCK_CLASS, target))
    with squatting(units, mallory, *both) as squatter:
        assert units.engine().runs()[0].status == "abandoned"
        names_the_squatter(only(units.sync()).error, mallory, squatter.info.backend_pid)
    stored = units.warehouse.scalar("SELECT status FROM elconsole.runs WHERE run_number = 1")
    assert stored == "abandoned"
    units.warehouse.sql("UPDATE elconsole.runs SET status = 'running' WHERE run_number = 2")
    with squatting(units, units.roles["warehouse"], (RUN_LOCK_CLASS, 2)):
        assert units.engine().runs(1)[0].status == "running"

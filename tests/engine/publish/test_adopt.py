"""`--adopt`: a plain table in a target's place is converted, or left alone with the reason."""

from __future__ import annotations

import threading

import pytest

from elconsole.config.models import Settings
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.service import PostgresEngine
from tests.conftest import MakeFactory
from tests.postgres import Factory

pytestmark = pytest.mark.integration


@pytest.fixture
def springs(make_factory: MakeFactory) -> Factory:
    return make_factory(sources=("springs",))


def sync(factory: Factory, request: SyncRequest) -> RunDetail:
    engine = PostgresEngine(Settings.model_validate(factory.overrides()))
    try:
        return engine.sync(request, emit=lambda event: None, stop=threading.Event())
    finally:
        engine.close()


def plain_table(factory: Factory) -> None:
    owner = factory.roles["warehouse"]
    factory.warehouse.sql(f'SET ROLE "{owner}"; CREATE SCHEMA raw;')
    factory.warehouse.sql(
        f'SET ROLE "{owner}"; CREATE TABLE raw.springs_production (id int, material text);'
        "INSERT INTO raw.springs_production VALUES (1, 'old');"
        "COMMENT ON TABLE raw.springs_production IS 'Springs, as made';"
        "GRANT SELECT ON raw.springs_production TO PUBLIC"
    )


@pytest.mark.slow
def test_a_table_of_someone_else_is_left_alone(springs: Factory) -> None:
    plain_table(springs)
    table = sync(springs, SyncRequest()).tables[0]
    assert table.status == "failed"
    assert table.error is not None
    assert table.error.kind == "target_taken"
    assert "--adopt" in (table.error.hint or "")
    assert springs.warehouse.sql("SELECT * FROM raw.springs_production") == [(1, "old")]


def test_an_adopted_table_keeps_grants_and_comment(springs: Factory) -> None:
    plain_table(springs)
    table = sync(springs, SyncRequest(adopt=True)).tables[0]
    assert (table.status, table.rows_written) == ("succeeded", 150)
    assert springs.warehouse.scalar("SELECT count(*) FROM raw.springs_production") == 150
    assert (
        springs.warehouse.scalar("SELECT obj_description('raw.springs_production'::regclass)")
        == "Springs, as made"
    )
    assert springs.warehouse.scalar(
        "SELECT has_table_privilege('public', 'raw.springs_production', 'SELECT')"
    )
    assert (
        springs.warehouse.scalar(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'elconsole_storage'::regnamespace"
            " AND relkind = 'r'"
        )
        == 1
    )
    again = sync(springs, SyncRequest()).tables[0]
    assert again.status == "succeeded"


def test_a_view_on_the_table_forbids_its_adoption(springs: Factory) -> None:
    plain_table(springs)
    springs.warehouse.sql("CREATE VIEW public.stock AS SELECT id FROM raw.springs_production")
    table = sync(springs, SyncRequest(adopt=True)).tables[0]
    assert table.error is not None
    assert "view public.stock" in table.error.message
    assert springs.warehouse.sql("SELECT * FROM raw.springs_production") == [(1, "old")]


def test_a_lost_ledger_is_adopted_with_its_tables(springs: Factory) -> None:
    assert sync(springs, SyncRequest()).run.status == "succeeded"
    springs.warehouse.sql("CREATE VIEW public.stock AS SELECT id FROM raw.springs_production")
    springs.warehouse.sql("DROP SCHEMA elconsole CASCADE")
    refused = sync(springs, SyncRequest()).tables[0]
    assert refused.error is not None
    assert refused.error.kind == "target_taken"
    assert sync(springs, SyncRequest(adopt=True)).tables[0].status == "succeeded"
    assert springs.warehouse.scalar("SELECT count(*) FROM public.stock") == 150

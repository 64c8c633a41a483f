"""The pen plant's pass rates, and what the advisors say about it, through the engine."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from elconsole.advisors.everything import advise
from elconsole.advisors.facts import Facts
from elconsole.config.models import Settings
from elconsole.core.results import QualityRequest, SyncRequest
from elconsole.engine.facts import read_facts
from elconsole.engine.quality.daily import store_daily_counts
from elconsole.engine.quality.signals import raise_signals
from elconsole.engine.service import PostgresEngine
from tests.conftest import MakeFactory
from tests.postgres import Factory

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def plant(make_factory: MakeFactory) -> Factory:
    return make_factory()


@pytest.fixture
def engine(plant: Factory) -> Iterator[PostgresEngine]:
    made = open_engine(plant)
    yield made
    made.close()


def open_engine(plant: Factory, **bodies: Any) -> PostgresEngine:
    overrides: dict[str, Any] = plant.overrides()
    if bodies:
        overrides["sources"]["bodies"].setdefault("table", {})["bodies_production"] = bodies
    made = PostgresEngine(Settings.model_validate(overrides))
    sync(made)
    return made


def sync(engine: PostgresEngine) -> None:
    detail = engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    assert detail.run.status == "succeeded"


def facts_of(engine: PostgresEngine) -> Facts:
    planned, _, _ = engine._planned(SyncRequest())
    quality = engine.quality(QualityRequest()).tables
    with engine._warehouse() as session:
        return read_facts(
            session, planned, engine._pools.sources, quality, engine.settings, datetime.now(UTC)
        )


def test_the_plants_pass_rates_are_exact(engine: PostgresEngine) -> None:
    report = engine.quality(QualityRequest())
    rates = {
        (table.source, table.dimension, row.value): (row.inspected, row.passed)
        for table in report.tables
        for row in table.rows
    }
    assert rates["refills", "line_id", "LINE-REFILLS-001"] == (56, 53)
    assert rates["refills", "line_id", "LINE-REFILLS-002"] == (44, 42)
    assert rates["bodies", "material", "bamboo"] == (29, 29)
    assert rates["bodies", "material", "metal"] == (31, 27)
    assert rates["bodies", "material", "plastic"] == (40, 35)
    totals = {table.source: table.total for table in report.tables}
    springs = totals["springs"]
    assert springs is not None
    assert (springs.inspected, springs.passed) == (150, 143)


def test_the_healthy_plant_raises_no_signal(engine: PostgresEngine) -> None:
    for period in (None, "day", "shift", "batch"):
        request = QualityRequest(period=period)
        tables = engine.quality(request).tables
        assert all(table.error is None for table in tables)
        assert [row.signal for table in tables for row in table.rows if row.signal] == []


def test_no_advisor_finds_anything_on_the_healthy_plant(engine: PostgresEngine) -> None:
    for _ in range(7):
        assert advise(facts_of(engine)) == ()
        sync(engine)


def test_the_facts_are_those_of_ledger_and_catalogs(engine: PostgresEngine, plant: Factory) -> None:
    sync(engine)
    plant.sources["bodies"].sql("ALTER TABLE bodies_production ADD COLUMN gloss numeric")
    facts = facts_of(engine)
    bodies = next(table for table in facts.tables if table.source == "bodies")
    assert (bodies.mode, bodies.primary_key, bodies.rows) == ("full", ("id",), 100)
    assert [load.rows_written for load in bodies.loads] == [100, 100]
    assert bodies.loads[0].finished_at > bodies.loads[1].finished_at
    assert bodies.time_column == "timestamp"
    assert not bodies.time_indexed
    assert facts.last_run_seconds is not None
    (finding,) = advise(facts)
    assert finding.advisor == "schema monitor"
    assert finding.finding == "its columns changed in the source: gloss added"


def test_settings_that_no_longer_fit_a_source_are_advised_on(plant: Factory) -> None:
    engine = open_engine(plant, mode="incremental", strategy="cursor", cursor="timestamp")
    plant.sources["bodies"].sql("ALTER TABLE bodies_production RENAME COLUMN timestamp TO made_at")
    finding = next(one for one in engine.advise().findings if "bodies" in one.subject)
    engine.close()
    assert finding.advisor == "schema monitor"
    assert "timestamp" in finding.finding
    assert "correct cursor in settings" in finding.finding
    assert finding.command is None


def test_the_index_of_a_cursor_is_seen(plant: Factory) -> None:
    engine = open_engine(plant, mode="incremental", strategy="cursor", cursor="timestamp")
    assert _bodies_cursor(engine) is False
    plant.sources["bodies"].sql("CREATE INDEX ON bodies_production (timestamp)")
    assert _bodies_cursor(engine) is True
    engine.close()


def _bodies_cursor(engine: PostgresEngine) -> bool | None:
    return next(t.cursor_indexed for t in facts_of(engine).tables if t.source == "bodies")


def test_the_demos_bad_day_is_raised_once_as_an_event(make_factory: MakeFactory) -> None:
    engine = open_engine(make_factory(rows=20_000, sources=("bodies",)))
    report = engine.quality(QualityRequest(by="line_id"))
    bad = report.tables[0].rows[1]
    assert (bad.value, bad.judged) == ("LINE-BODIES-002", "signal")
    with engine._warehouse() as session:
        # The sync has raised it already.
        session.execute("TRUNCATE elconsole.quality_signals")
        run_id = str(uuid.uuid4())
        raised = raise_signals(session, report, run_id, datetime.now(UTC))
        assert raise_signals(session, report, run_id, datetime.now(UTC)) == ()
    engine.close()
    events = [event for event in raised if event.value == "LINE-BODIES-002"]
    assert [(event.kind, event.rule) for event in events] == [("quality_signal", 1)]
    assert events[0].period == bad.signal_period
    assert events[0].pass_rate == bad.signal_pass_rate
    assert "beyond a control limit" in events[0].finding


def test_a_page_after_storing_daily_counts_is_the_same(engine: PostgresEngine) -> None:
    before = engine.quality(QualityRequest())
    with engine._warehouse() as session:
        for target in engine._units(session):
            assert target.content_run_id is not None
            store_daily_counts(session, target)
        stored = session.execute("SELECT count(*) FROM elconsole.quality_daily").fetchone()
    assert stored is not None
    assert stored[0] > 0
    assert engine.quality(QualityRequest()) == before

"""Metrics and notifications around any engine: they hear all, and change nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from elconsole.config.models import NotifySettings
from elconsole.core.errors import ConfigurationError
from elconsole.core.events import Event
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.observe.metrics import Metrics
from elconsole.observe.notify import Notifier
from elconsole.observe.observed import ObservedEngine
from tests.fakes.engine import FakeEngine
from tests.fakes.plans import UNFED
from tests.fakes.plant import down

pytestmark = pytest.mark.unit


class Ear(Notifier):
    def __init__(self) -> None:
        super().__init__(NotifySettings())
        self.documents: list[Mapping[str, Any]] = []

    def ended(self, document: Mapping[str, Any]) -> bool:
        self.documents.append(document)
        return True


def sync(engine: ObservedEngine, heard: list[Event]) -> RunDetail:
    return engine.sync(SyncRequest(), emit=heard.append, stop=threading.Event())


def test_a_sync_is_counted_written_and_told_of(tmp_path: Path) -> None:
    ear, heard, file = Ear(), list[Event](), tmp_path / "elconsole.prom"
    engine = ObservedEngine(FakeEngine(), metrics=Metrics(), metrics_file=file, notifier=ear)
    detail = sync(engine, heard)
    assert heard[-1].kind == "sync_complete"
    assert ear.documents[0]["run_id"] == detail.run.run_id
    text = file.read_text()
    assert "elconsole_rows_loaded_total" in text
    assert "elconsole_connection_up" in text
    assert "elconsole_table_last_success_timestamp_seconds" in text


def test_metrics_that_cannot_be_written_change_no_result(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "elconsole.prom"
    engine = ObservedEngine(FakeEngine(), metrics=Metrics(), metrics_file=nowhere)
    assert sync(engine, []).run.status == "succeeded"
    assert not nowhere.exists()


def test_every_method_of_the_engine_is_passed_on() -> None:
    inner = FakeEngine()
    engine = ObservedEngine(inner)
    assert engine.connections() == inner.connections()
    assert engine.runs(1) == inner.runs(1)
    assert engine.raw_tables() == inner.raw_tables()
    assert engine.plan(SyncRequest()) == inner.plan(SyncRequest())


def test_a_sync_that_can_not_begin_is_told_of_and_written_too(tmp_path: Path) -> None:
    ear, file = Ear(), tmp_path / "elconsole.prom"
    broken = FakeEngine(
        raises=ConfigurationError('plug-in "x" can\'t be loaded', hint="correct it")
    )
    engine = ObservedEngine(broken, metrics=Metrics(), metrics_file=file, notifier=ear)
    with pytest.raises(ConfigurationError):
        sync(engine, [])
    (document,) = ear.documents
    assert document["status"] == "failed"
    assert document["error"]["message"] == 'plug-in "x" can\'t be loaded'
    assert file.exists()


def test_a_table_that_left_the_settings_leaves_the_metrics(tmp_path: Path) -> None:
    file = tmp_path / "elconsole.prom"
    engine = ObservedEngine(FakeEngine(), metrics=Metrics(), metrics_file=file)
    sync(engine, [])
    assert 'table="bodies_production"' in file.read_text()
    others = tuple(table for table in FakeEngine().tables if table.source != "bodies")
    fewer = FakeEngine(tables=others, quality_tables=())
    after = Metrics()
    after.continue_file(file)
    engine = ObservedEngine(fewer, metrics=after, metrics_file=file)
    engine.sync(SyncRequest(("refills",)), emit=lambda event: None, stop=threading.Event())
    kept = "elconsole_table_last_success_timestamp_seconds{"
    assert any(kept in line and "bodies" in line for line in file.read_text().splitlines())
    sync(engine, [])
    assert "bodies" not in file.read_text()


def test_unfed_tables_are_counted_after_a_check_and_after_a_sync_of_everything(
    tmp_path: Path,
) -> None:
    file, metrics = tmp_path / "elconsole.prom", Metrics()

    def told(inner: FakeEngine, *selection: str, check: bool = False) -> int:
        engine = ObservedEngine(inner, metrics=metrics)
        if check:
            engine.check()
        else:
            request = SyncRequest(selection)
            engine.sync(request, emit=lambda event: None, stop=threading.Event())
        metrics.write_file(file)
        return file.read_text().count("elconsole_table_unfed{")

    assert told(FakeEngine(unfed=UNFED), "refills") == 0
    assert told(FakeEngine(unfed=UNFED)) == 2
    assert told(FakeEngine(), "refills") == 2
    assert told(FakeEngine(health={"warehouse": down("warehouse")}), check=True) == 2
    assert told(FakeEngine(), check=True) == 0
    assert told(FakeEngine(unfed=UNFED), check=True) == 2
    assert told(FakeEngine()) == 0

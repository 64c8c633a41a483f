"""Plug-ins of a real sync: they veto, fail and observe, and harm nothing when they misbehave."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from elconsole.config.models import Settings
from elconsole.core.events import Event
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.service import PostgresEngine
from elconsole.plugins.hooks import Veto
from tests.conftest import MakeFactory
from tests.postgres import Factory

pytestmark = pytest.mark.integration

NAME = "plugin_of_this_test"
Install = Callable[..., None]


@pytest.fixture
def springs(make_factory: MakeFactory) -> Factory:
    return make_factory(sources=("springs",))


@pytest.fixture
def install() -> Iterator[Install]:
    """Makes the given functions a module that settings can name."""

    def make(**functions: Callable[..., Any]) -> None:
        module = types.ModuleType(NAME)
        for name, function in functions.items():
            setattr(module, name, function)
        sys.modules[NAME] = module

    yield make
    sys.modules.pop(NAME, None)


def sync(factory: Factory, *, plugins: tuple[str, ...] = (NAME,)) -> RunDetail:
    settings = Settings.model_validate({**factory.overrides(), "plugins": plugins, "retries": 0})
    engine = PostgresEngine(settings)
    try:
        return engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    finally:
        engine.close()


def rows(factory: Factory) -> int:
    return int(factory.warehouse.scalar("SELECT count(*) FROM raw.springs_production"))


def test_a_validator_skips_a_table_with_its_reason(springs: Factory, install: Install) -> None:
    def pre_extract(task: Any) -> str:
        return f"{task.table} is frozen"

    install(pre_extract=pre_extract)
    table = sync(springs).tables[0]
    assert table.status == "skipped"
    assert table.error is not None
    assert "springs_production is frozen" in table.error.message


def test_a_checker_sees_the_unpublished_rows_and_fails_the_table(
    springs: Factory, install: Install
) -> None:
    assert sync(springs, plugins=()).run.status == "succeeded"
    springs.sources["springs"].sql("DELETE FROM springs_production WHERE id > 10")
    seen: list[int] = []

    def post_load(result: Any, warehouse: Any) -> None:
        [(count,)] = warehouse.query(f"SELECT count(*) FROM {warehouse.table}")
        seen.append(count)
        if count < 100:
            raise Veto(f"only {count} rows")

    install(post_load=post_load)
    table = sync(springs).tables[0]
    assert seen == [10]
    assert table.status == "failed"
    assert table.error is not None
    assert table.error.kind == "check_failed"
    assert "only 10 rows" in table.error.message
    assert rows(springs) == 150


@pytest.mark.parametrize(
    "text", ["DELETE FROM {table} RETURNING 1", "COMMIT", "SELECT 1; COMMIT", "SELECT nextval('s')"]
)
def test_a_checker_can_only_query(springs: Factory, install: Install, text: str) -> None:
    def post_load(warehouse: Any) -> None:
        warehouse.query(text.format(table=warehouse.table))

    install(post_load=post_load)
    table = sync(springs).tables[0]
    assert table.status == "failed"
    assert table.error is not None
    assert table.error.kind == "check_failed"
    assert springs.warehouse.scalar("SELECT to_regclass('raw.springs_production')") is None


def test_a_checker_that_is_content_changes_nothing(springs: Factory, install: Install) -> None:
    def post_load(warehouse: Any) -> None:
        warehouse.query("SELECT %s::int", [1])

    install(post_load=post_load)
    assert sync(springs).tables[0].status == "succeeded"
    assert rows(springs) == 150


def test_an_observer_hears_every_event_and_may_raise(springs: Factory, install: Install) -> None:
    heard: list[Event] = []

    def on_event(event: Event) -> None:
        heard.append(event)
        raise RuntimeError("observer is broken")

    install(on_event=on_event)
    assert sync(springs).run.status == "succeeded"
    kinds = [event.kind for event in heard if event.kind != "progress"]
    assert kinds == [
        "sync_started",
        "table_started",
        "data_extracted",
        "data_loaded",
        "sync_complete",
    ]
    loaded = next(event for event in heard if event.kind == "data_loaded")
    assert loaded.quality_flags == {"passed": 143, "failed": 7}  # type: ignore[attr-defined]


def test_a_plug_in_that_exits_fails_its_table_alone(springs: Factory, install: Install) -> None:
    def post_load() -> None:
        sys.exit(3)

    install(post_load=post_load)
    table = sync(springs).tables[0]
    assert table.status == "failed"
    assert table.error is not None
    assert NAME in table.error.message


def test_a_plug_in_that_fails_before_the_read_fails_the_run(
    springs: Factory, install: Install
) -> None:
    def pre_extract() -> None:
        raise KeyError("typo")

    install(pre_extract=pre_extract)
    detail = sync(springs)
    assert (detail.run.status, detail.tables[0].status) == ("failed", "failed")
    assert detail.tables[0].error is not None
    assert "KeyError" in detail.tables[0].error.message


def test_a_schema_change_can_be_vetoed(springs: Factory, install: Install) -> None:
    assert sync(springs, plugins=()).run.status == "succeeded"
    springs.sources["springs"].sql("ALTER TABLE springs_production ADD COLUMN coating text")

    def schema_changed(changes: Any) -> str:
        return "no new column " + ", ".join(change.column for change in changes)

    install(schema_changed=schema_changed)
    table = sync(springs).tables[0]
    assert table.status == "skipped"
    assert table.error is not None
    assert "no new column coating" in table.error.message


def test_a_check_of_the_settings_keeps_an_emptied_table_unpublished(springs: Factory) -> None:
    assert sync(springs, plugins=()).run.status == "succeeded"
    springs.sources["springs"].sql("DELETE FROM springs_production")
    settings = Settings.model_validate(
        {**springs.overrides(), "checks": {"zero_rows": True}, "retries": 0}
    )
    engine = PostgresEngine(settings)
    table = engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event()).tables[0]
    engine.close()
    assert table.status == "failed"
    assert table.error is not None
    assert table.error.kind == "check_failed"
    assert rows(springs) == 150


def test_a_signal_is_raised_once(make_factory: MakeFactory) -> None:
    factory = make_factory(2000, sources=("bodies",))
    settings = Settings.model_validate(factory.overrides())
    engine = PostgresEngine(settings)
    rounds: list[list[Event]] = [[], []]
    for heard in rounds:
        engine.sync(SyncRequest(), emit=heard.append, stop=threading.Event())
    engine.close()
    signals = [event for event in rounds[0] if event.kind == "quality_signal"]
    assert any("LINE-BODIES-002" in str(event) for event in signals)
    assert [event for event in rounds[1] if event.kind == "quality_signal"] == []

"""How the console starts: its preferences, an engine that can't, and the welcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elconsole.core.errors import ConfigurationError
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console.options import DEMO_CHOSEN, Welcome
from elconsole.ui.dialogs.dialog import ErrorDialog
from elconsole.ui.dialogs.welcome import WelcomeScreen
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plant import CONNECTIONS, down, healthy
from tests.ui.piloting import SIZE, console, press, settle, top

pytestmark = pytest.mark.ui


async def test_the_chosen_theme_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "console.json"
    app = console(preferences_path=path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.theme = "nord"
        await settle(pilot)
    assert console(preferences_path=path).theme == "nord"


async def test_a_broken_preferences_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text("[1, 2", encoding="utf-8")
    assert console(preferences_path=path).theme == "elconsole-dark"


async def test_an_engine_that_can_not_start_says_why_and_ends_with_its_code() -> None:
    def refuse() -> FakeEngine:
        raise ConfigurationError("unknown key: warehous", hint="Did you mean warehouse?")

    app = console(engine_factory=refuse)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(top(app), ErrorDialog)
        await pilot.press("escape")
        await pilot.pause()
    assert app.return_code == 2


def welcome(write: Callable[[], Path]) -> ConsoleApp:
    """A first start where nothing answers."""
    engine = operated()
    engine.health = {info.name: down(info.name) for info in CONNECTIONS}
    offered = Welcome(
        searched=(Path("elconsole.toml"),), write_configuration=write, open_demo=lambda: 0
    )
    return console(engine, welcome=offered)


async def test_welcome_opens_the_demo_plant() -> None:
    app = welcome(lambda: Path("x"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(top(app), WelcomeScreen)
        await pilot.press("d")
        await pilot.pause()
    assert app.return_value == DEMO_CHOSEN


@pytest.mark.slow
async def test_welcome_says_why_no_file_was_written() -> None:
    def refuse() -> Path:
        raise ConfigurationError("elconsole.toml exists already")

    app = welcome(refuse)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w")
        assert isinstance(top(app), ErrorDialog)


async def test_welcome_stays_away_while_one_connection_answers() -> None:
    app = welcome(lambda: Path("x"))
    assert app.options.welcome is not None
    engine = app.options.engine_factory()
    assert isinstance(engine, FakeEngine)
    engine.health["refills"] = healthy("refills")
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert not isinstance(top(app), WelcomeScreen)

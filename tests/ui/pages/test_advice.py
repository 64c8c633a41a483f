"""Advice: copied in full, late, unfiltered, and of whom it was not had."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from elconsole.core.results import AdviceReport
from elconsole.core.types import ErrorInfo
from elconsole.ui.widgets.lines import Lines
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plans import ADVICE
from tests.ui.piloting import SIZE, bar_words, console, press, settle, titles, until

pytestmark = pytest.mark.ui


async def test_advice_is_copied_with_its_commands_in_full() -> None:
    command = "elconsole sync " + " ".join(f"refills.table_{number:03d}" for number in range(60))
    app = console(operated(findings=(replace(ADVICE, command=command),)))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.action_advice()
        await settle(pilot)
        await press(pilot, "c")
        assert f"→ {command}\n" in app.clipboard


async def test_advice_asked_for_before_there_is_an_engine_comes_once_there_is_one() -> None:
    held = threading.Event()

    def build() -> FakeEngine:
        held.wait(60)
        return operated()

    app = console(engine_factory=build)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.background.asking("engine"))
        app.action_advice()
        await pilot.pause()
        held.set()
        await until(pilot, lambda: app.questions.engine is not None)
        await settle(pilot)
        texts = [row.texts()[0] for row in app.screen.query_one("#advice", Lines).rows]
        assert any("refills_production" in text for text in texts)


async def test_advice_can_not_be_filtered_away() -> None:
    app = console(operated(findings=(ADVICE,) * 30))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.action_advice()
        await settle(pilot)
        assert "Filter" not in bar_words(app)
        await press(pilot, "down", "slash")
        assert not app.screen.query("#filter")
        assert not {"Filter", "Export", "Open"} & set(titles(app))


async def test_advice_names_the_sources_that_could_not_be_asked() -> None:
    engine = operated()
    report = AdviceReport((), (("springs", ErrorInfo("unavailable", "springs: gone")),))
    engine.advise = lambda: report  # type: ignore[method-assign]
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.action_advice()
        await settle(pilot)
        [row] = app.screen.query_one("#advice", Lines).rows
        assert row.texts() == ("? springs  could not be asked: gone",)

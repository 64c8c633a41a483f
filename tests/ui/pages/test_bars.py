"""The bar above every page and the line of keys below it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from elconsole.core.results import PlanReport
from elconsole.ui.app.palette import commands
from elconsole.ui.pages.bars import TopBar
from elconsole.ui.widgets.grid import Grid
from tests.fakes.engine import operated
from tests.fakes.plans import PLAN
from tests.ui.piloting import SIZE, bar_words, console, press, settle

pytestmark = pytest.mark.ui


@pytest.mark.parametrize("width", [140, 120, 100, 80, 60])
@pytest.mark.parametrize("kinds", [{}, {"demo": True, "read_only": True}])
@pytest.mark.slow
async def test_the_top_bar_always_names_the_page_in_front(
    width: int, kinds: dict[str, Any]
) -> None:
    app = console(environment="a plant with a name that takes a lot of room", **kinds)
    async with app.run_test(size=(width, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "3", "space")
        told = app.screen.query_one(TopBar).render_line(0).text
        assert " 3 Runs " in told
        assert "a plant" in told
        assert "paused" in told
        assert "12:04:31" in told


# The line of keys


async def test_the_keys_name_the_row_under_the_cursor_at_once() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "tab")
        for name in ("bodies", "springs"):
            await pilot.press("down")
            await pilot.pause()
            assert f" Sync {name} " in bar_words(app)


async def test_a_page_that_gets_its_rows_names_the_first_of_them() -> None:
    app = console(operated(planned=PlanReport(())))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4")
        assert " Sync all " in bar_words(app)
        app.state = replace(app.state, plan=PLAN)
        app.repaint()
        assert " Sync refills.refills_production " in bar_words(app)


# Keys that have nothing to do


@pytest.mark.slow
async def test_enter_is_not_offered_where_there_is_no_row() -> None:
    app = console(operated(history=(), watched=()))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        assert "enter" not in bar_words(app)
        await press(pilot, "4")
        assert "enter" in bar_words(app)


@pytest.mark.slow
async def test_a_table_that_succeeded_says_that_there_is_no_more_to_see() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "enter", "enter")
        assert [item.message for item in app._notifications] == [
            "Its row says all there is to know about it."
        ]


async def test_esc_leaves_the_cursor_in_the_only_table_of_a_page() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "escape")
        assert app.focused is app.screen.query_one("#quality", Grid)
        await press(pilot, "1", "tab", "escape")
        assert app.focused is None


async def test_space_says_what_it_does_on_a_frozen_screen() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "space Pause" in bar_words(app)
        await press(pilot, "space")
        assert "space Go on" in bar_words(app)


async def test_the_palette_names_keys_as_the_bars_do() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        words = [words for _, words, _ in commands(app, app.screen)]
        assert any("key /" in item for item in words)
        assert not any("ctrl+" in item or "slash" in item for item in words)

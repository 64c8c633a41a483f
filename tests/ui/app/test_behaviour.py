"""What the keys do, on a fake engine."""

from __future__ import annotations

import pytest

from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.dialogs.dialog import ErrorDialog, RefreshDialog
from elconsole.ui.dialogs.help import bound_keys
from elconsole.ui.pages.run import RunScreen
from elconsole.ui.state import runs
from tests.fakes.engine import operated
from tests.fakes.plans import ADVICE
from tests.fakes.plant import LOST, NOW
from tests.fakes.runs import FAILED, RUNNING
from tests.ui.piloting import SIZE, console, grid, press, settle, top

pytestmark = pytest.mark.ui


@pytest.mark.parametrize(
    ("key", "mode"),
    [("1", "dashboard"), ("2", "quality"), ("3", "runs"), ("4", "schema"), ("5", "log")],
)
@pytest.mark.slow
async def test_number_keys_open_the_pages(key: str, mode: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", key)
        assert app.current_mode == mode


@pytest.mark.slow
async def test_a_click_on_a_page_name_opens_it() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.click("TopBar", offset=(41, 0))
        await settle(pilot)
        assert app.current_mode == "quality"


async def test_help_names_every_key_that_acts_here() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        named = {key for _, keys, _ in bound_keys(app.screen) for key in keys.split()}
        assert {"s", "f", "/", "enter", "space", "c", "e", "o", "?", "q", "1", "5"} <= named


def health_of(app: ConsoleApp, name: str) -> str | None:
    """The last known status of a connection."""
    item = next(item for item in app.state.connections if item.info.name == name)
    return item.health.status if item.health is not None else None


@pytest.mark.slow
async def test_enter_opens_a_run_and_esc_leaves_it() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "enter")
        assert isinstance(top(app), RunScreen)
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


async def test_a_failed_table_opens_its_error_from_the_dashboard() -> None:
    app = console(operated(watched=(FAILED,)))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        grid(app, "sync").focus()
        await press(pilot, "down", "enter")
        shown = top(app)
        assert isinstance(shown, ErrorDialog)
        assert shown.error == LOST


@pytest.mark.slow
async def test_space_freezes_the_screen_but_not_the_work() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space")
        app.fold(runs.run_seen(app.state, RUNNING, NOW))
        await settle(pilot)
        frozen, known = app.shown_state.shown_run(), app.state.shown_run()
        assert frozen is not None
        assert known is not None
        assert (frozen.run.run_number, known.run.run_number) == (41, 42)
        await press(pilot, "space")
        assert app.shown_state is app.state


async def test_advice_that_does_not_fit_is_read_on_by_the_arrow_keys() -> None:
    from elconsole.ui.widgets.lines import Lines

    engine = operated(findings=(ADVICE,) * 30)
    app = console(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.action_advice()
        await settle(pilot)
        await press(pilot, "down", "down", "down", "pagedown")
        assert app.screen.query_one("#advice", Lines).scroll_offset.y > 3


@pytest.mark.slow
async def test_a_dialog_that_is_told_twice_to_close_closes_once() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "f")
        dialog = top(app)
        assert isinstance(dialog, RefreshDialog)
        dialog.choose("stay")
        dialog.choose("stay")
        dialog.action_close()
        await settle(pilot)
        assert len(app.screen_stack) == 1
        await press(pilot, "3", "enter")
        run = top(app)
        assert isinstance(run, RunScreen)
        run.action_back()
        run.action_back()
        await settle(pilot)
        assert len(app.screen_stack) == 1

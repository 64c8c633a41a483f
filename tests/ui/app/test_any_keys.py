"""Whatever is typed and clicked, in whatever order: the console stands."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from textual.errors import NoWidget
from textual.events import Click, Key

from elconsole.core.results import SyncRequest
from tests.effort import tries
from tests.fakes.engine import operated
from tests.ui.piloting import PATIENCE_S, console, settle

pytestmark = pytest.mark.ui

TYPED = (
    *("enter", "escape", "tab", "shift+tab", "up", "down", "home", "end", "pageup", "pagedown"),
    *("space", "slash", "question_mark", "ctrl+p", "backspace"),
    *"12345jkoOcxrsfnpulgGyw",
)
KEYS = 60
CHARACTERS = {"space": " ", "slash": "/", "question_mark": "?"}


def character(key: str) -> str | None:
    """What the key types; None where it types nothing."""
    return CHARACTERS.get(key, key if len(key) == 1 else None)


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(tries(1)))
async def test_no_order_of_keys_clicks_and_sizes_breaks_it(seed: int) -> None:
    dice = random.Random(seed)
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for number in range(KEYS):
            key = dice.choice(TYPED)
            app.post_message(Key(key, character(key)))
            if number % 25 == 0:
                await pilot.resize_terminal(dice.randint(20, 200), dice.randint(5, 60))
            if number % 10 == 0:
                x, y = dice.randrange(app.size.width), dice.randrange(app.size.height)
                with contextlib.suppress(NoWidget):  # the size is still changing
                    await pilot.click(offset=(x, y), times=dice.choice((1, 2)))
        if app.background.stop.is_set():  # a click was on Quit
            assert app.return_code == 0
            return
        await settle(pilot)
        async with asyncio.timeout(PATIENCE_S * 3):
            while len(app.screen_stack) > 1 or app.screen.query("#filter"):
                await pilot.press("escape")
        await pilot.resize_terminal(120, 40)
        await pilot.press("1")
        await settle(pilot)
        assert app.is_running
        assert app.current_mode == "dashboard"
        assert len(app.screen_stack) == 1


@pytest.mark.slow
async def test_the_palette_clicked_away_twice_takes_no_page_with_it() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        palette = app.screen
        beside = Click(palette, 0, 39, 0, 0, 1, False, False, False, 0, 39)
        for _ in range(2):
            palette.post_message(beside)
        await settle(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("s")
        await settle(pilot)
        assert engine.requests == [SyncRequest()]

"""What the palette offers, and that it does what the keys do."""

from __future__ import annotations

import pytest
from textual.command import CommandList

from elconsole.ui.app.palette import MOVES, Palette, commands
from elconsole.ui.widgets.grid import Grid
from tests.fakes.plant import SOURCES
from tests.ui.piloting import SIZE, console, press, settle, titles

pytestmark = pytest.mark.ui


async def test_the_palette_has_a_command_for_every_source_and_table() -> None:

    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = [title for title, _, _ in commands(app, app.screen)]
    for name in SOURCES:
        assert f"Sync {name}" in titles
        assert f"Sync {name}.{name}_production" in titles


async def test_a_read_only_palette_writes_nothing() -> None:

    app = console(read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = [title for title, _, _ in commands(app, app.screen)]
    assert not [title for title in titles if title.startswith(("Sync", "Full", "Freeze"))]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("2",), {"Filter", "Open", "Copy row", "Export", "Reverse the order"}),
        (("2", "down", "enter"), {"Filter", "Period", "Next signal"}),
        (("5",), {"Filter", "Level", "Source", "Follow", "Copy row"}),
    ],
)
@pytest.mark.slow
async def test_every_key_of_a_page_is_in_the_palette(
    keys: tuple[str, ...], expected: set[str]
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        offered = set(titles(app))
        assert expected <= offered
        for active in app.screen.active_bindings.values():
            action = active.binding.action
            if active.node is not app and "." not in action and action.split("(")[0] not in MOVES:
                assert active.binding.description in offered


async def test_the_palette_does_what_the_key_of_the_table_below_does() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        await press(pilot, "ctrl+p", *"reverse")
        await app.workers.wait_for_complete()
        await press(pilot, "enter")
        assert app.screen.query_one("#quality", Grid).sort is None
        await press(pilot, "o")
        await press(pilot, "ctrl+p", *"reverse")
        await app.workers.wait_for_complete()
        await press(pilot, "enter")
        sort = app.screen.query_one("#quality", Grid).sort
        assert sort is not None
        assert sort.descending


@pytest.mark.slow
async def test_the_filter_opens_from_the_palette_ready_to_type() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "ctrl+p", *"filter")
        await app.workers.wait_for_complete()
        await press(pilot, "enter", *"metal")
        assert app.screen.query_one("#quality", Grid).needle == "metal"


async def test_a_page_down_before_the_list_is_laid_out_ends_nothing() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await settle(pilot)
        palette = app.screen
        assert isinstance(palette, Palette)
        listed = palette.query_one(CommandList)
        listed.display = False
        await settle(pilot)
        listed.clear_options()
        listed.add_options(["one", "two"])
        listed.highlighted = 0
        palette._action_command_list("page_down")
        await settle(pilot)
        assert app.is_running

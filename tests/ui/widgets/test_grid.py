"""Rows: filtered, sorted, followed by the cursor, copied and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input

from tests.fakes.engine import operated
from tests.ui.piloting import SIZE, console, grid, press, settle

pytestmark = pytest.mark.ui


@pytest.mark.slow
async def test_slash_filters_and_esc_goes_back_step_by_step() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", *"music", "enter")
        shown = grid(app, "quality")
        assert [row.texts()[0] for row in shown.rows] == ["music_wire"]
        await press(pilot, "escape")
        assert len(shown.rows) > 1
        assert not app.screen.query("#filter")


async def test_letters_typed_right_after_slash_are_no_commands() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for key in ("slash", "s", "f"):
            app.post_message(Key(key, None if len(key) > 1 else key))
        await settle(pilot)
        assert engine.requests == []
        assert len(app.screen_stack) == 1
        assert app.screen.query_one("#filter", Input).value == "sf"


async def test_letters_typed_into_the_filter_are_no_commands() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", "s", "q", "1")
        assert engine.requests == []
        assert app.current_mode == "quality"
        assert grid(app, "quality").needle == "sq1"


async def test_a_click_on_a_header_sorts_and_a_second_turns_the_order() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        table = grid(app, "quality")
        await pilot.click("#quality", offset=(24, 1))
        await settle(pilot)
        units = [row.values[1] for row in table.rows]
        assert units == sorted(units)
        await pilot.click("#quality", offset=(24, 1))
        await settle(pilot)
        assert [row.values[1] for row in table.rows] == sorted(units, reverse=True)


@pytest.mark.slow
async def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "down", "down", "down")
        table = grid(app, "quality")
        row = table.row_under_cursor()
        assert row is not None
        await press(pilot, "o", "o", "O")
        after = table.row_under_cursor()
        assert after is not None
        assert after.key == row.key


async def test_c_copies_the_row() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "c")
        assert app.clipboard.startswith("41\t")


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.slow
async def test_e_exports_the_rows_as_shown(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", *"metal", "enter", "e", form[0])
    [file] = tmp_path.iterdir()
    text = file.read_text(encoding="utf-8")
    if form == "json":
        [record] = json.loads(text)
        assert record["value"] == "metal"
        assert record["units"] == 31
    else:
        assert text.splitlines()[0].startswith("value,units,failed,pass")
        assert text.splitlines()[1].startswith("metal,31,4,")


async def test_ten_thousand_rows_are_measured_by_a_few_and_drawn_by_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from elconsole.ui.pages.runs import RunsScreen
    from elconsole.ui.words.cells import Column, Row, Table, cell

    drawn: list[int] = []

    def draw(value: int, width: int) -> Any:
        drawn.append(value)
        return cell(str(value))

    rows = tuple(Row(str(n), (cell(str(n)), ()), (n, n)) for n in range(10_000))
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        # The page's own rows would come with the next second.
        monkeypatch.setattr(RunsScreen, "paint_page", lambda _page: None)
        table = grid(app, "runs")
        table.show(Table((Column("n"), Column("drawn", drawn=draw)), rows))
        await pilot.pause()
        assert len(set(drawn)) < 2 * SIZE[1]
        await pilot.press("end")
        await pilot.pause()
        await pilot.pause()
        assert table.cursor == 9_999

"""Rows with trouble are seen, or counted where they are out of sight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.results import RunDetail
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Row
from tests.fakes.engine import operated
from tests.fakes.runs import FAILED, SUCCEEDED
from tests.ui.piloting import console, press, settle

pytestmark = pytest.mark.ui


@pytest.mark.slow
async def test_a_failed_row_out_of_sight_is_counted_in_the_title() -> None:
    app = console(operated(watched=(wide_run(30, failed={20, 25}),)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        grid = app.screen.query_one("#sync", Grid)
        assert grid.rows[0].key == "total"
        assert any(row.trouble == "failed" for row in visible(grid))
        await press(pilot, "enter", "tab", "end")
        assert "2 failed ▲" in str(grid.border_title)
        await press(pilot, "tab")
        assert "failed ▲" not in str(grid.border_title)
        assert any(row.trouble == "failed" for row in visible(grid))


async def test_a_row_below_a_short_panel_is_counted_too() -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        grid = app.screen.query_one("#others", Grid)
        hidden = [row for row in grid.rows if row.trouble and row not in visible(grid)]
        counted = f"{len(hidden)} out of control ▼"
        assert (counted in str(grid.border_title)) == bool(hidden)


def visible(grid: Grid) -> tuple[Row, ...]:
    """The rows in sight."""
    top = grid.scroll_offset.y
    return grid.rows[top : top + grid.size.height - grid.has_header]


def wide_run(tables: int, failed: set[int]) -> RunDetail:
    """A run of many tables, some of which failed."""
    one = SUCCEEDED.tables[0]
    broken = next(table for table in FAILED.tables if table.error is not None)
    return RunDetail(
        FAILED.run,
        tuple(
            replace(broken if number in failed else one, table=f"table_{number:02d}")
            for number in range(tables)
        ),
    )

"""What dialogs say, and how they are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Static

from elconsole.core.results import PlanReport, SyncRequest
from elconsole.ui.dialogs.dialog import QuitDialog, RefreshDialog
from elconsole.ui.widgets.grid import Grid
from tests.fakes.plans import PLAN
from tests.fakes.plant import RAW_TABLES
from tests.fakes.runs import SUCCEEDED
from tests.ui.piloting import SIZE, console, press, settle

pytestmark = pytest.mark.ui


def words_of(screen: Screen[Any]) -> str:
    """What a dialog says."""
    return "\n".join(str(item.content) for item in screen.query(".words Static").results(Static))


async def test_a_full_refresh_is_not_asked_about_while_a_sync_runs() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.syncing.wished = SyncRequest()
        await pilot.press("f")
        await pilot.pause()
        assert not isinstance(app.screen, RefreshDialog)


async def asked(state: dict[str, Any], target: tuple[str, ...] = ()) -> str:
    """What the question says in such a state."""
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await app.push_screen(RefreshDialog(target, replace(app.state, **state)))
        await settle(pilot)
        return words_of(app.screen)


@pytest.mark.slow
async def test_a_full_refresh_counts_tables_that_were_never_synced() -> None:
    words = await asked({"plan": PLAN, "raw_tables": RAW_TABLES[:2]})
    assert "tables      3\n" in words
    assert "~2,011,000\n" in words
    unknown = tuple(replace(table, rows_estimated=None) for table in PLAN.tables)
    words = await asked({"plan": PlanReport(unknown), "raw_tables": RAW_TABLES[:2]})
    assert "~2,000,000, and all of 1 table never synced" in words


async def test_a_full_refresh_counts_no_table_that_is_not_configured_any_more() -> None:
    words = await asked({"plan": PlanReport(PLAN.tables[:1])})
    assert "tables      1\n" in words
    assert "~1,000,000\n" in words


async def test_without_a_plan_a_full_refresh_counts_what_was_synced_and_says_so() -> None:
    assert "3 synced so far" in await asked({})


@pytest.mark.slow
async def test_the_time_of_a_full_refresh_is_told_by_one_of_as_many_tables() -> None:
    assert "7.4 s for 3,000,000 rows" in await asked({"plan": PLAN})
    one = replace(SUCCEEDED.run, tables_total=1, duration_seconds=0.2, rows_written=9)
    assert "not known" in await asked({"plan": PLAN, "history": (one,)})
    alone = await asked({"plan": PLAN, "history": (one,)}, ("springs",))
    assert "200 ms for 9 rows" in alone


@pytest.mark.parametrize("key", ["e", "o", "O"])
async def test_the_answers_of_a_dialog_are_no_table(key: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        dialog = QuitDialog()
        app.push_screen(dialog)
        await settle(pilot)
        await press(pilot, key)
        assert app.screen is dialog
        assert dialog.query_one("#choices", Grid).sort is None


async def test_one_click_on_an_answer_answers() -> None:
    app, answers = console(), list[str | None]()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.push_screen(QuitDialog(), answers.append)
        await settle(pilot)
        await pilot.click("#choices", offset=(4, 2))
        await settle(pilot)
        assert answers == ["stay"]


@pytest.mark.slow
async def test_a_double_click_on_an_answer_opens_nothing_below() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "end")
        app.push_screen(QuitDialog())
        await settle(pilot)
        await pilot.click("#choices", offset=(4, 2), times=2)
        await settle(pilot)
        assert len(app.screen_stack) == 1

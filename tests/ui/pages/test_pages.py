"""What the pages say and do, on a fake engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Input

from elconsole.core.errors import WarehouseUnavailable
from elconsole.core.results import PlanReport, RunDetail, SyncRequest
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.app.palette import commands
from elconsole.ui.pages.log import LogScreen
from elconsole.ui.pages.run import RunScreen
from elconsole.ui.state import runs
from elconsole.ui.state.model import started
from elconsole.ui.tables import schema, sync
from elconsole.ui.tables.quality import judgement
from elconsole.ui.widgets.grid import Grid
from tests.fakes.engine import operated
from tests.fakes.plans import PLAN_WITHOUT_DRIFT, UNFED
from tests.fakes.plant import CONNECTIONS, DENIED, NOW, before
from tests.fakes.quality import judged_row
from tests.fakes.runs import FAILED, RUNNING, SUCCEEDED
from tests.ui.piloting import SIZE, bar_words, console, head_words, press, settle

pytestmark = pytest.mark.ui


def note(app: ConsoleApp, name: str) -> str:
    """What stands in a grid's lower border."""
    return str(app.screen.query_one(f"#{name}", Grid).border_subtitle)


# Pausing


async def test_a_frozen_screen_says_that_auto_sync_rests() -> None:
    app = console(auto_sync_s=300.0)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "next sync 12:09:31" in head_words(app)
        await press(pilot, "space")
        assert "next sync paused" in head_words(app)
        [words] = [words for title, words, _ in commands(app, app.screen) if "Pause" in title]
        assert "auto-sync rests" in words


async def test_space_on_the_log_page_unfreezes_a_frozen_screen() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space", "5")
        assert app.paused
        assert note(app, "log") != "following"
        await press(pilot, "space")
        assert app.frozen_at is None
        assert note(app, "log") == "following"
        assert isinstance(app.screen, LogScreen)
        await press(pilot, "space")
        assert app.frozen_at is None
        assert note(app, "log").startswith("standing still")


async def test_moving_in_a_frozen_log_leaves_it_frozen() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space", "5", "up")
        assert app.paused


# Old answers


@pytest.mark.slow
async def test_a_comparison_that_fails_later_marks_the_shown_one_as_old() -> None:
    now = [NOW]
    engine = operated(planned=PLAN_WITHOUT_DRIFT)
    app = console(engine, clock=lambda: now[0])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4")
        assert "compared 12:04:31" in note(app, "schema")
        engine.raises = WarehouseUnavailable("connection refused")
        now[0] += timedelta(minutes=5)
        await press(pilot, "r")
        assert "not read since 12:04:31: connection refused" in note(app, "schema")
        assert app.screen.query_one("#schema", Grid).has_class("-alert")
        engine.raises = None
        await press(pilot, "r")
        assert "compared 12:09:31" in note(app, "schema")


async def test_a_comparison_under_way_says_so() -> None:
    engine, release = operated(), threading.Event()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4")
        plan = engine.plan

        def slow(request: SyncRequest) -> PlanReport:
            release.wait(60)
            return plan(request)

        engine.plan = slow  # type: ignore[method-assign]
        await pilot.press("r")
        await pilot.pause()
        assert note(app, "schema") == "comparing…"
        release.set()
        await settle(pilot)
        assert "compared" in note(app, "schema")


@pytest.mark.parametrize(
    ("key", "name"), [("1", "first"), ("2", "quality"), ("3", "runs"), ("1", "raw")]
)
@pytest.mark.slow
async def test_every_table_says_when_what_it_shows_is_old(key: str, name: str) -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, key)
        assert "not read" not in note(app, name)
        engine.raises = WarehouseUnavailable("connection refused")
        await press(pilot, "r")
        assert "not read" in note(app, name)
        assert "connection refused" in note(app, name)


# The sync panel


async def test_progress_at_120_columns_has_a_percentage_and_marks_what_is_estimated() -> None:
    app = console(operated(watched=(RUNNING,)))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        grid = app.screen.query_one("#sync", Grid)
        seen = [grid.render_line(line).text for line in range(grid.size.height)]
        bodies = next(line for line in seen if "bodies" in line)
        assert "61 %" in bodies
        assert "~1 s left" in bodies


def test_rows_of_tables_that_do_not_change_are_kept() -> None:
    state = runs.run_seen(started(CONNECTIONS), RUNNING, NOW)
    kept = sync.KeptRows()
    first = sync.table(state, NOW, kept=kept)
    again = tuple(replace(table) for table in RUNNING.tables)
    state = runs.run_seen(state, RunDetail(RUNNING.run, again), NOW)
    second = sync.table(state, NOW, kept=kept)
    ended = [row for row in first.rows if row.key.startswith("refills")]
    assert any(ended[0] is row for row in second.rows)
    assert first == second


def test_a_table_that_ends_is_drawn_anew() -> None:
    state = runs.run_seen(started(CONNECTIONS), RUNNING, NOW)
    kept = sync.KeptRows()
    sync.table(state, NOW, kept=kept)
    state = runs.run_seen(state, replace(SUCCEEDED, run=RUNNING.run), NOW)
    assert sync.table(state, NOW, kept=kept) == sync.table(state, NOW)


def test_another_run_takes_the_place_of_one_that_has_ended() -> None:
    kept = sync.KeptRows()
    empty = started(CONNECTIONS)
    ended, running, failed = (
        runs.run_seen(empty, run, NOW) for run in (SUCCEEDED, RUNNING, FAILED)
    )
    for state in (ended, ended, running, failed, ended, running):
        assert sync.table(state, NOW, kept=kept) == sync.table(state, NOW)


def test_a_cancelled_run_has_no_error() -> None:
    run = replace(
        FAILED,
        run=replace(FAILED.run, status="cancelled"),
        tables=tuple(replace(table, status="cancelled") for table in FAILED.tables),
    )
    state = runs.run_seen(started(CONNECTIONS), run, NOW)
    assert any(item.error for item in run.tables)
    assert "error" not in {row.key for row in sync.table(state, NOW).rows}


# The Schema page


async def test_the_schema_page_compares_again_after_a_sync() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4")
        assert "1 of 3 differ · 1 can't be synced" in str(
            app.screen.query_one("#schema", Grid).border_title
        )
        engine.planned = PLAN_WITHOUT_DRIFT
        await press(pilot, "s")
        assert "no drift" in str(app.screen.query_one("#schema", Grid).border_title)


def test_a_table_without_a_raw_table_is_new_not_the_same() -> None:
    tables = tuple(replace(table, new=True) for table in PLAN_WITHOUT_DRIFT.tables)
    shown = schema.page(replace(started(CONNECTIONS), plan=PlanReport(tables)))
    assert {row.texts()[2] for row in shown.rows} == {"+ new"}
    assert shown.title == "Schema · 3 new"


def test_an_unfed_table_is_told_below_those_that_are_fed() -> None:
    plan = replace(PLAN_WITHOUT_DRIFT, unfed=UNFED)
    shown = schema.page(replace(started(CONNECTIONS), plan=plan, plan_at=before(0)))
    assert shown.title == "Schema · 2 not fed"
    name, _, word, _, _, words = shown.rows[-1].texts()
    assert (name, word) == ("caps.caps_production", "○ not fed")
    assert "the source caps is no longer configured · last synced 3 d ago" in words


def test_a_missing_table_that_settings_name_is_told_once() -> None:
    (table, *_) = PLAN_WITHOUT_DRIFT.tables
    missing = replace(table, error=DENIED)
    gone = replace(UNFED[0], target=table.target)
    plan = PlanReport((missing,), (gone,))
    shown = schema.page(replace(started(CONNECTIONS), plan=plan, plan_at=before(0)))
    assert len(shown.rows) == 1
    assert shown.title == "Schema · 1 can't be synced"


async def test_columns_say_of_which_table_they_are_once_sorted() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4", "o")
        grid = app.screen.query_one("#schema", Grid)
        lines = [grid.render_line(y).text for y in range(grid.size.height)]
        coating = next(line for line in lines if "coating" in line)
        assert "bodies.bodies_production" in coating


# Pass rates


def test_a_rate_of_many_units_and_no_failure_is_not_called_too_few_units() -> None:
    few = judged_row("bodies", "bamboo", 29, 29)
    assert judgement(few) == "too few units"
    assert judgement(replace(few, inspected=87_000)) == "few failures"


# Keys and clicks


@pytest.mark.slow
async def test_slash_goes_back_into_an_open_filter() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", "m", "tab")
        assert "keep the filter" not in bar_words(app)
        await press(pilot, "slash")
        assert isinstance(app.focused, Input)
        assert "keep the filter" in bar_words(app)


async def test_a_double_click_on_a_row_opens_it() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        await pilot.click("#runs", offset=(4, 5), times=2)
        await settle(pilot)
        assert len(app.screen_stack) == 2


async def test_failed_units_have_the_whole_width_of_a_slim_terminal() -> None:
    app = console()
    async with app.run_test(size=(56, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "down", "enter")
        assert not app.screen.query_one("#defects").display
        assert app.screen.query_one("#units").size.width > 45


@pytest.mark.slow
async def test_a_page_that_is_closed_before_it_is_painted_is_not_painted() -> None:
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "enter")
        await settle(pilot)
        page = app.screen
        assert isinstance(page, RunScreen)
        await pilot.press("escape")
        await settle(pilot)
        page.paint()
        page.paint_clock()
        assert app.current_mode == "runs"

"""What pages, palette and dialogs say and do, on a fake engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input, Static

from elconsole.core.errors import WarehouseUnavailable
from elconsole.core.results import AdviceReport, PlanReport, RunDetail, SyncRequest
from elconsole.core.types import ErrorInfo
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.app.palette import MOVES, commands
from elconsole.ui.dialogs.dialog import QuitDialog, RefreshDialog
from elconsole.ui.pages.log import LogScreen
from elconsole.ui.state import runs
from elconsole.ui.state.model import started
from elconsole.ui.tables import schema, sync
from elconsole.ui.tables.quality import judgement
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plans import ADVICE, PLAN, PLAN_WITHOUT_DRIFT
from tests.fakes.plant import CONNECTIONS, NOW, RAW_TABLES
from tests.fakes.quality import judged_row
from tests.fakes.runs import FAILED, RUNNING, SUCCEEDED
from tests.ui.piloting import bar_words, console, head_words, press, settle

pytestmark = pytest.mark.ui
SIZE = (120, 40)


def titles(app: ConsoleApp) -> list[str]:
    """What the palette would offer here."""
    return [title for title, _, _ in commands(app, app.screen)]


def note(app: ConsoleApp, name: str) -> str:
    """What stands in a grid's lower border."""
    return str(app.screen.query_one(f"#{name}", Grid).border_subtitle)


def words_of(screen: Screen[Any]) -> str:
    """What a dialog says."""
    return "\n".join(str(item.content) for item in screen.query(".words Static").results(Static))


# The palette


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("2",), {"Filter", "Open", "Copy row", "Export", "Reverse the order"}),
        (("2", "down", "enter"), {"Filter", "Period", "Next signal"}),
        (("5",), {"Filter", "Level", "Source", "Follow", "Copy row"}),
    ],
)
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


async def test_the_filter_opens_from_the_palette_ready_to_type() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "ctrl+p", *"filter")
        await app.workers.wait_for_complete()
        await press(pilot, "enter", *"metal")
        assert app.screen.query_one("#quality", Grid).needle == "metal"


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


# The full refresh's question


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


async def test_the_time_of_a_full_refresh_is_told_by_one_of_as_many_tables() -> None:
    assert "7.4 s for 3,000,000 rows" in await asked({"plan": PLAN})
    one = replace(SUCCEEDED.run, tables_total=1, duration_seconds=0.2, rows_written=9)
    assert "not known" in await asked({"plan": PLAN, "history": (one,)})
    alone = await asked({"plan": PLAN, "history": (one,)}, ("springs",))
    assert "200 ms for 9 rows" in alone


# Keys and clicks


async def test_slash_goes_back_into_an_open_filter() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2", "slash", "m", "tab")
        assert "keep the filter" not in bar_words(app)
        await press(pilot, "slash")
        assert isinstance(app.focused, Input)
        assert "keep the filter" in bar_words(app)


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


async def test_a_double_click_on_a_row_opens_it() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        await pilot.click("#runs", offset=(4, 5), times=2)
        await settle(pilot)
        assert len(app.screen_stack) == 2


# Advice


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
        while not app.background.asking("engine"):
            await pilot.pause(0.005)
        app.action_advice()
        await pilot.pause()
        held.set()
        while app.questions.engine is None:
            await pilot.pause(0.005)
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


async def test_failed_units_have_the_whole_width_of_a_slim_terminal() -> None:
    app = console()
    async with app.run_test(size=(56, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "down", "enter")
        assert not app.screen.query_one("#defects").display
        assert app.screen.query_one("#units").size.width > 45

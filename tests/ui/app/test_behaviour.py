"""What the keys do, on a fake engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input, Static

from elconsole.core.errors import ConfigurationError
from elconsole.core.results import SyncRequest
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console.messages import ProbeStarted
from elconsole.ui.console.options import DEMO_CHOSEN, Welcome
from elconsole.ui.dialogs.dialog import ErrorDialog, QuitDialog, RefreshDialog
from elconsole.ui.dialogs.help import bound_keys
from elconsole.ui.dialogs.welcome import WelcomeScreen
from elconsole.ui.pages.run import RunScreen
from elconsole.ui.state import runs
from elconsole.ui.widgets.grid import Grid
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plans import ADVICE
from tests.fakes.plant import CONNECTIONS, LOST, NOW, SOURCES, down, healthy
from tests.fakes.runs import FAILED, RUNNING
from tests.ui.app.long_sync import LongSync, started
from tests.ui.piloting import PATIENCE_S, console, press, settle

pytestmark = pytest.mark.ui
SIZE = (120, 40)


def top(app: ConsoleApp) -> Screen[Any]:
    """The screen in front."""
    return app.screen_stack[-1]


def grid(app: ConsoleApp, name: str) -> Grid:
    """A grid of the screen in front."""
    return app.screen.query_one(f"#{name}", Grid)


@pytest.mark.parametrize(
    ("key", "mode"),
    [("1", "dashboard"), ("2", "quality"), ("3", "runs"), ("4", "schema"), ("5", "log")],
)
async def test_number_keys_open_the_pages(key: str, mode: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", key)
        assert app.current_mode == mode


async def test_a_click_on_a_page_name_opens_it() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.click("TopBar", offset=(41, 0))
        await settle(pilot)
        assert app.current_mode == "quality"


async def test_s_syncs_everything_while_no_row_is_selected() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "s")
        assert engine.requests == [SyncRequest()]
        shown = app.state.shown_run()
        assert shown is not None
        assert shown.run.status == "succeeded"


async def test_s_syncs_the_source_under_the_cursor() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "down", "down", "s")
        assert engine.requests == [SyncRequest(selection=("bodies",))]


async def test_s_syncs_the_table_under_the_cursor() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        grid(app, "sync").focus()
        await press(pilot, "down", "s")
        assert engine.requests == [SyncRequest(selection=("bodies.bodies_production",))]


async def test_a_second_sync_is_not_started_while_one_runs() -> None:
    sync = LongSync()
    engine = operated(on_sync=sync)
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("s")
        await pilot.pause()
        assert len(engine.requests) == 1
        sync.let_go.set()
        await settle(pilot)


async def test_x_cancels_by_flag_and_interrupt() -> None:
    sync = LongSync()
    engine = operated(on_sync=sync)
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await press(pilot, "x")
        shown = app.state.shown_run()
        assert shown is not None
        assert shown.run.status == "cancelled"
        assert engine.interrupts == 1


async def test_a_full_refresh_asks_first_and_esc_reads_nothing() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "f")
        assert isinstance(top(app), RefreshDialog)
        await press(pilot, "escape")
        assert engine.requests == []
        await press(pilot, "f", "y")
        assert engine.requests == [SyncRequest(full=True)]


async def test_a_read_only_console_offers_and_obeys_no_key_that_writes() -> None:
    engine = operated()
    app = console(engine, read_only=True, sync_request=SyncRequest(), auto_sync_s=1.0)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        words = {words for _, _, words in bound_keys(app.screen)}
        assert not words & {"Sync", "Full refresh", "Cancel"}
        await press(pilot, "s", "f", "x")
        assert engine.requests == []
        assert app.next_sync_at is None


async def test_help_names_every_key_that_acts_here() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        named = {key for _, keys, _ in bound_keys(app.screen) for key in keys.split()}
        assert {"s", "f", "/", "enter", "space", "c", "e", "o", "?", "q", "1", "5"} <= named


async def test_quit_is_immediate_while_nothing_runs() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_quit_during_a_sync_asks_and_stay_stays() -> None:
    sync = LongSync()
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(top(app), QuitDialog)
        await pilot.press("s")
        await pilot.pause()
        assert not app._exit
        assert app.state.running_here() is not None
        sync.let_go.set()
        await settle(pilot)


async def test_keep_watching_quits_when_the_sync_has_ended() -> None:
    sync = LongSync()
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", "w")
        await pilot.pause()
        assert not app._exit
        sync.let_go.set()
        while not app._exit:
            await pilot.pause(0.005)


async def test_a_sync_that_ends_while_quitting_asks_answers_the_question() -> None:
    sync = LongSync()
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q")
        assert isinstance(top(app), QuitDialog)
        sync.let_go.set()
        async with asyncio.timeout(PATIENCE_S):
            while not app._exit:
                await pilot.pause(0.01)


async def test_quit_during_a_run_waits_for_no_server_that_hears_nothing() -> None:
    sync = LongSync(deaf=True)
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", "c")
        async with asyncio.timeout(PATIENCE_S):
            while not app._exit:
                await pilot.pause(0.01)
    assert not sync.let_go.is_set()
    sync.let_go.set()


async def test_a_hung_probe_delays_no_other_connection() -> None:
    engine = operated(hung={"bodies"})
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        answered = {item.info.name for item in app.state.connections if item.health is not None}
        assert answered == {"refills", "springs", "warehouse"}
    engine.release.set()


async def test_a_connection_that_comes_back_turns_healthy_by_itself() -> None:
    engine = operated()
    engine.health["springs"] = down("springs")
    app = console(engine, probe_every_s=0.01)
    async with app.run_test(size=SIZE) as pilot:
        while health_of(app, "springs") != "down":
            await pilot.pause(0.005)
        engine.health["springs"] = healthy("springs")
        while health_of(app, "springs") != "healthy":
            await pilot.pause(0.005)


def health_of(app: ConsoleApp, name: str) -> str | None:
    """The last known status of a connection."""
    item = next(item for item in app.state.connections if item.info.name == name)
    return item.health.status if item.health is not None else None


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


async def test_no_connection_seems_silent_only_because_the_screen_is_frozen() -> None:
    now = [NOW]
    app = console(clock=lambda: now[0])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.listening.hear(ProbeStarted("bodies", now[0]))
        app.repaint()
        await press(pilot, "space")
        now[0] += timedelta(minutes=5)
        app.repaint()
        words = ["".join(row.texts()) for row in grid(app, "connections").rows]
        assert not any("no answer" in word for word in words)
        await press(pilot, "space")
        words = ["".join(row.texts()) for row in grid(app, "connections").rows]
        assert any("no answer" in word for word in words)


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


async def test_c_copies_the_row() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3", "c")
        assert app.clipboard.startswith("41\t")


@pytest.mark.parametrize("form", ["csv", "json"])
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


async def test_a_sync_started_on_a_frozen_screen_lets_it_go_on() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space", "s")
        assert not app.paused
        assert app.shown_state is app.state


async def test_the_chosen_theme_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "console.json"
    app = console(preferences_path=path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.theme = "nord"
        await settle(pilot)
    assert console(preferences_path=path).theme == "nord"


async def test_a_broken_preferences_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text("[1, 2", encoding="utf-8")
    assert console(preferences_path=path).theme == "elconsole-dark"


async def test_an_engine_that_can_not_start_says_why_and_ends_with_its_code() -> None:
    def refuse() -> FakeEngine:
        raise ConfigurationError("unknown key: warehous", hint="Did you mean warehouse?")

    app = console(engine_factory=refuse)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(top(app), ErrorDialog)
        await pilot.press("escape")
        await pilot.pause()
    assert app.return_code == 2


def welcome(write: Callable[[], Path]) -> ConsoleApp:
    """A first start where nothing answers."""
    engine = operated()
    engine.health = {info.name: down(info.name) for info in CONNECTIONS}
    offered = Welcome(
        searched=(Path("elconsole.toml"),), write_configuration=write, open_demo=lambda: 0
    )
    return console(engine, welcome=offered)


async def test_welcome_opens_the_demo_plant() -> None:
    app = welcome(lambda: Path("x"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(top(app), WelcomeScreen)
        await pilot.press("d")
        await pilot.pause()
    assert app.return_value == DEMO_CHOSEN


async def test_welcome_says_why_no_file_was_written() -> None:
    def refuse() -> Path:
        raise ConfigurationError("elconsole.toml exists already")

    app = welcome(refuse)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w")
        assert isinstance(top(app), ErrorDialog)


async def test_welcome_stays_away_while_one_connection_answers() -> None:
    app = welcome(lambda: Path("x"))
    assert app.options.welcome is not None
    engine = app.options.engine_factory()
    assert isinstance(engine, FakeEngine)
    engine.health["refills"] = healthy("refills")
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert not isinstance(top(app), WelcomeScreen)


async def test_the_palette_has_a_command_for_every_source_and_table() -> None:
    from elconsole.ui.app.palette import commands

    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = [title for title, _, _ in commands(app, app.screen)]
    for name in SOURCES:
        assert f"Sync {name}" in titles
        assert f"Sync {name}.{name}_production" in titles


async def test_a_read_only_palette_writes_nothing() -> None:
    from elconsole.ui.app.palette import commands

    app = console(read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = [title for title, _, _ in commands(app, app.screen)]
    assert not [title for title in titles if title.startswith(("Sync", "Full", "Freeze"))]


async def test_ten_thousand_rows_are_measured_by_a_few_and_drawn_by_the_line() -> None:
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
        table = grid(app, "runs")
        table.show(Table((Column("n"), Column("drawn", drawn=draw)), rows))
        await pilot.pause()
        assert len(set(drawn)) < 2 * SIZE[1]
        await pilot.press("end")
        await pilot.pause()
        await pilot.pause()
        assert table.cursor == 9_999


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


async def test_an_opened_connection_shows_what_the_next_probe_tells() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.action_show_connection("bodies")
        app.repaint()  # before the dialog is composed
        await settle(pilot)
        engine.health["bodies"] = down("bodies")
        await press(pilot, "r")
        while app.state.connections[1].health != engine.health["bodies"]:
            await pilot.pause(0.01)
        app.repaint()
        await pilot.pause()
        words = str(top(app).query_one(".words Static", Static).content)
        assert "down" in words
        assert "What to do" in words


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

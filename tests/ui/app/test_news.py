"""What the console shows while connections come and go, and runs begin and end elsewhere."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from elconsole.core.errors import DemoUnavailable, WarehouseUnavailable
from elconsole.core.results import QualityReport, QualityRequest, RunDetail
from elconsole.core.types import ErrorInfo
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console import messages
from elconsole.ui.console.messages import ProbeStarted
from elconsole.ui.console.options import Welcome
from elconsole.ui.dialogs.welcome import WelcomeScreen
from elconsole.ui.pages.chart import ChartScreen
from elconsole.ui.pages.run import RunScreen
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines
from elconsole.ui.widgets.plot import READING, Plot
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plant import CONNECTIONS, NOW, SOURCES, down, healthy
from tests.fakes.runs import RUNNING, SUCCEEDED, history, run_of, table_run
from tests.ui.piloting import PATIENCE_S, SIZE, console, grid, press, settle, top, until
from tests.ui.test_snapshots import ON_METAL

pytestmark = pytest.mark.ui
AWAY = ErrorInfo("warehouse_unavailable", "connection refused")
FORTY_TWO_ENDED = RunDetail(
    replace(RUNNING.run, status="succeeded", finished_at=NOW, rows_written=3_000_000),
    tuple(table_run(name, rows=1_000_000) for name in SOURCES),
)
FORTY_THREE = run_of((table_run("refills", "running", rows=10),), "running", number=43, age_s=1.0)


def told(app: ConsoleApp) -> list[str]:
    """The titles of the toasts."""
    return [note.title for note in app._notifications]


def words(lines: Grid) -> str:
    """What a grid says."""
    return "\n".join("".join(row.texts()) for row in lines.rows)


async def asked_again(pilot: Pilot[Any], name: str) -> None:
    """Let a connection be probed now, and wait until everything that follows is answered."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    engine = app.questions.engine
    assert isinstance(engine, FakeEngine)
    app.background.hurry(f"probe-{name}")
    await until(pilot, lambda: health_of(app, name) == engine.health[name].status)
    await settle(pilot)


def health_of(app: ConsoleApp, name: str) -> str | None:
    """The last known status of a connection."""
    item = next(item for item in app.state.connections if item.info.name == name)
    return item.health.status if item.health is not None else None


@pytest.mark.slow
async def test_an_opened_run_shows_how_it_ended() -> None:
    engine = operated(watched=(RUNNING,))
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await app.push_screen(RunScreen(RUNNING.run.run_id))
        await settle(pilot)
        facts = app.screen.query_one("#facts", Lines)
        assert "running" in words(facts)
        engine.history = history(FORTY_TWO_ENDED)
        told_live = replace(FORTY_TWO_ENDED, tables=RUNNING.tables)
        app.listening.hear(messages.RunSeen(told_live, NOW))
        app.repaint()
        assert "succeeded" in words(facts)
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, RunScreen)
        assert screen.detail == FORTY_TWO_ENDED
        assert "3,000,000" in words(facts)


async def test_a_run_that_ended_while_the_warehouse_was_away_is_not_running_for_good() -> None:
    engine = operated(watched=(RUNNING,), history=history(RUNNING))
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.listening.hear(messages.WatchBroken(AWAY))
        engine.history = history(FORTY_THREE, FORTY_TWO_ENDED)
        app.listening.hear(messages.RunSeen(FORTY_THREE, NOW))
        await settle(pilot)
        assert [run.run.run_number for run in app.state.runs if run.running] == [43]
        await press(pilot, "3")
        assert [row.texts()[2] for row in app.screen.query_one("#runs", Grid).rows[:2]] == [
            "▶ running",
            "✓ succeeded",
        ]


async def test_a_run_too_short_to_be_seen_running_is_read_like_any_other() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        engine.history = history(FORTY_TWO_ENDED)
        app.listening.hear(messages.RunSeen(FORTY_TWO_ENDED, NOW))
        await settle(pilot)
        assert app.state.history == engine.runs(100)


@pytest.mark.parametrize("runs", [(), (SUCCEEDED,)])
async def test_a_console_started_without_its_warehouse_turns_green_by_itself(
    runs: tuple[RunDetail, ...],
) -> None:
    engine = operated(
        watched=runs,
        history=runs,
        raises=WarehouseUnavailable("connection refused", hint="Start it."),
    )
    engine.health["warehouse"] = down("warehouse")
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        grid = app.screen.query_one("#sync", Grid)
        assert "can't be read" in grid.table.empty
        engine.raises = None
        engine.health["warehouse"] = healthy("warehouse")
        await asked_again(pilot, "warehouse")
        assert app.state.problems == ()
        assert app.state.quality == QualityReport(engine.quality_tables)
        assert app.state.raw_tables == engine.raw
        assert [run.run.run_id for run in app.state.runs] == [run.run.run_id for run in runs]
        assert "can't be read" not in grid.table.empty


WELCOME = Welcome(searched=(), write_configuration=lambda: None, open_demo=lambda: 0)  # type: ignore[arg-type,return-value]


@pytest.mark.slow
async def test_a_connection_of_the_default_plant_that_goes_down_is_told() -> None:
    engine = operated()
    app = console(engine, welcome=WELCOME)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        engine.health["springs"] = down("springs")
        await asked_again(pilot, "springs")
        assert told(app) == ["springs is down"]


async def test_nobody_is_welcomed_whose_databases_have_answered_before() -> None:
    engine = operated()
    app = console(engine, welcome=WELCOME)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for info in CONNECTIONS:
            engine.health[info.name] = down(info.name)
            await asked_again(pilot, info.name)
        assert not isinstance(app.screen, WelcomeScreen)
        assert len(told(app)) == len(CONNECTIONS)


async def test_enter_on_a_frozen_screen_opens_the_run_it_shows() -> None:
    app = console(operated(watched=(RUNNING,)))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space")
        app.listening.hear(messages.RunSeen(FORTY_THREE, NOW))
        await settle(pilot)
        app.screen.query_one("#sync", Grid).focus()
        await press(pilot, "enter")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        assert screen.run_id == RUNNING.run.run_id


class SlowChart(FakeEngine):
    """Answers the periods of shifts only when a test lets it."""

    shifts: threading.Event

    def quality(self, request: QualityRequest) -> QualityReport:
        if request.period == "shift":
            self.shifts.wait(PATIENCE_S)
        return super().quality(request)


@pytest.mark.slow
async def test_a_chart_of_other_periods_shows_no_old_ones() -> None:
    engine = SlowChart()
    engine.shifts = threading.Event()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, *ON_METAL, "enter")
        assert isinstance(app.screen, ChartScreen)
        plot = app.screen.query_one(Plot)
        assert plot.rows
        await pilot.press("p")
        assert (plot.rows, plot.words) == ((), READING)
        assert not app.screen.query_one("#period", Lines).rows
        engine.shifts.set()
        await settle(pilot)
        assert plot.rows


async def test_a_late_failure_of_other_periods_leaves_the_chart_alone() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, *ON_METAL, "enter")
        screen = app.screen
        assert isinstance(screen, ChartScreen)
        screen.refused("chart-hour", AWAY)
        assert screen.query_one(Plot).rows
        assert screen.query_one("#units", Grid).rows


async def test_a_demo_plant_that_can_not_produce_says_so() -> None:
    def refuse() -> None:
        raise DemoUnavailable("no more units appear: connection refused")

    app = console(start_demo_live=refuse, demo_live=True)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "Demo plant: failed" in told(app)


async def test_one_that_comes_back_has_the_others_asked_at_once() -> None:
    names = [info.name for info in CONNECTIONS]
    engine = operated(health={name: down(name) for name in names})
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert {health_of(app, name) for name in names} == {"down"}
        engine.health = {name: healthy(name) for name in names}
        await asked_again(pilot, "bodies")
        await settle(pilot)
        assert {health_of(app, name) for name in names} == {"healthy"}


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
        await until(pilot, lambda: health_of(app, "springs") == "down")
        engine.health["springs"] = healthy("springs")
        await until(pilot, lambda: health_of(app, "springs") == "healthy")


@pytest.mark.slow
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
        await until(pilot, lambda: app.state.connections[1].health == engine.health["bodies"])
        app.repaint()
        await pilot.pause()
        words = str(top(app).query_one(".words Static", Static).content)
        assert "down" in words
        assert "What to do" in words

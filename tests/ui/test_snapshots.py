"""Every page and state of the console as a picture."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from elconsole.core.errors import WarehouseUnavailable
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.app.palette import commands
from elconsole.ui.console.options import Welcome
from elconsole.ui.dialogs.dialog import QuitDialog
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plans import PLAN_WITHOUT_DRIFT, UNFED
from tests.fakes.plant import CONNECTIONS, LOST, before, down, slow
from tests.fakes.quality import QUALITY
from tests.fakes.runs import FAILED, RUNNING, history
from tests.ui.piloting import console, press, settle, until, with_latencies

pytestmark = pytest.mark.ui

SMALL, NORMAL, LARGE = (80, 24), (120, 40), (200, 60)
SIZES = pytest.mark.parametrize(
    "size",
    [
        pytest.param(SMALL, id="80x24"),
        pytest.param(NORMAL, id="120x40", marks=pytest.mark.slow),
        pytest.param(LARGE, id="200x60", marks=pytest.mark.slow),
    ],
)
Compare = Callable[..., bool]
ON_METAL = ("2", *["down"] * 10)
"""Keys to the row of the material that is out of control."""


def running() -> FakeEngine:
    """A run of cron on another machine goes on, and one source is slow."""
    return operated(watched=(RUNNING,), health={"springs": slow("springs")})


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Settle, give the connections a past, then press keys."""

    async def run_before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        assert isinstance(pilot.app, ConsoleApp)
        with_latencies(pilot.app)
        await settle(pilot)
        await press(pilot, *keys)

    return run_before


@SIZES
def test_dashboard_when_all_is_well(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after())


@SIZES
def test_dashboard_during_a_sync_of_another_machine(
    snap_compare: Compare, size: tuple[int, int]
) -> None:
    assert snap_compare(console(running()), terminal_size=size, run_before=after())


def test_dashboard_of_the_demo_plant(snap_compare: Compare) -> None:
    assert snap_compare(console(running(), demo=True), terminal_size=NORMAL, run_before=after())


@SIZES
@pytest.mark.slow
def test_dashboard_with_a_source_down_and_a_failed_run(
    snap_compare: Compare, size: tuple[int, int]
) -> None:
    app = console(
        operated(
            health={"springs": down("springs")},
            watched=(FAILED,),
            history=history(FAILED),
        ),
        environment="plant north",
        colour="red",
    )
    assert snap_compare(app, terminal_size=size, run_before=after())


def test_dashboard_with_a_connection_that_does_not_answer(snap_compare: Compare) -> None:
    hung = operated(hung={"bodies"})
    app = console(hung)

    async def run_before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        app.state = replace(
            app.state,
            connections=tuple(
                replace(item, asked_at=before(12)) if item.info.name == "bodies" else item
                for item in app.state.connections
            ),
        )
        await settle(pilot)

    assert snap_compare(app, terminal_size=NORMAL, run_before=run_before)


@SIZES
def test_dashboard_before_the_first_sync(snap_compare: Compare, size: tuple[int, int]) -> None:
    empty = operated(watched=(), history=(), raw=(), quality_tables=())
    assert snap_compare(console(empty), terminal_size=size, run_before=after())


def test_dashboard_when_the_warehouse_is_away(snap_compare: Compare) -> None:
    away = operated(
        raises=WarehouseUnavailable("connection refused", hint="Start it."),
        health={"warehouse": down("warehouse")},
    )
    assert snap_compare(console(away), terminal_size=NORMAL, run_before=after())


def test_dashboard_of_a_read_only_console_has_no_key_that_writes(snap_compare: Compare) -> None:
    app = console(read_only=True, auto_sync_s=300.0)
    assert snap_compare(app, terminal_size=NORMAL, run_before=after())


@pytest.mark.slow
def test_dashboard_with_auto_sync_paused_by_space(snap_compare: Compare) -> None:
    app = console(auto_sync_s=300.0)
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("space"))


def test_dashboard_in_the_light_theme(snap_compare: Compare) -> None:
    app = console(running())
    app.theme = "elconsole-light"
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("down"))


@pytest.mark.slow
def test_dashboard_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(running()), terminal_size=NORMAL, run_before=after("down"))


def test_dashboard_with_the_terminals_own_colours(snap_compare: Compare) -> None:
    app = console(running())
    app.theme = "ansi-dark"
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("down"))


@pytest.mark.parametrize("size", [(58, 20), (120, 14)], ids=["58x20", "120x14"])
@pytest.mark.slow
def test_one_line_where_there_is_no_room(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(running()), terminal_size=size, run_before=after())


NASTY = "[red]ink[/] \x1b[31mESC\x1b[0m 🖋️ ‮מפעל‬ \u200bzero\tTab\n" + "x" * 10_000


def test_text_of_servers_is_data(snap_compare: Compare) -> None:
    tables = tuple(
        replace(
            table,
            rows=tuple(replace(row, value=NASTY, top_defect=NASTY) for row in table.rows[:2]),
        )
        for table in QUALITY.tables
    )
    error = replace(LOST, message=NASTY, hint=NASTY)
    broken = replace(FAILED.tables[1], table=NASTY, error=error)
    nasty = operated(
        health={"springs": replace(down("springs"), error=error)},
        watched=(replace(FAILED, tables=(broken,)),),
        quality_tables=tables,
    )
    assert snap_compare(
        console(nasty, environment="[b]p[/b]"), terminal_size=NORMAL, run_before=after()
    )


@SIZES
def test_quality(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("2"))


def test_quality_sorted_by_the_rate(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=NORMAL, run_before=after("2", "o", "o", "o", "o"))


@pytest.mark.slow
def test_quality_filtered(snap_compare: Compare) -> None:
    assert snap_compare(
        console(), terminal_size=NORMAL, run_before=after("2", "slash", "m", "e", "t")
    )


def test_quality_filtered_without_a_match(snap_compare: Compare) -> None:
    assert snap_compare(
        console(), terminal_size=SMALL, run_before=after("2", "slash", "z", "q", "enter")
    )


@SIZES
@pytest.mark.slow
def test_control_chart(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after(*ON_METAL, "enter"))


def test_control_chart_with_the_cursor_on_another_period(snap_compare: Compare) -> None:
    keys = (*ON_METAL, "enter", "left", "left", "left")
    assert snap_compare(console(), terminal_size=NORMAL, run_before=after(*keys))


@SIZES
def test_runs(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("3"))


@SIZES
def test_failed_run_in_full(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("3", "down", "enter"))


@SIZES
def test_schema(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("4"))


@pytest.mark.slow
def test_schema_of_one_table(snap_compare: Compare) -> None:
    keys = ("4", "down", "enter")
    assert snap_compare(console(), terminal_size=NORMAL, run_before=after(*keys))


def test_schema_of_unfed_tables(snap_compare: Compare) -> None:
    app = console(operated(unfed=UNFED))
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("4"))


@pytest.mark.slow
def test_why_a_table_is_unfed(snap_compare: Compare) -> None:
    app = console(operated(planned=PLAN_WITHOUT_DRIFT, unfed=UNFED))
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("4", "end", "enter"))


def test_schema_without_drift(snap_compare: Compare) -> None:
    app = console(operated(planned=PLAN_WITHOUT_DRIFT))
    assert snap_compare(app, terminal_size=SMALL, run_before=after("4"))


@SIZES
def test_log(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(running()), terminal_size=size, run_before=after("5"))


@pytest.mark.slow
def test_log_of_warnings(snap_compare: Compare) -> None:
    app = console(running())
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("5", "l", "space"))


@pytest.mark.parametrize("size", [SMALL, NORMAL], ids=["80x24", "120x40"])
@pytest.mark.slow
def test_help(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("2", "question_mark"))


@pytest.mark.parametrize("size", [SMALL, NORMAL], ids=["80x24", "120x40"])
def test_full_refresh_asks(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("f"))


@pytest.mark.slow
def test_error_in_full(snap_compare: Compare) -> None:
    keys = ("3", "down", "enter", "down", "enter")
    assert snap_compare(console(), terminal_size=NORMAL, run_before=after(*keys))


@pytest.mark.slow
def test_connection_in_full(snap_compare: Compare) -> None:
    app = console(operated(health={"refills": slow("refills")}))
    assert snap_compare(app, terminal_size=NORMAL, run_before=after("down", "enter"))


def test_connection_that_is_down_in_full(snap_compare: Compare) -> None:
    app = console(operated(health={"refills": down("refills")}))
    assert snap_compare(app, terminal_size=SMALL, run_before=after("down", "enter"))


@pytest.mark.slow
def test_quitting_during_a_sync_asks(snap_compare: Compare) -> None:
    async def run_before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        pilot.app.push_screen(QuitDialog())
        await settle(pilot)

    assert snap_compare(console(), terminal_size=NORMAL, run_before=run_before)


@pytest.mark.slow
def test_export_asks_for_the_format(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/data/exports"))
    assert snap_compare(console(), terminal_size=NORMAL, run_before=after("2", "e"))


def test_palette(snap_compare: Compare) -> None:
    async def run_before(pilot: Pilot[Any]) -> None:
        await after()(pilot)
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("ctrl+p")
        found, offered = app.screen.query_one(OptionList), commands(app, app.screen_stack[-2])
        all_of_them = len(list(offered))
        await until(pilot, lambda: found.option_count >= all_of_them)
        await settle(pilot)

    assert snap_compare(console(), terminal_size=NORMAL, run_before=run_before)


def test_advice(snap_compare: Compare) -> None:
    async def run_before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        assert isinstance(pilot.app, ConsoleApp)
        pilot.app.action_advice()
        await settle(pilot)

    assert snap_compare(console(), terminal_size=NORMAL, run_before=run_before)


def welcome() -> ConsoleApp:
    """A first start: nothing configured, nothing answers."""
    nothing = operated(health={info.name: down(info.name) for info in CONNECTIONS})
    offered = Welcome(
        searched=(Path("elconsole.toml"), Path("~/.config/elconsole/elconsole.toml")),
        write_configuration=lambda: Path("elconsole.toml"),
        open_demo=lambda: 0,
    )
    return console(nothing, welcome=offered)


@pytest.mark.parametrize("size", [SMALL, NORMAL], ids=["80x24", "120x40"])
@pytest.mark.slow
def test_welcome(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(welcome(), terminal_size=size, run_before=after())


def test_welcome_names_the_places(snap_compare: Compare) -> None:
    assert snap_compare(welcome(), terminal_size=NORMAL, run_before=after("l"))

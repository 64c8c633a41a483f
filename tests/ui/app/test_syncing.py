"""What `s`, `f` and `x` start and stop."""

from __future__ import annotations

import pytest

from elconsole.core.results import SyncRequest
from elconsole.ui.dialogs.dialog import RefreshDialog
from elconsole.ui.dialogs.help import bound_keys
from tests.fakes.engine import operated
from tests.ui.app.long_sync import LongSync, started
from tests.ui.piloting import SIZE, console, grid, press, settle, top

pytestmark = pytest.mark.ui


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


@pytest.mark.slow
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


async def test_a_sync_started_on_a_frozen_screen_lets_it_go_on() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space", "s")
        assert not app.paused
        assert app.shown_state is app.state

"""What a sync's end means for a console that is about to close, and for its exit code."""

from __future__ import annotations

import pytest

from elconsole.core.errors import WarehouseUnavailable
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.ui.dialogs.dialog import ErrorDialog, QuitDialog
from tests.fakes.engine import operated
from tests.fakes.runs import FAILED, SUCCEEDED
from tests.ui.app.long_sync import LongSync, started
from tests.ui.piloting import SIZE, console, press, settle, top, until

pytestmark = pytest.mark.ui


@pytest.mark.parametrize("key", ["s", "escape"])
@pytest.mark.slow
async def test_staying_takes_back_that_the_console_closes_with_the_sync(key: str) -> None:
    sync = LongSync()
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", "w")
        await pilot.press("q", key)
        sync.let_go.set()
        await settle(pilot)
        assert app.syncing.stop is None
        assert not app._exit


@pytest.mark.parametrize("answer", [("w",), ()])
@pytest.mark.slow
async def test_a_console_about_to_close_stays_open_where_its_sync_fails(
    answer: tuple[str, ...],
) -> None:
    sync = LongSync(ends="failed")
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", *answer)
        sync.let_go.set()
        await settle(pilot)
        assert app.syncing.stop is None
        assert not app._exit
        assert not any(isinstance(screen, QuitDialog) for screen in app.screen_stack)
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


def code_of(detail: RunDetail) -> int:
    """Any mapping: the console only passes it on."""
    return 0 if detail.run.status == "succeeded" else 7


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 7)])
async def test_the_exit_code_is_that_of_the_sync_of_the_command_line(
    status: str, code: int
) -> None:
    ends = {"succeeded": SUCCEEDED, "failed": FAILED}
    engine = operated(on_sync=lambda *_: ends[status])
    app = console(engine, sync_request=SyncRequest(), sync_exit_code=code_of)
    async with app.run_test(size=SIZE) as pilot:
        assert app.syncing.requested_exit_code() == 1  # until it has ended
        await settle(pilot)
        assert app.syncing.requested_exit_code() == code
        engine.on_sync = lambda *_: SUCCEEDED
        await press(pilot, "s")
        assert len(engine.requests) == 2
        assert app.syncing.requested_exit_code() == code


async def test_the_exit_code_of_a_sync_that_could_not_start_is_its_errors() -> None:
    app = console(operated(on_sync=refused), sync_request=SyncRequest())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, ErrorDialog)
        assert app.syncing.requested_exit_code() == WarehouseUnavailable.exit_code


async def test_a_failed_sync_that_was_started_by_key_is_no_failure_of_the_console() -> None:
    app = console(operated(on_sync=lambda *_: FAILED), sync_exit_code=code_of)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "s")
        assert app.syncing.requested_exit_code() == 0


@pytest.mark.slow
async def test_a_failed_sync_closes_the_console_where_it_was_to_be_cancelled() -> None:
    sync = LongSync(deaf=True, ends="failed")
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", "c")
        sync.let_go.set()
        await until(pilot, lambda: app._exit)


def refused(*_: object) -> RunDetail:
    """No sync without a warehouse."""
    raise WarehouseUnavailable("connection refused", hint="Start it.")


async def test_quit_is_immediate_while_nothing_runs() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


@pytest.mark.slow
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
        await until(pilot, lambda: app._exit)


@pytest.mark.slow
async def test_a_sync_that_ends_while_quitting_asks_answers_the_question() -> None:
    sync = LongSync()
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q")
        assert isinstance(top(app), QuitDialog)
        sync.let_go.set()
        await until(pilot, lambda: app._exit)


@pytest.mark.slow
async def test_quit_during_a_run_waits_for_no_server_that_hears_nothing() -> None:
    sync = LongSync(deaf=True)
    app = console(operated(on_sync=sync))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await started(pilot, sync)
        await pilot.press("q", "c")
        await until(pilot, lambda: app._exit)
    assert not sync.let_go.is_set()
    sync.let_go.set()

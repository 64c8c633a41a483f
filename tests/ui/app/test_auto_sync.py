"""A sync by the clock, on a fake engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from elconsole.core.errors import WarehouseUnavailable
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.ui.dialogs.dialog import ErrorDialog
from tests.fakes.engine import operated
from tests.fakes.plant import NOW
from tests.ui.piloting import SIZE, console, press, settle

pytestmark = pytest.mark.ui


class Clock:
    """A clock that goes on only when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_auto_sync_starts_when_its_time_has_come_and_again_after_that() -> None:
    clock, engine = Clock(), operated()
    app = console(engine, clock=clock, auto_sync_s=300.0)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app._tick()
        assert engine.requests == []
        for number in (1, 2):
            clock.now += timedelta(seconds=301)
            app._tick()
            await settle(pilot)
            assert engine.requests == [SyncRequest()] * number


@pytest.mark.slow
async def test_auto_sync_rests_while_the_screen_is_frozen_or_it_is_switched_off() -> None:
    clock, engine = Clock(), operated()
    app = console(engine, clock=clock, auto_sync_s=300.0)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "space")
        clock.now += timedelta(seconds=301)
        app._tick()
        await press(pilot, "space")
        app.action_toggle_auto_sync()
        clock.now += timedelta(seconds=301)
        app._tick()
        await settle(pilot)
        assert engine.requests == []
        assert app.next_sync_at is None


def no_warehouse(*_: object) -> RunDetail:
    """No sync without a warehouse."""
    raise WarehouseUnavailable("connection refused", hint="Start it.")


async def test_an_automatic_sync_that_can_not_start_takes_no_keys() -> None:
    clock, engine = Clock(), operated(on_sync=no_warehouse)
    app = console(engine, clock=clock, auto_sync_s=300.0)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for _ in range(2):
            clock.now += timedelta(seconds=301)
            app._tick()
            await settle(pilot)
        assert len(engine.requests) == 2
        assert len(app.screen_stack) == 1
        told = [note for note in app._notifications if note.title == "The sync could not start"]
        assert len(told) == 2
        logged = [entry for entry in app.state.log if entry.text == "could not start"]
        assert [entry.error is not None for entry in logged] == [True, True]


@pytest.mark.slow
async def test_no_second_error_is_stacked_upon_the_first() -> None:
    engine = operated(on_sync=no_warehouse)
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for _ in range(2):
            app.syncing.start(SyncRequest())
            await settle(pilot)
        assert len(engine.requests) == 2
        assert [type(screen) for screen in app.screen_stack[1:]] == [ErrorDialog]

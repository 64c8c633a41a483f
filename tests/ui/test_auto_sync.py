"""A sync by the clock, on a fake engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from elconsole.api import SyncRequest
from tests.ui import fake_engine as fake
from tests.ui.console import console, press, settle

pytestmark = pytest.mark.ui
SIZE = (120, 40)


class Clock:
    """A clock that goes on only when told."""

    def __init__(self) -> None:
        self.now = fake.NOW

    def __call__(self) -> datetime:
        return self.now


async def test_auto_sync_starts_when_its_time_has_come_and_again_after_that() -> None:
    clock, engine = Clock(), fake.FakeEngine()
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


async def test_auto_sync_rests_while_the_screen_is_frozen_or_it_is_switched_off() -> None:
    clock, engine = Clock(), fake.FakeEngine()
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

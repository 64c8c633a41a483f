"""A console that is left open: what it holds stays bounded, however much happens."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from types import BuiltinMethodType, MethodType

import pytest

from elconsole.core.results import RunDetail
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console import messages
from elconsole.ui.state.answers import LATENCIES_KEPT, LOG_KEPT
from elconsole.ui.state.runs import SAMPLES_KEPT
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plant import CONNECTIONS, NOW, down, healthy
from tests.fakes.runs import SUCCEEDED, events_of
from tests.ui.piloting import console, settle

pytestmark = pytest.mark.ui

SYNCS = 100
PROBES_AN_HOUR = 720
WAITS_MAX = 50
GROWTH_ALLOWED = 400
"""Objects that caches of styles, strips and timers may still add after the warm-up; a leak
of one object an event would add thousands."""


LockType = type(Lock())


def tell_sync(app: ConsoleApp, number: int) -> None:
    """All that a console hears of one sync that it runs itself, an hour after the last."""
    shift = timedelta(hours=number)
    run = replace(
        SUCCEEDED.run,
        run_id=f"run-{number}",
        run_number=number,
        started_at=SUCCEEDED.run.started_at + shift,
        finished_at=(SUCCEEDED.run.finished_at or NOW) + shift,
    )
    detail = RunDetail(run, SUCCEEDED.tables)
    for event in events_of(detail):
        app.listening.hear(messages.EventSeen(event))
    app.listening.hear(messages.SyncEnded(detail, None, NOW + shift, 0))


def tell_probes(app: ConsoleApp, number: int) -> None:
    """An hour of probes of every connection, each of which went down and came back once."""
    for turn in range(PROBES_AN_HOUR // 10):
        for info in CONNECTIONS:
            health = down(info.name) if turn == number % 50 else healthy(info.name)
            app.listening.hear(messages.ProbeStarted(info.name, NOW))
            app.listening.hear(messages.ProbeAnswered(health))


def objects(engine: FakeEngine) -> Counter[str]:
    """Living objects by the name of their type, but for what coverage.py keeps of every
    thread that ever ran, and for what the fake engine keeps of every question."""
    engine.quality_requests.clear()
    gc.collect()
    return Counter(type(item).__name__ for item in gc.get_objects() if not _of_coverage(item))


def _of_coverage(item: object) -> bool:
    """Its own methods, and those of its lock: who leaks locks leaks the locks, too."""
    if isinstance(item, BuiltinMethodType):
        return isinstance(item.__self__, LockType)
    return isinstance(item, MethodType) and type(item.__self__).__module__.startswith("coverage.")


@pytest.mark.slow
async def test_a_hundred_syncs_and_hours_of_probes_leave_nothing_behind() -> None:
    engine = operated()
    app = console(engine, on_ready=None)
    app.notify = lambda *args, **kwargs: None  # type: ignore[method-assign]
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for number in range(1, SYNCS // 2 + 1):
            tell_sync(app, number)
            tell_probes(app, number)
            app.repaint()
        await settle(pilot)
        app.fold(replace(app.state, log=app.state.log[-200:]))
        await settle(pilot)
        before = objects(engine)
        for number in range(SYNCS // 2 + 1, SYNCS + 1):
            tell_sync(app, number)
            tell_probes(app, number)
            app.repaint()
        await settle(pilot)
        app.fold(replace(app.state, log=app.state.log[-200:]))
        for _ in range(WAITS_MAX):
            # What still waits in a queue is no leak: it goes.
            await settle(pilot)
            grown = objects(engine) - before
            if sum(grown.values()) < GROWTH_ALLOWED:
                break
        assert sum(grown.values()) < GROWTH_ALLOWED, grown.most_common(10)
        assert app.state.shown_run() is not None
        assert all(len(item.latencies) <= LATENCIES_KEPT for item in app.state.connections)
        assert len(app.state.runs) <= 3
        assert all(len(t.samples) <= SAMPLES_KEPT for r in app.state.runs for t in r.tables)


@pytest.mark.slow
async def test_the_log_forgets_its_oldest_lines() -> None:
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for number in range(1, LOG_KEPT // 5):
            tell_sync(app, number)
        assert len(app.state.log) == LOG_KEPT
        await pilot.press("5")
        await settle(pilot)

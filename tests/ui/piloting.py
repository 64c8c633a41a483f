"""Builds consoles on the fake engine, and waits until one has nothing left to do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot

from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console.options import ConsoleOptions
from elconsole.ui.pages.bars import KeyBar, TopBar
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plant import CONNECTIONS, NOW

PATIENCE_S = 60.0
QUIET_PAUSES = 5


class PatientConsole(ConsoleApp):
    """Keeps its toasts: on a loaded machine a test may outlast their five seconds."""

    NOTIFICATION_TIMEOUT = PATIENCE_S * 100


def console(engine: FakeEngine | None = None, **options: Any) -> ConsoleApp:
    """A console on a fake engine, with the clock standing still."""
    used = engine if engine is not None else operated()
    given: dict[str, Any] = {
        "engine_factory": lambda: used,
        "connections": CONNECTIONS,
        "environment": "pen plant",
        "colour": "blue",
        "clock": lambda: NOW,
        "tick_s": 0.0,
        # No second probe comes in a test, however slow the machine.
        "probe_every_s": 3600.0,
        **options,
    }
    return PatientConsole(ConsoleOptions(**given))


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until every key has done its work, and every question is answered and painted."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    async with asyncio.timeout(PATIENCE_S):
        # An answer may lead to the next question: nothing is settled until a while is quiet.
        quiet = 0
        while quiet < QUIET_PAUSES:
            await pilot.pause(0.005)
            busy = app.background.waiting() - held(app) or app.typed.busy()
            quiet = 0 if busy else quiet + 1
    app.repaint()
    await pilot.pause()
    await pilot.pause()


def held(app: ConsoleApp) -> set[str]:
    """What never ends by itself: probes that a test holds back, a watch that sees no run."""
    engine = app.questions.engine
    if not isinstance(engine, FakeEngine):
        return set()
    endless = {"watch"} if not engine.watched else set()
    return endless | {f"probe-{name}" for name in engine.hung}


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, each on a settled screen."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


WAVE = (
    2.0,
    2.2,
    1.9,
    2.4,
    3.1,
    2.0,
    2.1,
    2.6,
    1.8,
    2.0,
    2.9,
    2.2,
    2.0,
    2.1,
    2.3,
    1.9,
    2.0,
    2.4,
    2.2,
)


def with_latencies(app: ConsoleApp) -> None:
    """Give every connection a past, as after a minute of probes."""
    connections = []
    for number, item in enumerate(app.state.connections):
        health = item.health
        wave = tuple(ms + number / 2 for ms in WAVE[number:] + WAVE[:number])
        if health is not None and health.status == "degraded" and health.latency_ms:
            top = health.latency_ms
            wave = (*wave[:9], top * 0.3, top * 0.8, top * 0.5, top * 0.9, top * 0.95, top)
        elif health is not None and health.status == "down":
            wave = wave[:12]
        connections.append(replace(item, latencies=wave[-18:]))
    app.fold(replace(app.state, connections=tuple(connections)))


def bar_words(app: ConsoleApp) -> str:
    """The line of keys."""
    return "".join(part.text for part in app.screen.query_one(KeyBar).left)


def head_words(app: ConsoleApp) -> str:
    """The right end of the top bar."""
    return "".join(part.text for part in app.screen.query_one(TopBar).right)

"""Builds consoles on the fake engine, and waits until one has nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.events import Key
from textual.pilot import Pilot

from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console.options import ConsoleOptions
from elconsole.ui.pages.bars import KeyBar, TopBar
from tests.fakes.engine import FakeEngine, operated
from tests.fakes.plant import CONNECTIONS, NOW

PATIENCE_S = 60.0
TURNS_AT_REST = 2
ANSWER_S = 0.002
"""How long the fake engine's threads get before they are looked at again."""
CHARACTERS = {"space": " ", "slash": "/", "question_mark": "?"}
NAMES = {character: name for name, character in CHARACTERS.items()}


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
        await _come_to_rest(pilot, app)
        app.repaint()
        await _come_to_rest(pilot, app)


async def _come_to_rest(pilot: Pilot[Any], app: ConsoleApp) -> None:
    """Wait until nothing is asked and every queue is empty, before and after a turn of all.

    A turn ends when each widget has done what stood in its queue. One that began to handle a
    message meanwhile has an empty queue, too: only the second such turn has seen it done.
    """
    turns_at_rest = 0
    while turns_at_rest < TURNS_AT_REST:
        asked = busy(app)
        if asked:
            await asyncio.sleep(ANSWER_S)
        await pilot.pause(0)
        at_rest = not (asked or busy(app) or messages_wait(app))
        turns_at_rest = turns_at_rest + 1 if at_rest else 0


def busy(app: ConsoleApp) -> bool:
    """Whether a question is under way that ends by itself, a key, or one of Textual's workers."""
    asked = app.background.waiting() - held(app)
    return bool(asked) or app.typed.busy() or any(worker.is_running for worker in app.workers)


def messages_wait(app: ConsoleApp) -> bool:
    """Whether the app, a screen or a widget in front has a message to handle."""
    shown = app.screen_stack[-1:]
    nodes = (app, *app.screen_stack, *(node for screen in shown for node in screen.walk_children()))
    return any(node.message_queue_size for node in nodes)


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Wait for what another thread brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await pilot.pause(ANSWER_S)


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
        pilot.app.post_message(key_event(key))
        await settle(pilot)


def key_event(key: str) -> Key:
    """A key by its name or its character, as the terminal tells it."""
    character = CHARACTERS.get(key, key if len(key) == 1 else None)
    return Key(NAMES.get(key, key), character)


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

"""A sync that lasts as long as a test wants."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot

from elconsole.core.engine import StopFlag
from elconsole.core.events import Emit
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.core.types import RunStatus
from elconsole.ui.app.app import ConsoleApp
from tests.fakes.plant import SOURCES
from tests.fakes.runs import events_of, run_of, table_run


class LongSync:
    """A sync that lasts until it is cancelled, or for ever where it hears nothing."""

    def __init__(self, *, deaf: bool = False, ends: RunStatus = "succeeded") -> None:
        self.deaf = deaf
        self.ends: RunStatus = ends
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, request: SyncRequest, emit: Emit, stop: StopFlag) -> RunDetail:
        tables = tuple(table_run(name) for name in SOURCES)
        result = run_of(tables, number=44, age_s=0, user="", host="")
        for event in events_of(result)[:2]:
            emit(event)
        self.began.set()
        while not (stop.is_set() and not self.deaf) and not self.let_go.is_set():
            self.let_go.wait(0.01)
        ended: RunStatus = "cancelled" if stop.is_set() else self.ends
        return replace(result, run=replace(result.run, status=ended))


async def started(pilot: Pilot[Any], sync: LongSync) -> None:
    """Press s and wait until the sync is on its way and painted."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.press("s")
    while not sync.began.is_set() or app.state.running_here() is None:
        await pilot.pause(0.005)
    app.repaint()
    await pilot.pause()

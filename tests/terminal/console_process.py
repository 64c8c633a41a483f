"""Runs a console on the fake engine in a terminal; an argument names what goes wrong."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from elconsole.core.engine import Engine, StopFlag
from elconsole.core.errors import ConfigurationError
from elconsole.core.events import Emit
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.ui.app.launch import run_console
from elconsole.ui.console.console import Console
from elconsole.ui.console.options import ConsoleOptions, Welcome
from tests.fakes.engine import operated
from tests.fakes.plant import CONNECTIONS, down
from tests.fakes.runs import FAILED, SUCCEEDED, events_of


def deaf_sync(request: SyncRequest, emit: Emit, stop: StopFlag) -> RunDetail:
    """A sync whose server hears nothing."""
    for event in events_of(SUCCEEDED)[:2]:
        emit(event)
    threading.Event().wait(60)
    return SUCCEEDED


def crash(self: Console) -> None:
    """What an unforeseen error looks like, with a secret in a variable."""
    password = "hunter2"
    raise RuntimeError(f"broken on purpose ({len(password)})")


def unreadable() -> ConsoleOptions:
    """Settings that can't be read."""
    raise ConfigurationError("no such thing")


def open_demo() -> int:
    """What the demo's own console would be."""
    sys.stderr.write("the demo was opened\n")
    return 0


WELCOME = Welcome(searched=(), write_configuration=Path, open_demo=open_demo)


def late(engine: Engine) -> Callable[[], Engine]:
    """A factory that takes until SIGUSR1."""
    let_go = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: let_go.set())

    def build() -> Engine:
        let_go.wait(60)
        return engine

    return build


def main(fault: str) -> int:
    """Run until left."""
    engine = operated()
    if fault == "hang":
        engine.hung = {info.name for info in CONNECTIONS}
    if fault == "sync":
        engine.on_sync = deaf_sync
    if fault == "crash":
        Console.action_toggle_pause = crash  # type: ignore[method-assign]
    if fault == "failing":
        engine.on_sync, engine.watched = lambda *_: FAILED, ()
    if fault == "welcome":
        engine.health = {info.name: down(info.name) for info in CONNECTIONS}
    options = ConsoleOptions(
        engine_factory=late(engine) if fault == "late" else lambda: engine,
        connections=CONNECTIONS,
        environment="pen plant",
        sync_request=SyncRequest() if fault in ("sync", "failing") else None,
        sync_exit_code=lambda detail: 4,
        read=unreadable if fault == "unreadable" else None,
    )
    if fault == "welcome":
        options = replace(options, read=lambda: replace(options, read=None, welcome=WELCOME))
    try:
        return run_console(options)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))

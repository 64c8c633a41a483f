"""Runs a console on the fake engine in a terminal; `hang`, `sync` and `crash` go wrong."""

from __future__ import annotations

import sys
import threading

from elconsole.api import RunDetail, StopFlag, SyncRequest
from elconsole.events import Emit
from elconsole.ui.app import ConsoleApp, run_console
from elconsole.ui.options import ConsoleOptions
from tests.ui import fake_engine as fake


def deaf_sync(request: SyncRequest, emit: Emit, stop: StopFlag) -> RunDetail:
    """A sync whose server hears nothing."""
    for event in fake.events_of(fake.SUCCEEDED)[:2]:
        emit(event)
    threading.Event().wait(60)
    return fake.SUCCEEDED


def crash(self: ConsoleApp) -> None:
    """What an unforeseen error looks like, with a secret in a variable."""
    password = "hunter2"
    raise RuntimeError(f"broken on purpose ({len(password)})")


def main(fault: str) -> int:
    """Run until left."""
    engine = fake.FakeEngine()
    if fault == "hang":
        engine.hung = {info.name for info in fake.CONNECTIONS}
    if fault == "sync":
        engine.on_sync = deaf_sync
    if fault == "crash":
        ConsoleApp.action_toggle_pause = crash  # type: ignore[method-assign]
    return run_console(
        ConsoleOptions(
            engine_factory=lambda: engine,
            connections=fake.CONNECTIONS,
            environment="pen plant",
            sync_request=SyncRequest() if fault == "sync" else None,
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))

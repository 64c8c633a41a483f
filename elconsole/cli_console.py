"""Opens the dashboard: everything it is told at its start, and what ends with it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole import errors
from elconsole.output import is_terminal

if TYPE_CHECKING:
    from elconsole.api import ConnectionInfo, Engine, SyncRequest
    from elconsole.cli_session import Session
    from elconsole.demo.plant import Plant
    from elconsole.settings import LoadedSettings
    from elconsole.settings_models import Settings
    from elconsole.ui.options import ConsoleOptions, Welcome


def open_console(session: Session, request: SyncRequest | None) -> int:
    """Open the dashboard, with `request` started at once; needs a terminal."""
    require_terminal(session, "sync" if request else "")
    with session.loaded(for_console=True) as loaded, _engines(session, loaded) as make_engine:
        stop_live = threading.Event()
        options = console_options(session, loaded, request, make_engine, stop_live)
        if session.options.demo_live and options.start_demo_live is not None:
            threading.Thread(target=options.start_demo_live, daemon=True).start()
        try:
            return session.parts.run_console(options)
        finally:
            stop_live.set()


def require_terminal(session: Session, command: str) -> None:
    """Raise UsageError, naming the way without a dashboard, where there is no terminal."""
    served = "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")
    dumb = os.environ.get("TERM", "") in ("", "dumb")
    terminals = is_terminal(sys.stdin) and is_terminal(session.output.stdout)
    if served or (terminals and not dumb):
        return
    raise errors.UsageError(
        "the dashboard needs a terminal that can move its cursor, and TERM says this one can't"
        if terminals
        else "the dashboard needs a terminal, and stdin or stdout is none",
        hint=f"without a dashboard: elconsole --headless {command or 'sync'}",
    )


@contextmanager
def _engines(session: Session, loaded: LoadedSettings) -> Iterator[Callable[[], Engine]]:
    """A factory whose engines are closed at the end of the block."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(session.made_engine(loaded.settings))


def console_options(
    session: Session,
    loaded: LoadedSettings,
    request: SyncRequest | None,
    make_engine: Callable[[], Engine],
    stop_live: threading.Event,
) -> ConsoleOptions:
    """What the console needs; nothing of it asks a database."""
    from platformdirs import user_config_path

    from elconsole.ui.options import ConsoleOptions

    settings = loaded.settings
    return ConsoleOptions(
        engine_factory=make_engine,
        connections=connections(settings),
        environment=settings.name,
        colour=settings.colour,
        config_path=loaded.config_file,
        read_only=session.options.read_only,
        sync_request=request,
        auto_sync_s=settings.auto_sync_seconds,
        demo=session.options.demo,
        start_demo_live=_live(session.plant, stop_live),
        welcome=_welcome(session, loaded),
        preferences_path=user_config_path("elconsole", appauthor=False) / "console.json",
    )


def connections(settings: Settings) -> tuple[ConnectionInfo, ...]:
    """The configured connections: the sources in their order, then the warehouse."""
    from elconsole.api import ConnectionInfo

    sources = (
        ConnectionInfo(name, "source", source.address) for name, source in settings.sources.items()
    )
    return (*sources, ConnectionInfo("warehouse", "warehouse", settings.warehouse.address))


def _live(plant: Plant | None, stop: threading.Event) -> Callable[[], None] | None:
    if plant is None:
        return None
    producing = threading.Lock()

    def produce() -> None:
        from elconsole.demo.live import run_live

        if not producing.acquire(blocking=False):
            return
        try:
            run_live(plant, stop)
        finally:
            producing.release()

    return produce


def _welcome(session: Session, loaded: LoadedSettings) -> Welcome | None:
    """Offered where nobody has configured anything yet."""
    if session.options.demo or loaded.config_file or set(loaded.origins.values()) - {"default"}:
        return None
    from elconsole.cli_session import Session as NextSession
    from elconsole.configfile import write_template
    from elconsole.ui.options import Welcome

    def write_configuration() -> Path:
        path = Path("elconsole.toml").absolute()
        write_template(path)
        return path

    def open_demo() -> int:
        demo = NextSession(replace(session.options, demo=True), session.parts, session.output)
        return open_console(demo, None)

    return Welcome(
        searched=loaded.files, write_configuration=write_configuration, open_demo=open_demo
    )

"""Opens the dashboard: everything it is told at its start, and what ends with it.

The settings are read after the first frame, in a thread of the console: validating them
takes as long as the frame itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole.core import errors
from elconsole.report.streams import Output, is_terminal

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext
    from elconsole.config.load import LoadedSettings
    from elconsole.config.models import Settings
    from elconsole.core.engine import Engine
    from elconsole.core.results import ConnectionInfo, RunDetail, SyncRequest
    from elconsole.demo.plant import Plant
    from elconsole.ui.console.options import ConsoleOptions, Welcome


def dashboard(context: CommandContext) -> int:
    """What elconsole does without a command; with `--headless` there is none."""
    if not context.options.headless:
        return open_console(context, None)
    from elconsole.cli.commands import PROGRAM
    from elconsole.cli.parser import help_of

    Output().failure(help_of(PROGRAM))
    return errors.EXIT_USAGE


def open_console(context: CommandContext, request: SyncRequest | None) -> int:
    """Open the dashboard, with `request` started at once; needs a terminal.

    Raises ConfigurationError, with the terminal as it was before.
    """
    require_terminal(context, "sync" if request else "")
    stop_live = threading.Event()
    with ExitStack() as ending:
        ending.callback(stop_live.set)

        def read() -> ConsoleOptions:
            loaded = ending.enter_context(context.loaded(for_console=True))
            return console_options(
                context,
                loaded,
                request,
                lambda: ending.enter_context(context.made_engine(loaded.settings)),
                stop_live,
            )

        # The demo plant says on the terminal what it is doing before the console takes it.
        options = read() if context.options.demo else _unread(context, read)
        return context.parts.run_console(options)


def _unread(context: CommandContext, read: Callable[[], ConsoleOptions]) -> ConsoleOptions:
    """What is known before the settings are read."""
    from elconsole.ui.console.options import ConsoleOptions

    return ConsoleOptions(
        engine_factory=lambda: read().engine_factory(),
        connections=(),
        read=read,
        read_only=context.options.read_only,
        preferences_path=_preferences_path(),
    )


def _preferences_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("elconsole", appauthor=False) / "console.json"


def require_terminal(context: CommandContext, command: str) -> None:
    """Raise UsageError, naming the way without a dashboard, where there is no terminal."""
    served = "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")
    dumb = os.environ.get("TERM", "") in ("", "dumb")
    terminals = is_terminal(sys.stdin) and is_terminal(context.output.stdout)
    if served or (terminals and not dumb):
        return
    raise errors.UsageError(
        "the dashboard needs a terminal that can move its cursor, and TERM says this one can't"
        if terminals
        else "the dashboard needs a terminal, and stdin or stdout is none",
        hint=f"without a dashboard: `elconsole --headless {command or 'sync'}`",
    )


def console_options(
    context: CommandContext,
    loaded: LoadedSettings,
    request: SyncRequest | None,
    make_engine: Callable[[], Engine],
    stop_live: threading.Event,
) -> ConsoleOptions:
    """What the console needs; nothing of it asks a database."""
    from elconsole.ui.console.options import ConsoleOptions

    settings = loaded.settings
    return ConsoleOptions(
        engine_factory=make_engine,
        connections=connections(settings),
        environment=settings.name,
        colour=settings.colour,
        config_path=loaded.config_file,
        read_only=context.options.read_only,
        sync_request=request,
        sync_exit_code=_exit_code,
        auto_sync_s=settings.auto_sync_seconds,
        demo=context.options.demo,
        start_demo_live=_live(context.plant, stop_live),
        demo_live=context.options.demo_live,
        welcome=_welcome(context, loaded),
        preferences_path=_preferences_path(),
        warnings=loaded.warnings,
    )


def _exit_code(detail: RunDetail) -> int:
    """As `--headless` ends with that result."""
    from elconsole.headless.exit_codes import exit_code

    return exit_code(detail)


def connections(settings: Settings) -> tuple[ConnectionInfo, ...]:
    """The configured connections: the sources in their order, then the warehouse."""
    from elconsole.core.results import ConnectionInfo

    sources = (
        ConnectionInfo(name, "source", source.address) for name, source in settings.sources.items()
    )
    return (*sources, ConnectionInfo("warehouse", "warehouse", settings.warehouse.address))


def _live(plant: Plant | None, stop: threading.Event) -> Callable[[], None] | None:
    if plant is None:
        return None

    def produce() -> None:
        from elconsole.demo.live import run_live

        run_live(plant, stop)

    return produce


def _welcome(context: CommandContext, loaded: LoadedSettings) -> Welcome | None:
    """Offered where nobody has configured anything yet."""
    if context.options.demo or loaded.config_file or set(loaded.origins.values()) - {"default"}:
        return None
    from elconsole.cli.compose import CommandContext as NextSession
    from elconsole.config.template import write_template
    from elconsole.ui.console.options import Welcome

    def write_configuration() -> Path:
        path = Path("elconsole.toml").absolute()
        write_template(path)
        return path

    def open_demo() -> int:
        demo = NextSession(replace(context.options, demo=True), context.parts, context.output)
        return open_console(demo, None)

    return Welcome(
        searched=loaded.files, write_configuration=write_configuration, open_demo=open_demo
    )

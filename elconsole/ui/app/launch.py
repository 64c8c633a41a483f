"""Runs the app, and leaves a terminal and a log file behind whatever happens."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from elconsole.core.files import create_private
from elconsole.core.safe_text import clean_lines, clean_text, redact
from elconsole.ui.app.app import ConsoleApp
from elconsole.ui.console.options import DEMO_CHOSEN, ConsoleOptions

SYNC_GRACE_S = 1.5
"""How long the end waits for a cancelled sync to roll back and say so."""


def run_console(options: ConsoleOptions) -> int:
    """Run the console until it is left; returns the exit code.

    Raises what reading the settings raised, with the terminal as it was before.
    """
    app = ConsoleApp(options)
    chosen = app.run()
    app.questions.wait_for_sync(SYNC_GRACE_S)
    if app.refusal is not None:
        raise app.refusal
    if app.crash is not None:
        path = write_crash(app.crash, crash_folder(), datetime.now(UTC))
        where = f"; the traceback is in {path}" if path else ""
        sys.stderr.write(f"elconsole: the console crashed: {_headline(app.crash)}{where}\n")
        return 1
    welcome = app.options.welcome
    if chosen == DEMO_CHOSEN and welcome is not None:
        return welcome.open_demo()
    return app.return_code or app.syncing.requested_exit_code()


def _headline(error: BaseException) -> str:
    return redact(clean_text(f"{type(error).__name__}: {error}", 200))


def crash_folder() -> Path:
    """Where crash logs go."""
    from platformdirs import user_log_path

    return user_log_path("elconsole", appauthor=False)


def write_crash(error: BaseException, folder: Path, now: datetime) -> Path | None:
    """Write the traceback, without the values of variables: one may be a password.

    A second crash within the second keeps the first one's traceback, and tells its own."""
    path = folder / f"crash-{now:%Y%m%d-%H%M%S}.log"
    text = redact("".join(traceback.format_exception(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        create_private(path, text.encode())
    except OSError:
        sys.stderr.write(clean_lines(text))
        return None
    return path

"""Runs, errors and tables in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elconsole.core.invocation import repeated
from elconsole.ui.words.text import safe

if TYPE_CHECKING:
    from elconsole.core.results import RunSummary
    from elconsole.core.types import ErrorInfo


def run_name(number: int | None) -> str:
    """How a run is called on the screen."""
    return f"run {number}" if number is not None else "run without number"


def started_by(run: RunSummary) -> str:
    """Who runs it and where: `cron@etl-01`."""
    who = "@".join(part for part in (run.user, run.host) if part)
    return safe(who, 60) if who else "this console"


def tables_text(number: int) -> str:
    """`1 table`, `3 tables`."""
    return f"{number} table" if number == 1 else f"{number} tables"


def mode_text(mode: str) -> str:
    """How a run's mode is called."""
    return "full refresh" if mode == "full" else "sync"


def said_of(subject: str, words: str) -> str:
    """An error's words without the name that stands before them on the screen already."""
    while subject:
        words = words.removeprefix(f"{subject}: ")
        subject = subject.rpartition(".")[0]
    return words


def error_line(error: ErrorInfo | None, subject: str = "") -> str:
    """An error in one line, with the server's code, to stand after its subject's name."""
    if error is None:
        return ""
    words = safe(said_of(subject, error.message))
    return words + (f" ({safe(error.sqlstate)})" if error.sqlstate else "")


def hint_text(error: ErrorInfo) -> str | None:
    """The next step, with the options that this console was started with in its commands; not
    yet made fit for the screen."""
    return error.hint and repeated(error.hint)


def error_text(error: ErrorInfo, subject: str) -> str:
    """An error at length, as one paragraph after its subject's name."""
    words = safe(said_of(subject, error.message), 4000)
    return words + (f" ({safe(error.sqlstate)})" if error.sqlstate else "")

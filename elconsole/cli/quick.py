"""Reads the command lines that are used most without Typer, to start in half the time.

It knows the dashboard and `sync`, spelt rightly. At anything else it gives up, and Typer
reads the same arguments: help, completion and every message come from there alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elconsole.cli.compose import GlobalOptions, Session
from elconsole.cli.sync import SyncOptions, open_dashboard, sync_command
from elconsole.core.record import record

COMPLETION = "_ELCONSOLE_COMPLETE"
"""Set by the shell that asks for completions."""


class _GiveUpError(Exception):
    """Not for us."""


@record(frozen=True, slots=True)
class QuickCommand:
    """The dashboard, or a sync where `sync` is given."""

    options: GlobalOptions
    sync: SyncOptions | None

    def run(self, session: Session) -> int:
        """Do it; the exit code."""
        if self.sync is None:
            return open_dashboard(session)
        return sync_command(session, self.sync)


def read_quickly(arguments: Sequence[str]) -> QuickCommand | None:
    """The command that arguments, global options first, spell; None where Typer must read them."""
    if COMPLETION in os.environ:
        return None
    remaining = list(arguments)
    try:
        options = _global_options(remaining)
        sync = _sync_options(remaining)
    except _GiveUpError:
        return None
    if sync is None and options.headless:
        return None
    return QuickCommand(options, sync)


def _global_options(remaining: list[str]) -> GlobalOptions:
    """Take the global options off the front."""
    given: dict[str, Any] = {}
    while remaining and remaining[0].startswith("-"):
        word = remaining.pop(0)
        name, equals, value = word.partition("=")
        if word in _FLAGS:
            given[_FLAGS[word]] = True
        elif word in _VERBOSE:
            given["verbosity"] = given.get("verbosity", 0) + 1
        elif name in _VALUES and (equals or remaining) and not (equals and name == "-c"):
            key, read = _VALUES[name]
            given[key] = read(value if equals else remaining.pop(0))
        else:
            raise _GiveUpError
    if given.get("quiet") and given.get("verbosity"):
        raise _GiveUpError
    if given.keys() & {"demo_rows", "demo_live"}:
        given["demo"] = True
    return GlobalOptions(**given)


def _sync_options(remaining: list[str]) -> SyncOptions | None:
    if not remaining:
        return None
    command, *words = remaining
    if command != "sync":
        raise _GiveUpError
    given = {_SYNC_FLAGS[word]: True for word in words if word in _SYNC_FLAGS}
    selection = tuple(word for word in words if word not in _SYNC_FLAGS)
    if any(word.startswith("-") for word in selection):
        raise _GiveUpError
    return SyncOptions(selection, **given)


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= (high or int(text)):
            raise _GiveUpError
        return int(text)

    return read


def _path(text: str) -> Path:
    if not text:
        raise _GiveUpError
    return Path(text)


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise _GiveUpError
    return text


_VERBOSE = frozenset({"-v", "--verbose"})
_FLAGS = {
    "--headless": "headless",
    "--read-only": "read_only",
    "--demo": "demo",
    "--demo-live": "demo_live",
    "-q": "quiet",
    "--quiet": "quiet",
}
_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--demo-rows": ("demo_rows", _whole(1)),
    "-c": ("config_file", _path),
    "--config": ("config_file", _path),
    "--log-format": ("log_format", _log_format),
    "--log-file": ("log_file", _path),
    "--metrics-file": ("metrics_file", _path),
    "--metrics-port": ("metrics_port", _whole(1, 65535)),
}
_SYNC_FLAGS = {
    "--full": "full",
    "--adopt": "adopt",
    "--dry-run": "dry_run",
    "--json": "as_json",
}

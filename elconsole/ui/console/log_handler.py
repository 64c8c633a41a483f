"""Shows the program's own log lines on the Log page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from elconsole.ui.state.log import Level, LogEntry
from elconsole.ui.words.text import safe

LOGGER = "elconsole"
LONGEST_LINE = 2000


class LogbookHandler(logging.Handler):
    """Hands every record to the console, in the thread in which it was written."""

    def __init__(self, take: Callable[[LogEntry], None]) -> None:
        super().__init__(logging.INFO)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; a record that can't be formatted is told by its template."""
        try:
            words = record.getMessage()
        except (TypeError, ValueError):
            words = str(record.msg)
        self._take(
            LogEntry(
                at=datetime.fromtimestamp(record.created, UTC),
                level=level_of(record.levelno),
                subject=safe(record.name.removeprefix(f"{LOGGER}."), 60),
                text=safe(words, LONGEST_LINE),
                tone="bad" if record.levelno >= logging.ERROR else "plain",
            )
        )


def level_of(number: int) -> Level:
    """The console's four levels of Python's."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"

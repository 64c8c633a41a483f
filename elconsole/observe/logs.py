"""Logs to stderr and to a file, as text or JSON lines, never with a secret in them."""

from __future__ import annotations

import copy
import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from elconsole.core.safe_text import Redactor, clean_lines, clean_text

LogFormat = Literal["text", "json"]

LOGGER = "elconsole"
LONGEST_LINE = 8000
"""Cells of one line: what a server says may be a hundred megabytes long."""
_INDENT = "    "
"""Before every further line of a record, so that no foreign text begins one."""


class RedactingFormatter(logging.Formatter):
    """Text lines: time, level, logger, message; tracebacks below, all of it redacted."""

    def __init__(self, secrets: Iterable[str] = (), *, tracebacks: bool = True) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = Redactor(secrets)
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """The finished record, after every argument and traceback is in it."""
        first, *further = self._redact(self.compose(record)).split("\n")
        lines = [first, *(_INDENT + line for line in further)]
        return "\n".join(clean_text(line, LONGEST_LINE) for line in lines)

    def compose(self, record: logging.LogRecord) -> str:
        """The line before redaction."""
        # A traceback cached on the record by another formatter is not known to be clean.
        record.exc_text = None
        line = super().format(record if self._tracebacks else _in_words(record))
        record.exc_text = None
        return line

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """ISO 8601 in UTC, to the millisecond."""
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(RedactingFormatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished line; redacted before encoding, so that it stays valid JSON."""
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if not self._tracebacks:
            fields["message"] = self._redact(_in_words(record).getMessage())
        elif record.exc_info:
            fields["traceback"] = self._redact(self.formatException(record.exc_info))
        harmless = {key: clean_lines(text, LONGEST_LINE) for key, text in fields.items()}
        return json.dumps(harmless, ensure_ascii=False)


def _in_words(record: logging.LogRecord) -> logging.LogRecord:
    """The record with its exception at the end of the message, in place of a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return record
    plain = copy.copy(record)
    plain.exc_info, plain.args = None, ()
    plain.msg = f"{record.getMessage()}: {type(error).__name__}: {error}".rstrip(": ")
    return plain


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr, and gives up quietly where it is closed."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Never raise, never print a traceback."""


def configure_logging(
    *,
    verbosity: int = 0,
    quiet: bool = False,
    log_format: LogFormat = "text",
    log_file: Path | None = None,
    secrets: Iterable[str] = (),
    to_stderr: bool = True,
    stream: TextIO | None = None,
) -> None:
    """Send the package's log records to stderr and, where asked, to a file.

    stderr gets warnings, with `verbosity` 1 what happens and with 2 everything, with
    `quiet` only errors; the file gets what happens, with `verbosity` 2 everything.
    `to_stderr=False` is for the console, whose screen stderr would spoil. Calling it
    again replaces the former handlers. Raises UsageError where the file can't be opened.
    """
    known = tuple(secrets)
    shape = JsonFormatter if log_format == "json" else RedactingFormatter
    handlers: list[logging.Handler] = []
    if log_file is not None:
        from elconsole.observe.logfile import open_log_file

        handlers.append(open_log_file(log_file, stream))
        handlers[-1].setLevel(logging.DEBUG if verbosity >= 2 else logging.INFO)
    if to_stderr:
        handlers.append(_StderrHandler(stream or sys.stderr))
        handlers[-1].setLevel(_level(verbosity, quiet))
    logger = logging.getLogger(LOGGER)
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    for handler in handlers or [logging.NullHandler()]:
        terse = isinstance(handler, _StderrHandler) and not verbosity
        handler.setFormatter(shape(known, tracebacks=not terse))
        logger.addHandler(handler)
    # What libraries log, psycopg a server's own words, would else go to stderr as it is.
    logging.lastResort = logger.handlers[-1]
    logger.setLevel(min((h.level for h in handlers), default=logging.CRITICAL))
    logger.propagate = False


def _level(verbosity: int, quiet: bool) -> int:
    if quiet:
        return logging.ERROR
    return {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)

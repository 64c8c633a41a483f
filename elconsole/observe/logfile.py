"""A log file that survives logrotate and full disks."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import threading
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from elconsole.core.errors import UsageError
from elconsole.core.files import open_log
from elconsole.core.safe_text import clean_text


class _SayOnce:
    """Tells once, on stderr, that a log can't be written; nothing more, so a sync goes on."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._said = False

    def __call__(self, place: str, error: BaseException | None) -> None:
        with self._lock:
            if self._said:
                return
            self._said = True
        stream = self._stream or sys.stderr
        try:
            told = clean_text(f"can't write the log to {place}: {error}; going on without")
            stream.write(f"elconsole: {told}\n")
            stream.flush()
        except (OSError, ValueError):
            # stderr is gone too: there is nobody left to tell.
            return


class LogFile(logging.handlers.WatchedFileHandler):
    """Appends to a file that logrotate may move away; survives a full disk."""

    def __init__(self, path: Path, complain: _SayOnce) -> None:
        self._complain = complain
        self._place = str(path)
        super().__init__(path, mode="a", encoding="utf-8", errors="backslashreplace")

    def _open(self) -> TextIOWrapper:
        return os.fdopen(open_log(Path(self._place)), "a", encoding="utf-8", errors=self.errors)

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line; a failure is told once and the next line is tried afresh."""
        try:
            self.reopenIfNeeded()
            if self.stream is None:
                self.stream = self._open()
        except OSError:
            self.handleError(record)
            return
        logging.StreamHandler.emit(self, record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        """Tell once; a broken disk is no reason to stop a sync."""
        self._complain(self._place, sys.exc_info()[1])

    def close(self) -> None:
        """Close the file; what the disk no longer takes is lost quietly."""
        try:
            super().close()
        except OSError as error:
            self._complain(self._place, error)


def open_log_file(path: Path, stream: TextIO | None) -> LogFile:
    """The handler for a file; `stream` hears of a full disk. Raises UsageError."""
    failure = None
    try:
        return LogFile(path, _SayOnce(stream))
    except OSError as error:
        failure = error.strerror
    raise UsageError(
        f"{path}: the log file can't be opened: {failure}",
        hint="Name a file in a folder you may write to with --log-file.",
    )

"""The two streams of a command: results on stdout, narration on stderr.

Whatever the locale, pipe or terminal, writing never raises for a character that can't
be shown or for a reader who went away. Whatever foreign words say, no character reaches
a terminal that it would heed, and no line begins that is not ours.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from elconsole.core.errors import ResultLost
from elconsole.core.humanize import SPARKS
from elconsole.core.safe_text import clean_lines, clean_text
from elconsole.report.folding import folded

_ASCII = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "...",
        "·": "|",
        "→": "->",
        "✓": "ok",
        "✗": "x",
        "●": "*",
        "▲": "!",
        "′": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        **dict(zip(SPARKS, "12345678", strict=True)),
    }
)


def encodable(text: str, encoding: str | None) -> str:
    """`text` as `encoding` can carry it: ASCII stand-ins first, escapes for the rest."""
    if encoding is None:
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_ASCII)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return text


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is an open terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _width(stream: TextIO | None) -> int | None:
    """Cells of a terminal, as COLUMNS or it says; None of anything else."""
    if not is_terminal(stream):
        return None
    return max(NARROWEST, shutil.get_terminal_size((80, 24)).columns)


def takes_escapes(stream: TextIO | None, environ: dict[str, str] | os._Environ[str]) -> bool:
    """Whether colours and cursor movements may go to `stream` (no-color.org, TERM=dumb)."""
    return (
        is_terminal(stream)
        and not environ.get("NO_COLOR")
        and environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    )


NARROWEST = 40
_HINT = "\nhint: "


@dataclass
class Output:
    """Where a command writes. Safe from any thread."""

    stdout: TextIO | None = field(default_factory=lambda: sys.stdout)
    stderr: TextIO | None = field(default_factory=lambda: sys.stderr)
    quiet: bool = False
    """Only failures are worth a line."""
    json_lines: bool = False
    """Narrate in the form of JSON log lines, for who collects them from stderr."""
    record: Callable[[str, str], None] | None = None
    """Takes each narrated line's level and text, quiet or not: the log file."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self, text: str) -> None:
        """Write what was asked for. Raises ResultLost, once, where it can't be stored; a
        closed pipe is a reader's choice and silent."""
        try:
            self.stdout = self._write(self.stdout, clean_lines(text))
        except OSError as error:
            stream, self.stdout = self.stdout, None
            if stream is not None:
                _discard(stream)
            raise ResultLost(
                f"the result can't be written to stdout: {error.strerror}",
                hint="free some space, or send it elsewhere",
            ) from error

    @property
    def width(self) -> int | None:
        """Cells of the terminal that takes the results; None where none does."""
        return _width(self.stdout)

    def tell(self, text: str) -> None:
        """Write a report for people, folded to their terminal; see `result`."""
        self.result(folded(text, self.width))

    def note(self, text: str) -> None:
        """Narrate in one line, unless quiet."""
        self._narrate("info", clean_text(text), aloud=not self.quiet)

    def failure(self, text: str) -> None:
        """Say what went wrong, quiet or not: one line, and one for its hint."""
        self.failure_lines(_HINT.join(map(clean_text, text.rsplit(_HINT, 1))))

    def failure_lines(self, text: str) -> None:
        """Say what went wrong in a text whose line breaks are ours, quiet or not."""
        self._narrate("error", clean_lines(text), aloud=True)

    def control(self, sequence: str) -> None:
        """Send a control sequence of ours to stderr, which must be a terminal."""
        with suppress(OSError):
            self.stderr = self._write(self.stderr, sequence)

    def _narrate(self, level: str, text: str, *, aloud: bool) -> None:
        if self.record is not None:
            self.record(level, text)
        if not aloud:
            return
        text = clean_lines(text)
        line = _json_line(level, text) if self.json_lines else folded(text, _width(self.stderr))
        try:
            self.stderr = self._write(self.stderr, line)
        except OSError:
            self.stderr = None

    def _write(self, stream: TextIO | None, text: str) -> TextIO | None:
        if stream is None or stream.closed:
            return None
        with self._lock:
            try:
                stream.write(encodable(text, stream.encoding) + "\n")
                stream.flush()
            except BrokenPipeError:
                _discard(stream)
                return None
        return stream


def _json_line(level: str, text: str) -> str:
    """The keys of `logs.JsonFormatter`, so that stderr holds one kind of line."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": moment, "level": level, "logger": "elconsole", "message": text})


def _discard(stream: TextIO) -> None:
    """Point a broken pipe's descriptor at nothing, so that the interpreter's last flush
    does not raise."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)

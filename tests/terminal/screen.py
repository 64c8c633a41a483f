"""A terminal for tests: a program in a pty, its keys, and the screen that it paints."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyte

STEADY_S = 0.4
PATIENCE_S = 30.0
"""A deadline for a busy machine, not an expectation."""
TAKE_TERMINAL = 'exec "$@" <>"$0" >&0 2>&0'
"""For `sh -c`: the first terminal that a session's leader opens becomes its own."""
ON_AT_FIRST = frozenset({7, 25})
"""Private modes of a fresh terminal: lines wrap, the cursor shows (xterm, DECSET)."""

_MODES = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KEYBOARD = re.compile(rb"\x1b\[([<>])[0-9;]*u")
_COLOURS = re.compile(rb"\x1b\[([0-9;:]*)m")
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[A-Za-z]|\x1b\[\?[0-9;]*\$[a-z]")
_UNFINISHED = re.compile(rb"\x1b(\[[0-9;:<=>?$]*)?\Z")

Keys = {
    "enter": b"\r",
    "escape": b"\x1b",
    "tab": b"\t",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "ctrl+p": b"\x10",
    "ctrl+c": b"\x03",
}


class Terminal:
    """A program in a terminal of its own; a thread reads and emulates what it writes."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._emulated = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._emulated)
        self._painted: dict[int, str] = {}
        self._rest = b""
        self._news = threading.Condition()
        self.written = b""
        """Every byte that the program wrote."""
        self._master, self._slave = os.openpty()
        self._set_size(columns, rows)
        self._attributes = termios.tcgetattr(self._slave)
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            ["sh", "-c", TAKE_TERMINAL, os.ttyname(self._slave), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "LANG": "C.UTF-8",
                **(env or {}),
            },
            cwd=cwd,
        )
        self._ending = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs, and give the pty back."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self.hang_up()
        os.close(self._slave)

    def hang_up(self) -> None:
        """Close the terminal under the program, as a dropped ssh connection does."""
        self._ending.set()
        self._reader.join(PATIENCE_S)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    # What the program sees

    def press(self, *keys: str) -> None:
        """Type keys by name, or text as it is."""
        for key in keys:
            os.write(self._master, Keys.get(key) or key.encode())

    def click(self, words: str, *, times: int = 1) -> None:
        """Click on the first place where the words stand, if they do not go away meanwhile.

        Written as xterm does in its SGR mouse mode (1006)."""
        self.wait_for(words)
        where = self._place_of(words)
        if where is None:
            return
        for _ in range(times):
            self.press(f"\x1b[<0;{where}M", f"\x1b[<0;{where}m")

    def _place_of(self, words: str) -> str | None:
        """Column and row of the words' first place, once the screen has come to rest: half a
        picture may show them elsewhere."""
        steady_since, place = time.monotonic(), None
        began = steady_since
        while time.monotonic() - steady_since < STEADY_S:
            found = [(at, line) for at, line in enumerate(self.lines) if words in line]
            now = None
            if found:
                row, line = found[0]
                now = f"{line.index(words) + len(words) // 2 + 1};{row + 1}"
            if now != place:
                steady_since, place = time.monotonic(), now
            if time.monotonic() - began > PATIENCE_S:
                break
            time.sleep(0.05)
        return place

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, as dragging its window does."""
        with self._news:
            self._emulated.resize(rows, columns)
            self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)

    def kill(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    # What the test sees

    @property
    def lines(self) -> list[str]:
        """The screen."""
        with self._news:
            for row in self._emulated.dirty:
                self._painted[row] = self._row(row)
            self._emulated.dirty.clear()
            return [self._painted.get(row, "") for row in range(self._emulated.lines)]

    def _row(self, row: int) -> str:
        """A line's text; the second cell of a wide character has none."""
        painted = self._emulated.buffer[row]
        return "".join(painted[column].data for column in range(self._emulated.columns))

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def line_with(self, *words: str) -> str:
        """The first line that carries all the words; empty where none does."""
        return next((line for line in self.lines if all(word in line for word in words)), "")

    def cells(self) -> Iterator[tuple[int, int, Any]]:
        """Row, column and `pyte.screens.Char` of every cell that was painted."""
        with self._news:
            for row in range(self._emulated.lines):
                painted = self._emulated.buffer[row]
                for column in range(self._emulated.columns):
                    yield row, column, painted[column]

    def wait_until(
        self, holds: Callable[[], object], what: str = "", timeout_s: float = PATIENCE_S
    ) -> float:
        """Wait for something to hold, looking at every news; returns the seconds it took.

        Fails with the screen where it does not, or where the program ends before."""
        began = time.monotonic()
        while not holds():
            ended = self.process.poll() is not None
            if time.monotonic() - began > timeout_s or (ended and not holds()):
                state = f"ended with {self.process.returncode}" if ended else "runs"
                raise AssertionError(f"{what or holds}: not within {timeout_s} s; the program "
                                     f"{state}; its screen:\n{self.text}")  # fmt: skip
            with self._news:
                self._news.wait(0.05)
        return time.monotonic() - began

    def wait_for(self, *words: str, timeout_s: float = PATIENCE_S) -> float:
        """Wait until all the words stand on one line."""
        return self.wait_until(
            lambda: self.line_with(*words), f"{' … '.join(words)} on a line", timeout_s
        )

    def wait_gone(self, *words: str, timeout_s: float = PATIENCE_S) -> float:
        """Wait until no line carries all the words."""
        return self.wait_until(
            lambda: not self.line_with(*words), f"no line with {words}", timeout_s
        )

    def wait_for_end(self, timeout_s: float = PATIENCE_S) -> int:
        """The program's exit code, negative for a signal; all its output has been read."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s:\n{self.text}") from None
        with self._news:
            while self._master >= 0 and self._readable(0):
                self._news.wait(0.02)
        return code

    # The terminal's state

    def modes(self) -> dict[int, bool]:
        """The private modes as the program left them."""
        found = dict.fromkeys(ON_AT_FIRST, True)
        for numbers, switch in _MODES.findall(self.written):
            found.update({int(number): switch == b"h" for number in numbers.split(b";")})
        return found

    def left_changed(self) -> list[str]:
        """What differs from a fresh terminal: modes, keyboard protocol, line discipline."""
        changed = [
            f"mode {number} is {'on' if on else 'off'}"
            for number, on in sorted(self.modes().items())
            if on != (number in ON_AT_FIRST)
        ]
        keyboard = sum(1 if switch == b">" else -1 for switch in _KEYBOARD.findall(self.written))
        if keyboard > 0:
            changed.append("keyboard protocol pushed, not popped")
        if termios.tcgetattr(self._slave) != self._attributes:
            changed.append("termios")
        return changed

    def colour_codes(self) -> set[bytes]:
        """SGR parameters that set a colour (30–49 without 39 and 49, 90–107)."""
        found = set()
        for parameters in _COLOURS.findall(self.written):
            numbers = {int(number) for number in re.split(b"[;:]", parameters) if number}
            if any(30 <= n <= 48 and n != 39 for n in numbers) or any(
                90 <= n <= 107 for n in numbers
            ):
                found.add(parameters)
        return found

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._master], [], [], timeout_s)[0])

    def _read(self) -> None:
        while not self._ending.is_set():
            if not self._readable(0.05):
                continue
            # Whoever holds the lock and finds nothing to read knows that all is taken.
            with self._news, contextlib.suppress(OSError):
                self._take(os.read(self._master, 1 << 16))

    def _take(self, data: bytes) -> None:
        with self._news:
            self.written += data
            data = self._rest + data
            cut = _UNFINISHED.search(data)
            self._rest = data[cut.start() :] if cut else b""
            whole = data[: cut.start()] if cut else data
            self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", whole))
            self._news.notify_all()

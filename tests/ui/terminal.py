"""A pseudo-terminal with a console in it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
LEFT_ALTERNATE_SCREEN, CURSOR_SHOWN, MOUSE_OFF = b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"
PASSED_ON = ("PATH", "HOME")


class Terminal:
    """A pseudo-terminal with a console in it."""

    def __init__(self, arguments: Sequence[str], **environment: str) -> None:
        self.own, self.theirs = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.theirs)
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            env={
                **known,
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                **environment,
            },
        )
        self.output = b""

    def resize(self, lines: int, columns: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, *words: bytes) -> None:
        """Read what the console paints until it painted all of `words`."""
        end = time.monotonic() + PATIENCE_S
        while not all(word in self.output for word in words):
            assert time.monotonic() < end, f"never painted {words}: {self.output[-2000:]!r}"
            self._read(0.1)

    def _read(self, seconds: float) -> None:
        if select.select([self.own], [], [], seconds)[0]:
            self.output += os.read(self.own, 65536)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.own, keys.encode())

    def ended(self) -> int:
        """Wait for the end, reading along; returns the exit code."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, f"never ended: {self.output[-2000:]!r}"
            self._read(0.05)
        self._read(0.1)
        return self.process.returncode

    def close(self) -> None:
        """End everything."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.own)
        os.close(self.theirs)

    def assert_restored(self) -> None:
        """The terminal is as it was before."""
        assert LEFT_ALTERNATE_SCREEN in self.output
        assert self.output.rindex(CURSOR_SHOWN) > 0
        assert MOUSE_OFF in self.output
        assert termios.tcgetattr(self.theirs) == self.before

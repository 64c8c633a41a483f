"""The console in a real pseudo-terminal: it leaves the terminal as it found it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

PATIENCE_S = 30.0
LONGEST_QUIT_S = 5.0
"""The goal is two seconds; a busy machine gets some more."""
LEFT_ALTERNATE_SCREEN, CURSOR_SHOWN, MOUSE_OFF = b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"
COLOUR_CODE = re.compile(rb"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


class Terminal:
    """A pseudo-terminal with a console in it."""

    def __init__(self, home: Path, fault: str = "", **environment: str) -> None:
        self.own, self.theirs = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.theirs)
        known = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ui.console_process", fault],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            cwd=root,
            start_new_session=True,
            env={
                **known,
                "HOME": str(home),
                "XDG_STATE_HOME": str(home / "state"),
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(root),
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


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Any]:
    """Opens terminals and closes them at the end."""
    opened: list[Terminal] = []

    def open_terminal(fault: str = "", **environment: str) -> Terminal:
        opened.append(Terminal(tmp_path, fault, **environment))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


def test_q_restores_the_terminal(terminals: Any) -> None:
    terminal = terminals()
    terminal.read_until(b"refills", b"healthy")
    terminal.type("q")
    assert terminal.ended() == 0
    terminal.assert_restored()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_a_signal_restores_the_terminal(terminals: Any, name: str) -> None:
    number = int(getattr(signal, name))
    terminal = terminals()
    terminal.read_until(b"healthy")
    terminal.process.send_signal(number)
    assert terminal.ended() == 128 + number
    terminal.assert_restored()


def test_quit_is_prompt_while_every_server_hangs(terminals: Any) -> None:
    terminal = terminals("hang")
    terminal.read_until(b"refills", b"Sync")
    began = time.monotonic()
    terminal.type("q")
    assert terminal.ended() == 0
    assert time.monotonic() - began < LONGEST_QUIT_S
    terminal.assert_restored()


def test_sigterm_is_prompt_while_a_sync_hears_nothing(terminals: Any) -> None:
    terminal = terminals("sync")
    terminal.read_until(b"Cancel")
    began = time.monotonic()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ended() == 128 + signal.SIGTERM
    assert time.monotonic() - began < LONGEST_QUIT_S
    terminal.assert_restored()


def test_a_crash_restores_the_terminal_and_names_its_log(terminals: Any, tmp_path: Path) -> None:
    terminal = terminals("crash")
    terminal.read_until(b"healthy")
    terminal.type(" ")
    assert terminal.ended() == 1
    terminal.assert_restored()
    [log] = (tmp_path / "state").rglob("crash-*.log")
    text = log.read_text(encoding="utf-8")
    assert "broken on purpose" in text
    assert "hunter2" not in terminal.output.decode(errors="replace")
    assert log.name.encode() in terminal.output


def test_it_follows_the_size_of_the_terminal(terminals: Any) -> None:
    terminal = terminals()
    terminal.read_until(b"healthy")
    terminal.output = b""
    terminal.resize(60, 200)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.read_until(b"Warehouse", b"generation")
    terminal.output = b""
    terminal.resize(24, 80)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.read_until(b"Activity")
    terminal.type("q")
    assert terminal.ended() == 0


def test_no_color_paints_no_colour_code(terminals: Any) -> None:
    terminal = terminals(NO_COLOR="1")
    terminal.read_until(b"healthy", b"Activity")
    terminal.type("2")
    terminal.read_until(b"judged")
    terminal.type("q")
    assert terminal.ended() == 0
    assert COLOUR_CODE.search(terminal.output) is None


def test_colours_are_painted_where_no_color_is_empty(terminals: Any) -> None:
    terminal = terminals(NO_COLOR="")
    terminal.read_until(b"healthy", b"Activity")
    terminal.type("q")
    terminal.ended()
    assert COLOUR_CODE.search(terminal.output) is not None

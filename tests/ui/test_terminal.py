"""The console in a real pseudo-terminal: it leaves the terminal as it found it."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.terminal import Terminal

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

LONGEST_QUIT_S = 5.0
"""The goal is two seconds; a busy machine gets some more."""
COLOUR_CODE = re.compile(rb"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Any]:
    """Opens terminals and closes them at the end."""
    opened: list[Terminal] = []

    def open_terminal(fault: str = "", **environment: str) -> Terminal:
        state = str(tmp_path / "state")
        arguments = ["-m", "tests.ui.console_process", fault]
        opened.append(Terminal(arguments, XDG_STATE_HOME=state, **environment))
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

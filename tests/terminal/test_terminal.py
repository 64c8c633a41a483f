"""The console in a real terminal: it leaves the terminal as it found it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import REPOSITORY
from tests.terminal.screen import Terminal

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

LONGEST_QUIT_S = 15.0
"""The goal is two seconds (`tests.benchmarks.console` tells it); a hung server never ends."""


class OpenConsole(Protocol):
    def __call__(
        self, fault: str = "", *, columns: int = 80, rows: int = 24, **env: str
    ) -> Terminal: ...


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[OpenConsole]:
    """Opens consoles on the fake engine, and closes them at the end."""
    with contextlib.ExitStack() as stack:

        def open_console(
            fault: str = "", *, columns: int = 80, rows: int = 24, **env: str
        ) -> Terminal:
            return stack.enter_context(
                Terminal(
                    [sys.executable, "-m", "tests.terminal.console_process", fault],
                    columns=columns,
                    rows=rows,
                    env={
                        "PYTHONPATH": str(REPOSITORY),
                        "XDG_STATE_HOME": str(tmp_path / "state"),
                        "HOME": str(tmp_path),
                        **env,
                    },
                )
            )

        yield open_console


def assert_ended(terminal: Terminal, code: int) -> None:
    """It ended so, promptly, and the terminal is as it was before."""
    assert terminal.wait_for_end(LONGEST_QUIT_S) == code
    assert terminal.left_changed() == []


def test_q_restores_the_terminal(terminals: OpenConsole) -> None:
    terminal = terminals()
    terminal.wait_for("refills", "healthy")
    assert terminal.left_changed() != []
    terminal.press("q")
    assert_ended(terminal, 0)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_a_signal_restores_the_terminal(terminals: OpenConsole, name: str) -> None:
    number = signal.Signals[name]
    terminal = terminals()
    terminal.wait_for("refills", "healthy")
    terminal.kill(number)
    assert_ended(terminal, 128 + number)


def test_quit_waits_for_no_server_that_hangs(terminals: OpenConsole) -> None:
    terminal = terminals("hang")
    terminal.wait_for("Connections")
    terminal.wait_for("refills")
    terminal.press("q")
    assert_ended(terminal, 0)


def test_sigterm_waits_for_no_sync_that_hears_nothing(terminals: OpenConsole) -> None:
    terminal = terminals("sync")
    terminal.wait_for("x", "Cancel")
    terminal.kill(signal.SIGTERM)
    assert_ended(terminal, 128 + signal.SIGTERM)


def test_a_key_typed_with_q_answers_the_question_that_q_asks(terminals: OpenConsole) -> None:
    terminal = terminals("sync")
    terminal.wait_for("x", "Cancel")
    terminal.press("qc")
    assert_ended(terminal, 1)  # the sync that the command line asked for was cancelled


def test_the_console_of_a_sync_that_failed_ends_with_its_code(terminals: OpenConsole) -> None:
    terminal = terminals("failing")
    terminal.wait_for("Sync · run 40", "failed")
    terminal.press("q")
    assert_ended(terminal, 4)


def test_the_demo_chosen_on_the_welcome_is_opened_by_settings_read_after_the_first_frame(
    terminals: OpenConsole,
) -> None:
    terminal = terminals("welcome")
    terminal.wait_for("Open the demo plant")
    terminal.press("d")
    assert_ended(terminal, 0)
    assert terminal.line_with("the demo was opened")


def test_a_sync_asked_for_before_there_is_an_engine_starts_with_it(terminals: OpenConsole) -> None:
    terminal = terminals("late")
    terminal.wait_for("Connections")
    terminal.press("s")
    terminal.wait_for("Sync", "starting")
    terminal.kill(signal.SIGUSR1)
    terminal.wait_for("Sync · run", "succeeded")
    terminal.press("q")
    assert_ended(terminal, 0)


def test_settings_that_can_not_be_read_are_told_on_the_terminal_as_it_was(
    terminals: OpenConsole,
) -> None:
    terminal = terminals("unreadable")
    assert_ended(terminal, 2)
    assert terminal.line_with("no such thing")


def test_a_crash_restores_the_terminal_and_names_its_log(
    terminals: OpenConsole, tmp_path: Path
) -> None:
    terminal = terminals("crash")
    terminal.wait_for("refills", "healthy")
    terminal.press(" ")
    assert_ended(terminal, 1)
    [log] = (tmp_path / "state").rglob("crash-*.log")
    text = log.read_text(encoding="utf-8")
    assert "broken on purpose" in text
    assert b"hunter2" not in terminal.written
    assert log.name in "".join(terminal.lines)


def test_it_follows_the_size_of_the_terminal(terminals: OpenConsole) -> None:
    terminal = terminals()
    terminal.wait_for("refills", "healthy")
    for _ in range(2):
        terminal.resize(200, 60)
        terminal.wait_for("Activity", "Warehouse")
        terminal.resize(80, 24)
        terminal.wait_gone("Activity", "Warehouse")
        terminal.wait_for("Activity")
    terminal.press("q")
    assert_ended(terminal, 0)


def test_a_storm_of_sizes_ends_in_the_last_one(terminals: OpenConsole) -> None:
    terminal = terminals(columns=120, rows=40)
    terminal.wait_for("refills", "healthy")
    for number in range(60):
        terminal.resize(20 + number * 37 % 180, 5 + number * 23 % 55)
    terminal.resize(120, 40)
    terminal.wait_until(
        lambda: terminal.lines[1].startswith("╭") and terminal.lines[1].endswith("╮"), "frames"
    )
    terminal.wait_for("Quit")
    terminal.press("q")
    assert_ended(terminal, 0)


def test_no_color_paints_no_colour_code(terminals: OpenConsole) -> None:
    terminal = terminals(NO_COLOR="1")
    terminal.wait_for("refills", "healthy")
    terminal.press("2")
    terminal.wait_for("value", "judged")
    terminal.press("q")
    assert_ended(terminal, 0)
    assert terminal.colour_codes() == set()


def test_colours_are_painted_where_no_color_is_empty(terminals: OpenConsole) -> None:
    terminal = terminals(NO_COLOR="")
    terminal.wait_for("refills", "healthy")
    terminal.press("q")
    assert_ended(terminal, 0)
    assert terminal.colour_codes() != set()


def test_a_terminal_of_sixteen_colours_gets_no_others(terminals: OpenConsole) -> None:
    terminal = terminals(
        columns=120, rows=40, TERM="xterm", COLORTERM="", TEXTUAL_THEME="ansi-dark"
    )
    terminal.wait_for("refills", "healthy")
    for key, words in (("2", "judged"), ("3", "throughput"), ("1", "Activity")):
        terminal.press(key)
        terminal.wait_for(words)
    terminal.press("q")
    assert_ended(terminal, 0)
    for code in terminal.colour_codes():
        assert b"38" not in code.split(b";"), code
        assert b"48" not in code.split(b";"), code


def test_a_terminal_that_admits_to_no_more_than_sixteen_colours_is_readable(
    terminals: OpenConsole,
) -> None:
    terminal = terminals(TERM="xterm", COLORTERM="")
    terminal.wait_for("refills", "healthy")
    terminal.press("q")
    assert_ended(terminal, 0)
    codes = terminal.colour_codes()
    assert codes
    for code in codes:
        assert b"2" not in code.split(b";")[1:2], code


def click_away(terminal: Terminal, words: str) -> None:
    """Click on the words until they are gone: a dialog may still move while it opens."""
    terminal.wait_for(words)
    while terminal.line_with(words):
        assert terminal.process.poll() is None, terminal.text
        terminal.click(words, times=2)
        with contextlib.suppress(AssertionError):
            terminal.wait_gone(words, timeout_s=2)
    # The last click may have opened what was below.
    terminal.click("1 Dashboard")
    terminal.wait_for("bodies", "healthy")


def test_the_mouse_alone_suffices(terminals: OpenConsole) -> None:
    terminal = terminals(columns=120, rows=40)
    terminal.wait_for("refills", "healthy")
    terminal.click("2 Quality")
    terminal.wait_for("value", "judged")
    terminal.click("pass")
    terminal.wait_for("pass▴")
    terminal.click("1 Dashboard")
    terminal.wait_for("bodies", "healthy")
    terminal.click("bodies")
    terminal.wait_for("Sync bodies")
    terminal.click("bodies", times=2)
    click_away(terminal, "esc close")
    terminal.click("? Help")
    click_away(terminal, "esc close")
    terminal.click("Full refresh")
    terminal.click("Don't")  # once: on a slow machine another click would hit what is below
    terminal.wait_gone("Don't")
    terminal.click("bodies")
    terminal.click("Sync bodies")
    terminal.wait_for("Sync · run", "succeeded")
    terminal.click("Quit")
    assert_ended(terminal, 0)

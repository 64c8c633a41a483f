"""The console inside tmux: its keys, sizes and end."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.terminal.screen import PATIENCE_S

pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


class Tmux:
    """A tmux server of its own with one pane, in which a shell runs the console."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"
        console = shlex.join([sys.executable, "-m", "tests.terminal.console_process"])
        self._run(
            "-f", os.devnull, "new-session", "-d", "-x", "120", "-y", "40",
            f"echo before; {console}; echo ended with $?; exec cat",
        )  # fmt: skip

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words],
            check=True,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            timeout=PATIENCE_S,
            env={**os.environ, "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY)},
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self._run("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """As a client of another size would."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self) -> list[str]:
        """The pane."""
        return self._run("capture-pane", "-p").splitlines()

    def wait_until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """The pane once it holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(lines := self.lines()):
            assert time.monotonic() < deadline, "\n".join(lines)
            time.sleep(0.05)
        return lines

    def wait_for(self, *words: str) -> list[str]:
        """The pane once all the words stand on one of its lines."""
        return self.wait_until(lambda lines: any(all(w in line for w in words) for line in lines))

    def kill(self) -> None:
        self._run("kill-server")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """tmux with a console in it."""
    opened = Tmux(tmp_path)
    yield opened
    opened.kill()


def test_in_tmux_keys_sizes_and_quitting_work(tmux: Tmux) -> None:
    tmux.wait_for("refills", "healthy")
    tmux.press("2")
    tmux.wait_for("value", "judged")
    tmux.press("Down", "Enter")
    tmux.wait_for("LINE-REFILLS-002", "pass rate by day")
    tmux.press("Escape")
    tmux.wait_for("value", "judged")
    tmux.press("1")
    tmux.resize(200, 60)
    tmux.wait_for("Activity", "Warehouse")
    tmux.resize(80, 24)
    tmux.wait_until(lambda lines: len(lines) <= 24 and lines[1].startswith("─Connections"))
    tmux.press("s")
    tmux.wait_for("Sync · run", "succeeded")
    tmux.press("q")
    left = tmux.wait_for("ended with 0")
    assert left[:2] == ["before", "ended with 0"]

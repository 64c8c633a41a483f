"""A sync without a console in a terminal: its bars, and what a plain terminal gets."""

from __future__ import annotations

import pytest

from tests.cli.program import program
from tests.conftest import REPOSITORY
from tests.terminal.screen import Terminal

pytestmark = pytest.mark.unit


def painted(**env: str) -> bytes:
    """All that a successful sync writes into its terminal."""
    command = program("FakeEngine()", "--headless", "sync")
    with Terminal(command, env={"PYTHONPATH": str(REPOSITORY), **env}) as terminal:
        assert terminal.wait_for_end() == 0
        return terminal.written


def test_a_terminal_sees_bars_then_the_table() -> None:
    written = painted()
    assert b"\x1b[?25l" in written
    assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")
    assert b"total" in written


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_sees_no_escape(plain: dict[str, str]) -> None:
    written = painted(**plain)
    assert b"\x1b" not in written
    assert b"refills.refills_production: succeeded" in written

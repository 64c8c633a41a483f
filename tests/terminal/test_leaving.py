"""Cancelling, quitting and being stopped: the terminal and the old rows stay as they were."""

from __future__ import annotations

import json
import signal

import pytest

from tests.conftest import RunCli
from tests.postgres import Factory
from tests.terminal.consoles import (
    PROMPT_S,
    Gate,
    OpenConsole,
    assert_quits,
    raw_rows,
    start_gated_sync,
    statuses,
    wait_for_status,
)
from tests.terminal.screen import PATIENCE_S

pytestmark = pytest.mark.integration


def test_cancelling_ends_the_sync_and_not_the_console(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.press("x")
    terminal.wait_for("Sync · run 1", "cancelled", timeout_s=PROMPT_S)
    assert raw_rows(factory, "refills") == 0
    assert statuses(factory) == ["cancelled"]
    assert_quits(terminal)


def test_quitting_during_a_sync_may_cancel_it(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.press("q")
    terminal.wait_for("Cancel and quit")
    terminal.press("c")
    assert terminal.wait_for_end(PROMPT_S) == 0
    assert terminal.left_changed() == []
    wait_for_status(factory, "cancelled")
    assert raw_rows(factory, "refills") == 0


def test_quitting_during_a_sync_may_wait_for_it(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.press("q")
    terminal.wait_for("Keep watching")
    terminal.press("w")
    terminal.wait_gone("Keep watching")
    assert terminal.process.poll() is None
    gate.open()
    assert terminal.wait_for_end() == 0
    assert terminal.left_changed() == []
    assert statuses(factory) == ["succeeded"]
    assert raw_rows(factory, "refills") == 100


def test_quitting_during_a_sync_may_be_thought_better_of(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.press("q")
    terminal.wait_for("Cancel and quit")
    terminal.press("s")
    terminal.wait_gone("Cancel and quit")
    gate.open()
    terminal.wait_for("Sync · run 1", "succeeded")
    assert_quits(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_during_a_sync_restores_the_terminal_and_the_old_rows(
    factory: Factory, gate: Gate, open_console: OpenConsole, number: signal.Signals
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    assert terminal.left_changed() != []
    terminal.kill(number)
    assert terminal.wait_for_end(PROMPT_S) == 128 + number
    assert terminal.left_changed() == []
    wait_for_status(factory, "cancelled")
    assert raw_rows(factory, "refills") == 0


def test_a_terminal_that_goes_away_ends_the_console_and_its_sync(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.hang_up()
    terminal.process.wait(PATIENCE_S)
    wait_for_status(factory, "cancelled")
    assert raw_rows(factory, "refills") == 0


def test_after_a_kill_nothing_is_half_loaded_and_the_next_sync_works(
    factory: Factory, gate: Gate, open_console: OpenConsole, run_cli: RunCli
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    terminal.kill(signal.SIGKILL)
    assert terminal.wait_for_end() == -signal.SIGKILL
    assert raw_rows(factory, "refills") == 0
    gate.open()
    after = run_cli("--headless", "sync", "--json")
    assert after.returncode == 0, after.stderr
    assert json.loads(after.stdout)["records_loaded"] == 350
    assert statuses(factory) == ["abandoned", "succeeded"]
    again = open_console()
    again.wait_for("Sync · run 2", "succeeded")
    again.press("3")
    again.wait_for("abandoned")
    assert_quits(again)

"""When the dashboard opens, with what, and what is said where it can't."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from elconsole.core.errors import (
    UsageError,
)
from elconsole.core.results import (
    SyncRequest,
)
from tests.cli.commandline import CommandLine

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("words", ["", "sync refills", "--read-only"])
def test_the_dashboard_refuses_what_is_no_terminal(words: str) -> None:
    line = CommandLine()
    ended = line.run(words)
    assert (ended.code, ended.out, line.consoles) == (2, "", [])
    assert "--headless" in ended.err


def test_the_dashboard_refuses_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    line = CommandLine()
    assert line.run("", terminal=True).code == 2
    assert line.consoles == []


def test_without_a_command_the_dashboard_opens() -> None:
    line = CommandLine()
    assert line.run("--read-only", terminal=True).code == 0
    (options,) = line.consoles
    assert options.read_only
    assert options.sync_request is None
    assert options.environment == "pen plant"
    assert [c.name for c in options.connections] == ["refills", "bodies", "springs", "warehouse"]
    assert line.engine.closed


def test_sync_on_a_terminal_opens_the_dashboard_with_that_sync() -> None:
    line = CommandLine()
    assert line.run("sync refills --full", terminal=True).code == 0
    assert line.consoles[0].sync_request == SyncRequest(("refills",), full=True)


def test_a_first_start_without_configuration_is_welcomed() -> None:
    line = CommandLine()
    line.run("", terminal=True)
    welcome = line.consoles[0].welcome
    assert welcome is not None
    assert welcome.write_configuration() == Path("elconsole.toml").absolute()
    line.run("", terminal=True)
    assert line.consoles[1].welcome is None
    assert line.consoles[1].config_path is not None


def test_the_welcome_can_open_the_demo() -> None:
    line = CommandLine()
    line.run("", terminal=True)
    assert line.consoles[0].welcome is not None
    with pytest.raises(UsageError, match="terminal"):
        line.consoles[0].welcome.open_demo()


def test_the_console_of_a_sync_ends_as_headless_would() -> None:
    line = CommandLine()
    line.run("sync", terminal=True)
    detail = line.engine.sync(SyncRequest(), emit=lambda _: None, stop=threading.Event())
    locked = replace(detail, tables=(replace(detail.tables[0], status="locked"),))
    code_of = line.consoles[0].sync_exit_code
    assert code_of is not None
    assert (code_of(detail), code_of(locked)) == (0, 4)


def test_the_demo_s_console_can_let_the_plant_produce() -> None:
    line = CommandLine()
    line.run("--demo", terminal=True)
    assert line.consoles[0].demo
    assert not line.consoles[0].demo_live
    assert line.consoles[0].start_demo_live is not None
    assert line.consoles[0].welcome is None

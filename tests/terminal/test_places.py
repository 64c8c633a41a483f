"""Where the console must not open, and where it paints without colours."""

from __future__ import annotations

import pytest

from tests.conftest import RunCli
from tests.postgres import Factory
from tests.terminal.consoles import (
    TABLES,
    OpenConsole,
    assert_quits,
    write_settings,
)

pytestmark = pytest.mark.integration


def test_without_a_terminal_it_refuses_and_names_headless(
    factory: Factory, run_cli: RunCli
) -> None:
    write_settings(factory)
    for arguments in ((), ("sync", "refills")):
        refused = run_cli(*arguments)
        assert refused.returncode == 2
        assert "needs a terminal" in refused.stderr
        assert "--headless sync" in refused.stderr
        assert refused.stdout == ""


def test_a_dumb_terminal_is_refused_without_an_escape(
    factory: Factory, open_console: OpenConsole
) -> None:
    write_settings(factory)
    terminal = open_console(env={"TERM": "dumb"})
    assert terminal.wait_for_end() == 2
    terminal.wait_for("--headless")
    assert b"\x1b" not in terminal.written


def test_no_color_gives_no_colour_codes(
    factory: Factory, run_cli: RunCli, open_console: OpenConsole
) -> None:
    role = factory.roles["bodies"]
    factory.sources["bodies"].sql(f'REVOKE SELECT ON {TABLES["bodies"]} FROM "{role}"')
    write_settings(factory)
    terminal = open_console(env={"NO_COLOR": "1"})
    terminal.wait_for("refills", "healthy")
    terminal.press("s")
    terminal.wait_for(f"bodies.{TABLES['bodies']}", "✗ failed")
    terminal.press("2")
    terminal.wait_for("LINE-REFILLS-001")
    terminal.press("ctrl+p")
    terminal.wait_for("Search for commands")
    terminal.press("escape")
    terminal.wait_gone("Search for commands")
    assert_quits(terminal)
    assert terminal.colour_codes() == set()

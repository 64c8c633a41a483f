"""The console as people meet it: the real program in a real terminal on real databases."""

from __future__ import annotations

import getpass
import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, RunCli
from tests.postgres import Factory
from tests.terminal.consoles import (
    TABLES,
    Gate,
    OpenConsole,
    assert_framed,
    assert_quits,
    assert_stacked,
    open_error,
    raw_rows,
    start_gated_sync,
    write_settings,
)
from tests.terminal.screen import PATIENCE_S

pytestmark = pytest.mark.integration


# The main job


def test_the_demo_plant_syncs_by_one_key_in_an_empty_home(open_console: OpenConsole) -> None:
    terminal = open_console("--demo")
    terminal.wait_for("all healthy", timeout_s=90)
    for name in (*TABLES, "warehouse"):
        terminal.wait_for("●", name, "healthy")
    terminal.press("s")
    terminal.wait_for("Sync · run 1", "succeeded")
    terminal.wait_for("total", "350 rows", "0 failed")
    terminal.wait_for("LINE-REFILLS-001", "94.6 %")
    terminal.wait_for("metal", "87.1 %")
    assert_framed(terminal)
    assert_quits(terminal)


def test_a_living_demo_plant_brings_new_units_with_every_sync(open_console: OpenConsole) -> None:
    terminal = open_console("--demo-live")
    terminal.wait_for("all healthy", timeout_s=90)
    for run in itertools.count(1):
        terminal.press("s")
        terminal.wait_for(f"Sync · run {run} ", "succeeded")
        terminal.wait_for("total", "rows", "0 failed")
        if terminal.line_with("all lines") and not terminal.line_with("all lines", " 350 units"):
            break
    assert_quits(terminal)


def test_opening_and_closing_changes_nothing_in_the_warehouse(
    factory: Factory, open_console: OpenConsole
) -> None:
    write_settings(factory)
    terminal = open_console()
    terminal.wait_for("No sync has run yet")
    terminal.wait_for("all healthy")
    terminal.press("2", "3", "4", "5", "1")
    terminal.wait_for("Connections")
    assert_quits(terminal)
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('raw', 'elconsole')"
    assert factory.warehouse.scalar(schemas) == 0


def test_settings_that_can_not_be_read_are_told_once_the_terminal_is_as_it_was(
    factory: Factory, open_console: OpenConsole
) -> None:
    write_settings(factory)
    with Path("elconsole.toml").open("a", encoding="utf-8") as file:
        file.write("\n[sources.refills.table.x]\nmoed = 'full'\n")
    terminal = open_console()
    assert terminal.wait_for_end() == 2
    assert terminal.left_changed() == []
    terminal.wait_for("moed")
    terminal.wait_for("mode")


def test_progress_is_seen_while_a_sync_runs_and_how_it_ended(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    start_gated_sync(terminal)
    assert "✓" not in terminal.line_with(f"refills.{TABLES['refills']}")
    terminal.wait_for("x cancel")
    gate.open()
    terminal.wait_for("Sync · run 1", "succeeded")
    terminal.wait_for("total", "350 rows", "0 failed")
    assert {source: raw_rows(factory, source) for source in TABLES} == {
        "refills": 100,
        "bodies": 100,
        "springs": 150,
    }
    assert_quits(terminal)


def test_a_sync_of_another_process_appears_live_with_who_and_where(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console()
    terminal.wait_for("No sync has run yet")
    with subprocess.Popen(
        [sys.executable, "-m", "elconsole", "--headless", "-q", "sync"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as headless:
        terminal.wait_for("Sync · run 1", "running")
        terminal.wait_for("run by", f"{getpass.getuser()}@{socket.gethostname()}")
        terminal.wait_for(f"pid {headless.pid}")
        terminal.wait_for(f"bodies.{TABLES['bodies']}", "✓")
        gate.open()
        terminal.wait_for("Sync · run 1", "succeeded")
        assert headless.wait(PATIENCE_S) == 0
    assert_quits(terminal)


def test_sync_with_a_source_opens_the_dashboard_with_that_sync_started(
    factory: Factory, open_console: OpenConsole
) -> None:
    write_settings(factory)
    terminal = open_console("sync", "refills")
    terminal.wait_for("Sync · run 1", "succeeded")
    terminal.wait_for("total", "100 rows")
    assert not terminal.line_with("bodies.bodies_production", "✓")
    assert [raw_rows(factory, source) for source in TABLES] == [100, 0, 0]
    assert_quits(terminal)


def test_a_failed_table_explains_itself(factory: Factory, open_console: OpenConsole) -> None:
    role = factory.roles["bodies"]
    factory.sources["bodies"].sql(f'REVOKE SELECT ON {TABLES["bodies"]} FROM "{role}"')
    write_settings(factory)
    terminal = open_console()
    terminal.wait_for("refills", "healthy")
    terminal.press("s")
    terminal.wait_for("Sync · run 1", "failed")
    terminal.wait_for(f"bodies.{TABLES['bodies']}", "✗ failed")
    terminal.wait_for(f"springs.{TABLES['springs']}", "✓")
    open_error(terminal, "bodies.bodies_production", below_first=1)
    terminal.wait_for("SQLSTATE", "42501")
    terminal.wait_for("What to do")
    terminal.press("escape")
    terminal.wait_gone("What to do")
    assert_quits(terminal)


# Keys and pages


def test_pages_filter_and_help_by_keyboard(
    factory: Factory, run_cli: RunCli, open_console: OpenConsole
) -> None:
    write_settings(factory)
    assert run_cli("--headless", "sync").returncode == 0
    terminal = open_console()
    terminal.wait_for("Sync · run 1", "succeeded")
    for key, words in (
        ("2", ("purple", "85.0 %")),
        ("3", ("succeeded", "350")),
        ("4", ("springs.springs_production", "same")),
        ("5", ("refills.refills_production",)),
        ("1", ("Pass rate by line",)),
    ):
        terminal.press(key)
        terminal.wait_for(*words)
        assert_framed(terminal)
    terminal.press("2", "/")
    terminal.wait_for("enter", "keep the filter")
    terminal.press("metal")
    terminal.wait_gone("purple")
    terminal.press("enter")
    terminal.wait_for("metal", "87.1 %")
    terminal.press("escape")
    terminal.wait_for("purple")
    terminal.press("?")
    terminal.wait_for("Full refresh")
    terminal.wait_for("esc close")
    terminal.press("escape")
    terminal.wait_gone("esc close")
    assert_quits(terminal)


def test_the_palette_syncs_one_source(factory: Factory, open_console: OpenConsole) -> None:
    write_settings(factory)
    terminal = open_console()
    terminal.wait_for("all healthy")
    terminal.press("ctrl+p")
    terminal.wait_for("Search for commands")
    terminal.press("Sync springs")
    terminal.wait_for("This source only")
    terminal.wait_gone("Go to Quality")
    terminal.press("down", "enter")
    terminal.wait_for("Sync · run 1", "succeeded")
    assert [raw_rows(factory, source) for source in TABLES] == [0, 0, 150]
    assert_quits(terminal)


def test_a_full_refresh_asks_first(factory: Factory, open_console: OpenConsole) -> None:
    write_settings(factory)
    terminal = open_console()
    terminal.wait_for("all healthy")
    terminal.press("f")
    terminal.wait_for("every configured table")
    terminal.press("n")
    terminal.wait_gone("every configured table")
    assert factory.warehouse.scalar("SELECT to_regclass('elconsole.runs')") is None
    terminal.press("f")
    terminal.wait_for("every configured table")
    terminal.press("y")
    terminal.wait_for("Sync · run 1 · full", "succeeded")
    assert_quits(terminal)


def test_a_read_only_console_has_no_key_that_writes(
    factory: Factory, open_console: OpenConsole
) -> None:
    write_settings(factory)
    terminal = open_console("--read-only")
    terminal.wait_for("all healthy")
    assert "Sync" not in terminal.lines[-1]
    terminal.press("s", "f", "3")
    terminal.wait_for("3 Runs", "healthy")
    assert_quits(terminal)
    assert factory.warehouse.scalar("SELECT to_regnamespace('elconsole')") is None


# Sizes


def test_resizing_during_a_sync_keeps_the_layout(
    factory: Factory, gate: Gate, open_console: OpenConsole
) -> None:
    terminal = open_console(columns=80, rows=24)
    start_gated_sync(terminal)
    assert_stacked(terminal)
    for _ in range(2):
        terminal.resize(200, 60)
        terminal.wait_for("Warehouse")
        assert_framed(terminal)
        terminal.resize(80, 24)
        assert_stacked(terminal)
    terminal.resize(60, 16)
    assert_stacked(terminal)
    terminal.resize(40, 10)
    terminal.wait_until(
        lambda: "running" in terminal.lines[0] and not "".join(terminal.lines[1:]).strip(),
        "a summary in one line",
    )
    terminal.resize(120, 40)
    terminal.wait_for("Sync · run 1", "running")
    assert_framed(terminal)
    gate.open()
    terminal.wait_for("Sync · run 1", "succeeded")
    assert_quits(terminal)

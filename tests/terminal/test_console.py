"""The console as people meet it: the real program in a real terminal on real databases."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from tests.conftest import REPOSITORY, RunCli
from tests.postgres import Database, Factory
from tests.terminal.screen import PATIENCE_S, Terminal

pytestmark = pytest.mark.integration

PROMPT_S = 15.0
"""The console promises two seconds (`tests.benchmarks.console` measures them); this is what
tells a slow machine from a console that waits for a server."""
FRAMES = {(left, right) for left in "╭│╰" for right in "╮│╯"}
"""First and last cell of a line between frames."""
TABLES = {name: f"{name}_production" for name in ("refills", "bodies", "springs")}
ANY_SYNC_LOCK = 7
GATE = f"""
    CREATE FUNCTION opened() RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        WHILE NOT pg_try_advisory_xact_lock_shared({ANY_SYNC_LOCK}) LOOP
            PERFORM pg_sleep(0.05);
        END LOOP;
        RETURN true;
    END $$"""
BEFORE_GATE = 40
"""Units of a gated table that a sync reads before it has to wait."""


class OpenConsole(Protocol):
    def __call__(
        self, *arguments: str, columns: int = 120, rows: int = 40, env: Mapping[str, str] = ...
    ) -> Terminal: ...


@pytest.fixture
def open_console() -> Iterator[OpenConsole]:
    """Opens `elconsole` in terminals, which end with the test."""
    with contextlib.ExitStack() as stack:

        def open_(
            *arguments: str,
            columns: int = 120,
            rows: int = 40,
            env: Mapping[str, str] | None = None,
        ) -> Terminal:
            return stack.enter_context(
                Terminal(
                    [sys.executable, "-m", "elconsole", *arguments],
                    columns=columns,
                    rows=rows,
                    env={"PYTHONPATH": str(REPOSITORY), **(env or {})},
                )
            )

        yield open_


def write_settings(factory: Factory, **changes: Mapping[str, Any]) -> None:
    """Write `elconsole.toml` into the working folder; `changes` are keys of connections."""
    blocks = {name: factory.connection(name) for name in (*factory.sources, "warehouse")}
    lines = ['name = "pen plant"', "connect_timeout = 30", "retries = 0"]
    for name, block in blocks.items():
        lines.append("[warehouse]" if name == "warehouse" else f"[sources.{name}]")
        if name != "warehouse":
            block["tables"] = [TABLES[name]]
        block |= changes.get(name, {})
        tables = block.pop("table", {})
        lines += [f"{key} = {json.dumps(value)}" for key, value in block.items()]
        for table, keys in tables.items():
            lines.append(f"[sources.{name}.table.{json.dumps(table)}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    path = Path("elconsole.toml")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)


@dataclass
class Gate:
    """Holds every sync of a source after its first units, until it is opened."""

    source: Database
    holder: psycopg.Connection[tuple[Any, ...]]

    def open(self) -> None:
        self.holder.close()


@pytest.fixture
def gate(factory: Factory) -> Iterator[Gate]:
    """A gate in the source refills, shut, and settings that lead through it."""
    source = factory.sources["refills"]
    source.sql(GATE)
    gated = {"where": f"id <= {BEFORE_GATE} OR public.opened()"}
    write_settings(factory, refills={"table": {TABLES["refills"]: gated}})
    with source.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ANY_SYNC_LOCK])
        yield Gate(source, holder)


def start_gated_sync(terminal: Terminal) -> None:
    """Press `s`, and wait until the other tables are done and refills stands at the gate."""
    terminal.wait_for("all healthy")
    terminal.press("s")
    terminal.wait_for("· running")
    for source in ("bodies", "springs"):
        terminal.wait_for(f"{source}.{TABLES[source]}", "✓")


def statuses(factory: Factory) -> list[str]:
    """The ledger's runs, oldest first."""
    rows = factory.warehouse.sql("SELECT status FROM elconsole.runs ORDER BY run_number")
    return [row[0] for row in rows]


def wait_for_status(factory: Factory, *expected: str) -> None:
    """Wait until the ledger's runs stand so."""
    deadline = time.monotonic() + PATIENCE_S
    while statuses(factory) != list(expected):
        assert time.monotonic() < deadline, statuses(factory)


def raw_rows(factory: Factory, source: str) -> int:
    """Rows of a raw table; 0 where it does not exist."""
    name = f"raw.{TABLES[source]}"
    if factory.warehouse.scalar("SELECT to_regclass(%s)", name) is None:
        return 0
    return int(factory.warehouse.scalar(f"SELECT count(*) FROM {name}"))


def assert_framed(terminal: Terminal) -> None:
    """Wait for a whole page: bars at top and bottom, frames from edge to edge between."""

    def framed() -> bool:
        top, *page, keys = terminal.lines
        edges = {(line[0], line[-1]) for line in page if "▌" not in line}
        return "elconsole" in top and "Help" in keys and edges <= FRAMES

    terminal.wait_until(framed, "a page whose frames reach from edge to edge")


def assert_stacked(terminal: Terminal) -> None:
    """The same for small terminals, where rules stand for frames."""

    def stacked() -> bool:
        top, *page, keys = terminal.lines
        rules = [line for line in page if line.startswith("─")]
        return (
            "1 Dashboard" in top
            and "healthy" in top
            and "Quit" in keys
            and len(rules) > 1
            and "Connections" in rules[0]
            and "Sync" in rules[1]
            and all(line.endswith("─") for line in rules)
        )

    terminal.wait_until(stacked, "stacked panels")


def assert_quits(terminal: Terminal) -> None:
    """Quit, promptly, with the terminal as it was."""
    terminal.press("q")
    assert terminal.wait_for_end(PROMPT_S) == 0
    assert terminal.left_changed() == []


def open_error(terminal: Terminal, table: str, *, below_first: int) -> None:
    """Open the error of a table that stands so many rows below the sync panel's first."""
    terminal.press("enter")
    terminal.wait_for("enter Open")
    terminal.press("tab", "home", *["down"] * below_first)
    terminal.wait_until(lambda: f"Sync {table}" in terminal.lines[-1], f"the cursor on {table}")
    terminal.press("enter")
    terminal.wait_for("c copy")


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


# Leaving


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


# Where it must not open


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


# Trouble


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield int(listener.getsockname()[1])


def test_a_hung_source_delays_nothing_but_its_own_row(
    factory: Factory, open_console: OpenConsole
) -> None:
    with silent_server() as port:
        hung = {"host": "127.0.0.1", "port": port, "password": "x"}
        write_settings(factory, springs=hung)
        terminal = open_console()
        for name in ("refills", "bodies", "warehouse"):
            terminal.wait_for(f" {name} ", "healthy")
        assert not terminal.line_with(" springs ", "healthy")
        terminal.wait_for(" springs ", "no answer")
        terminal.press("s")
        terminal.wait_for("Sync", "starting")
        for key, words in (("3", "Runs"), ("2", "Pass rates"), ("1", "Connections")):
            terminal.press(key)
            terminal.wait_for(words, timeout_s=PROMPT_S)
        terminal.press("s")
        terminal.press("q")
        terminal.wait_for("Cancel and quit")
        terminal.press("c")
        assert terminal.wait_for_end(PROMPT_S) == 0
        assert terminal.left_changed() == []


def test_a_lost_warehouse_shows_and_comes_back_by_itself(
    factory: Factory, session_folder: Path, home: Path, open_console: OpenConsole
) -> None:
    here = factory.connection("warehouse")
    door = home / f".s.PGSQL.{here['port']}"
    door.symlink_to(Path(here["host"]) / door.name)
    write_settings(factory, warehouse={"host": str(home)})
    terminal = open_console()
    terminal.wait_for("all healthy")
    door.unlink()
    factory.warehouse.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    terminal.wait_for(" warehouse ", "down")
    for name in TABLES:
        terminal.wait_for(f" {name} ", "healthy")
    terminal.press("3", "1")
    terminal.wait_for("Connections", timeout_s=PROMPT_S)
    door.symlink_to(Path(here["host"]) / door.name)
    terminal.press("r")
    terminal.wait_for("all healthy")
    door.unlink()
    factory.warehouse.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert_quits(terminal)


HOSTILE = (
    "[red]markup[/red]",
    "[/]",
    "[@click=app.quit]press[/]",
    "escape\x1b[31m\x1b[2J\x1b]0;title\x07",
    "emoji 🧪🏭 done",
    "שלום עולם \u202eevil",
    "zero\u200bwidth\u0301",
    "line\nbreak\ttab\r",
    "x" * 10_000,
)


def test_foreign_text_neither_breaks_the_layout_nor_changes_colours(
    factory: Factory, open_console: OpenConsole
) -> None:
    source = factory.sources["refills"]
    names = [text[:40] for text in HOSTILE]
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        source.sql(f"CREATE TABLE {quoted} (id int PRIMARY KEY)")
    source.sql("CREATE TABLE odd (id serial PRIMARY KEY, line text, state text)")
    for text in HOSTILE:
        source.sql("INSERT INTO odd (line, state) VALUES (%s, 'ok'), (%s, 'error')", text, text)
    source.sql("CREATE TABLE loud (id int PRIMARY KEY)")
    source.sql("INSERT INTO loud VALUES (1)")
    message = "".join(HOSTILE).replace("'", "''").replace("%", "%%")
    source.sql(
        "CREATE FUNCTION shout() RETURNS boolean LANGUAGE plpgsql AS"
        f" $$BEGIN RAISE EXCEPTION '{message}'; END$$"
    )
    source.sql(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{factory.roles["refills"]}"')
    tables = {"odd": {"columns": ["id", "line", "state"]}, "loud": {"where": "public.shout()"}}
    write_settings(factory, refills={"tables": ["*"], "table": tables})
    path = Path("elconsole.toml")
    quality = (
        '[sources.refills.table.odd.quality]\nstatus = "state"\npassed = ["ok"]\nby = ["line"]\n'
    )
    path.write_text(path.read_text() + quality)

    terminal = open_console()
    terminal.wait_for("refills", "healthy")
    terminal.press("s")
    terminal.wait_for("Sync · run 1", "failed")
    terminal.wait_for("refills.loud", "✗ failed")
    assert_framed(terminal)
    for key, words in (("2", "[red]markup"), ("3", "failed"), ("4", "same"), ("5", "loud")):
        terminal.press(key)
        terminal.wait_for(words)
        assert_framed(terminal)
    for columns, rows in ((80, 24), (200, 60), (120, 40)):
        terminal.resize(columns, rows)
        terminal.press("1")
        (assert_stacked if columns == 80 else assert_framed)(terminal)
    open_error(terminal, "refills.loud", below_first=0)
    terminal.press("end")
    terminal.wait_for("SQLSTATE", "P0001")
    terminal.press("escape")
    terminal.wait_gone("SQLSTATE")
    assert_quits(terminal)
    for sequence in (
        b"\x1b[31m",
        b"\x1b[2J",
        b"\x1b]0;title",
        "\u202e".encode(),
        "\u200b".encode(),
    ):
        assert sequence not in terminal.written

"""A real console on real databases: its settings, its syncs and its screen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from tests.postgres import Database, Factory
from tests.terminal.screen import Terminal
from tests.waiting import until

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
    until(lambda: statuses(factory) == list(expected), f"runs that are {expected}")


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

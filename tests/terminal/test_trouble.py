"""Servers that hang, go away or say foreign things."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Factory
from tests.terminal.consoles import (
    PROMPT_S,
    TABLES,
    OpenConsole,
    assert_framed,
    assert_quits,
    assert_stacked,
    open_error,
    write_settings,
)

pytestmark = pytest.mark.integration


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

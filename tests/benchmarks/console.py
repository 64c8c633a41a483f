"""`python -m tests.benchmarks.console`: what the console costs, beside a Textual hello-world.

Both run in a pty of 120×40 in the same run, taking turns; times are medians of the
rounds. Absolute figures depend on the machine, the ratios hardly.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.postgres import (
    SOURCES,
    Factory,
    PostgresServer,
    grant_least,
    reachable_folder,
    seed_source,
)
from tests.terminal.screen import Terminal

HELLO = """
from textual.app import App
from textual.widgets import Static

class Hello(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self):
        yield Static("Hello, world")

Hello().run()
"""
CONSOLE = ("-m", "elconsole")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SMALL_TABLE = (
    "CREATE TABLE small_{number} (id int PRIMARY KEY, name text);"
    " INSERT INTO small_{number} VALUES (1, 'one')"
)
EVERY_ROW_WAITS = "pg_sleep(0.002) IS NOT NULL"
"""Makes a sync last: each row of each table costs its source some milliseconds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result."""

    what: str
    measured: float
    unit: str
    goal: float

    def line(self) -> str:
        verdict = "ok" if self.measured <= self.goal else "**exceeds**"
        return (
            f"| {self.what} | {self.measured:.3g} {self.unit} | ≤ {self.goal:g} {self.unit}"
            f" | {verdict} |"
        )


def cpu_s(pid: int) -> float:
    """Processor time that a process has used: user and system, proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Resident memory at its highest (VmHWM), in megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def share_of_a_core(terminal: Terminal, seconds: float) -> float:
    """Percent of one core that the program takes over a span of time."""
    before, began = cpu_s(terminal.process.pid), time.monotonic()
    time.sleep(seconds)
    used = cpu_s(terminal.process.pid) - before
    return 100 * used / (time.monotonic() - began)


def key_latencies_ms(terminal: Terminal, presses: int) -> list[float]:
    """From a key to the end of what it paints: moving the cursor up and down."""
    found = []
    for number in range(presses):
        time.sleep(0.03 + number % 7 * 0.01)
        seen = len(terminal.written)
        key, began = ("down", "up")[number % 2], time.perf_counter()
        terminal.press(key)
        terminal.wait_until(lambda: len(terminal.written) > seen, "paint")  # noqa: B023
        found.append(1000 * (time.perf_counter() - began))
    return found


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


@contextlib.contextmanager
def plant(rows: int, small_tables: int) -> Iterator[Factory]:
    """A server of its own, with a pen plant of so many rows a source, and so many small
    tables in one of them."""
    with reachable_folder() as folder:
        server = PostgresServer(folder)
        server.start()
        try:
            names = (*SOURCES, "warehouse")
            databases = {name: server.create_database(name) for name in names}
            roles = {name: server.create_role(name) for name in names}
            for name in SOURCES:
                seed_source(databases[name], name, rows)
            for number in range(small_tables):
                databases[SOURCES[0]].sql(SMALL_TABLE.format(number=number))
            sources = {name: databases[name] for name in SOURCES}
            factory = Factory(sources, databases["warehouse"], roles)
            grant_least(factory)
            databases[SOURCES[0]].sql(
                f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{roles[SOURCES[0]]}"'
            )
            yield factory
        finally:
            server.stop()


def write_settings(factory: Factory, *, slow: bool, every_table: bool = False) -> None:
    """Write `elconsole.toml` into the working folder."""
    lines = ['name = "benchmark"']
    for name in (*factory.sources, "warehouse"):
        lines.append("[warehouse]" if name == "warehouse" else f"[sources.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in factory.connection(name).items()]
        if name != "warehouse":
            tables = ["*"] if every_table else [f"{name}_production"]
            lines.append(f"tables = {json.dumps(tables)}")
        if slow and name != "warehouse":
            lines.append(f"[sources.{name}.table.{name}_production]")
            lines.append(f"where = {json.dumps(EVERY_ROW_WAITS)}")
    Path("elconsole.toml").write_text("\n".join(lines))


def opened(*arguments: str) -> Terminal:
    """Python with arguments, in a terminal."""
    env = {"PYTHONPATH": str(REPOSITORY)}
    return Terminal([sys.executable, *arguments], env=env)


def start_s(arguments: tuple[str, ...], painted: Callable[[Terminal], object]) -> float:
    """From the start of the process until something is painted."""
    with opened(*arguments) as terminal:
        terminal.wait_until(lambda: painted(terminal), "first paint")
        return time.monotonic() - terminal.started_at


def quit_s(terminal: Terminal, key: str) -> float:
    """From the key to the end of the process."""
    began = time.monotonic()
    terminal.press(key)
    terminal.wait_for_end()
    return time.monotonic() - began


def starts(rounds: int) -> list[Figure]:
    """First frame and first names, against hello-world, taking turns."""
    hello, frame, names, healthy = [], [], [], []
    for _ in range(rounds):
        hello.append(start_s(("-c", HELLO), lambda t: "Hello, world" in t.text))
        frame.append(start_s(CONSOLE, lambda t: "elconsole" in t.text))
        names.append(start_s(CONSOLE, lambda t: t.line_with(" warehouse ")))
        healthy.append(start_s(CONSOLE, lambda t: "all healthy" in t.text))
    base = statistics.median(hello)
    print(f"hello-world paints after {base:.2f} s", file=sys.stderr)
    return [
        Figure("first frame, to hello-world's", statistics.median(frame) / base, "×", 1.8),
        Figure("connections' names, to hello-world's", statistics.median(names) / base, "×", 2.5),
        Figure("all healthy, to hello-world's", statistics.median(healthy) / base, "×", 5),
    ]


def at_rest(seconds: float, presses: int) -> list[Figure]:
    """CPU, keys, memory and quitting where nothing runs."""
    with opened(*CONSOLE) as terminal:
        terminal.wait_for("all healthy")
        terminal.press("5", "1", "enter")
        terminal.wait_for("enter Open")
        time.sleep(3)
        idle = share_of_a_core(terminal, seconds)
        keys = key_latencies_ms(terminal, presses)
        memory = memory_mb(terminal.process.pid)
        quitting = quit_s(terminal, "q")
    return [
        Figure("idle CPU", idle, "% of a core", 1),
        Figure("key to paint, idle, median", statistics.median(keys), "ms", 20),
        Figure("key to paint, idle, p95", p95(keys), "ms", 50),
        Figure("quit, idle", quitting, "s", 0.5),
        Figure("memory, idle", memory, "MB", 60),
    ]


def in_three_syncs(seconds: float, presses: int) -> list[Figure]:
    """CPU and keys while three tables move; the engine's own work is in the CPU figure."""
    with opened(*CONSOLE) as terminal:
        terminal.wait_for("all healthy")
        terminal.press("s")
        terminal.wait_for("running 2 s")
        terminal.press("enter")
        terminal.wait_for("enter Open")
        busy = share_of_a_core(terminal, seconds)
        keys = key_latencies_ms(terminal, presses)
        assert terminal.line_with("running"), "the syncs ended too soon: give more --rows"
        memory = memory_mb(terminal.process.pid)
        terminal.press("q")
        terminal.wait_for("Cancel and quit")
        quitting = quit_s(terminal, "c")
    return [
        Figure("CPU, three syncs", busy, "% of a core", 10),
        Figure("key to paint, three syncs, median", statistics.median(keys), "ms", 50),
        Figure("key to paint, three syncs, p95", p95(keys), "ms", 50),
        Figure("quit in a sync", quitting, "s", 2),
        Figure("memory, three syncs", memory, "MB", 60),
    ]


def with_many_tables(count: int, presses: int) -> list[Figure]:
    """The console over a source of many tables, after a sync of them all."""
    began = time.monotonic()
    subprocess.run([sys.executable, *CONSOLE, "--headless", "sync", "-q"], check=True)
    print(f"{count:,} tables synced in {time.monotonic() - began:.0f} s", file=sys.stderr)
    hello = start_s(("-c", HELLO), lambda t: "Hello, world" in t.text)
    frame = start_s(CONSOLE, lambda t: "elconsole" in t.text)
    with opened(*CONSOLE) as terminal:
        terminal.wait_for("all healthy")
        time.sleep(3)
        idle = share_of_a_core(terminal, 5)
        began = time.monotonic()
        terminal.press("3")
        terminal.wait_for("succeeded")
        terminal.press("enter")
        terminal.wait_for("Tables of run")
        opened_s = time.monotonic() - began
        keys = key_latencies_ms(terminal, presses)
        terminal.press("escape")
        terminal.wait_for("the run in full")
        began = time.monotonic()
        terminal.press("4")
        terminal.wait_for("no drift")
        schema_s = time.monotonic() - began
        memory = memory_mb(terminal.process.pid)
        quitting = quit_s(terminal, "q")
    tables = f"{count:,} tables"
    return [
        Figure(f"first frame, {tables}, to hello-world's", frame / hello, "×", 1.8),
        Figure(f"idle CPU, {tables}", idle, "% of a core", 1),
        Figure(f"a run of {tables} opened", opened_s, "s", 1),
        Figure(f"key to paint in it, p95, {tables}", p95(keys), "ms", 50),
        Figure(f"schema of {tables}", schema_s, "s", 5),
        Figure(f"memory, {tables}", memory, "MB", 100),
        Figure(f"quit, {tables}", quitting, "s", 0.5),
    ]


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.console", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each program")
    parser.add_argument("--seconds", type=float, default=15, help="span over which CPU is told")
    parser.add_argument("--presses", type=int, default=80, help="keys whose latency is told")
    parser.add_argument("--rows", type=int, default=20_000, help="units a source")
    parser.add_argument("--tables", type=int, default=0, help="small tables beside, e.g. 2000")
    chosen = parser.parse_args()
    with plant(chosen.rows, chosen.tables) as factory, tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        os.chdir(home)
        write_settings(factory, slow=False)
        figures = [*starts(chosen.rounds), *at_rest(chosen.seconds, chosen.presses)]
        write_settings(factory, slow=True)
        figures += in_three_syncs(chosen.seconds, chosen.presses)
        if chosen.tables:
            write_settings(factory, slow=False, every_table=True)
            figures += with_many_tables(chosen.tables, chosen.presses)
        os.chdir(REPOSITORY)
    load = os.getloadavg()[0]
    print("| what | measured | goal | |\n|---|---|---|---|")
    print("\n".join(figure.line() for figure in figures))
    print(f"\n{os.cpu_count()} processors; load at the end {load:.1f}")


if __name__ == "__main__":
    main()

"""A source that pauses in the middle of its rows: how long does anything else stand still?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.models import Settings
from elconsole.core.events import Event, ProgressMade
from elconsole.core.results import SyncRequest
from elconsole.engine.service import PostgresEngine
from tests.benchmarks.site import open_server
from tests.benchmarks.wire import Wire, open_wire
from tests.postgres import PostgresServer

PAUSE_S = 2.0
ROWS = 1_000_000
SOURCES = ("paused", "first", "second")
STOP_AFTER_BYTES = 5_000_000
TICK_S = 0.002


class _Gaps:
    """The longest time between two signs of life of each name."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.longest_s: dict[str, float] = {}

    def sign(self, name: str) -> None:
        now = time.monotonic()
        gap_s = now - self.seen.get(name, now)
        self.longest_s[name] = max(self.longest_s.get(name, 0.0), gap_s)
        self.seen[name] = now


def report(narrate: Callable[[str], None]) -> str:
    """A Markdown table: longest gaps of a ticking thread and of each source's progress."""
    lines = [
        f"Three sources of {ROWS:,} rows, three workers, one process; one source says nothing for"
        f" {PAUSE_S:.0f} s in the middle of its rows. Progress is told ten times a second.",
        "",
        "| longest gap of | without a pause | with it |",
        "|---|---|---|",
    ]
    with open_server() as (folder, server):
        gaps = [_longest_gaps(folder, server, pause_s) for pause_s in (0.0, PAUSE_S)]
    lines += [
        f"| {name} | {gaps[0][name]:.3f} s | {gaps[1][name]:.3f} s |"
        for name in ("a ticking thread", *SOURCES)
    ]
    narrate("\n".join(lines))
    return "\n".join(lines)


def _longest_gaps(folder: Path, server: PostgresServer, pause_s: float) -> dict[str, float]:
    databases = {name: server.create_database(name) for name in (*SOURCES, "warehouse")}
    roles = {name: server.create_role(name) for name in databases}
    for name in SOURCES:
        databases[name].sql(
            "CREATE TABLE t (id int PRIMARY KEY, body text); INSERT INTO t"
            f" SELECT i, repeat('x', 100) FROM generate_series(1, {ROWS}) i"
        )
    at = databases["paused"].params
    socket = Path(at["host"]) / f".s.PGSQL.{at['port']}"
    with open_wire(folder / f"wire-{pause_s:.0f}", socket) as wire:
        blocks = {name: databases[name].as_role(roles[name]) for name in databases}
        blocks["paused"] |= wire.parameters
        values = {name: {**b, "port": int(b["port"])} for name, b in blocks.items()}
        warehouse = values.pop("warehouse")
        sources = {name: {**block, "tables": ["t"]} for name, block in values.items()}
        settings = Settings(workers=len(SOURCES), warehouse=warehouse, sources=sources)
        databases["warehouse"].sql(warehouse_grants(settings.warehouse))
        for name in SOURCES:
            databases[name].sql(source_grants(name, settings.sources[name]))
        return _sync(settings, wire, pause_s)


def _sync(settings: Settings, wire: Wire, pause_s: float) -> dict[str, float]:
    gaps, done = _Gaps(), threading.Event()

    def emit(event: Event) -> None:
        if isinstance(event, ProgressMade):
            gaps.sign(event.source)

    def tick() -> None:
        while not done.wait(TICK_S):
            gaps.sign("a ticking thread")

    def pause() -> None:
        wire.stopped.wait()
        done.wait(pause_s)
        wire.go_on()

    if pause_s:
        wire.stop_after_bytes = STOP_AFTER_BYTES
    engine = PostgresEngine(settings)
    threads = [threading.Thread(target=one, daemon=True) for one in (tick, pause)]
    for thread in threads:
        thread.start()
    try:
        detail = engine.sync(SyncRequest(), emit=emit, stop=threading.Event())
    finally:
        done.set()
        engine.close()
    if detail.run.status != "succeeded":
        raise RuntimeError(str([table.error for table in detail.tables]))
    return gaps.longest_s

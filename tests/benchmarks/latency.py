"""Many small tables over a slow link: what round trips cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from elconsole.config.models import Settings
from elconsole.core.results import SyncRequest
from elconsole.engine.service import PostgresEngine
from tests.benchmarks.site import Site, open_server, open_site
from tests.benchmarks.wire import Wire, open_wire

ROUND_TRIP_S = 0.02
TABLES = 300
STEPS = (("first load", "full"), ("refresh", "full"), ("idle incremental", "incremental"))
WORKERS = (4,)


def report(narrate: Callable[[str], None]) -> str:
    """A Markdown table: walls, round trips and connections of each kind of sync."""
    lines = [
        f"{TABLES} tables of three rows, {ROUND_TRIP_S * 1000:.0f} ms round trip, in process.",
        "",
        "| workers | sync | wall | a table | round trips a table | connections |",
        "|---|---|---|---|---|---|",
    ]
    with open_server() as (folder, server):
        for workers in WORKERS:
            with open_site(folder, server) as site:
                site.make_tables(TABLES)
                place = folder / f"wire-{workers}"
                with open_wire(place, site.socket, ROUND_TRIP_S / 2) as wire:
                    for name, mode in STEPS:
                        lines.append(_step(site, wire, workers, name, mode))
                        narrate(lines[-1])
    return "\n".join(lines)


def _step(site: Site, wire: Wire, workers: int, name: str, mode: str) -> str:
    values = site.values(
        source={"mode": mode}, addresses={k: str(v) for k, v in wire.parameters.items()},
        workers=workers,
    )  # fmt: skip
    site.grant(values)
    engine = PostgresEngine(Settings(**values))
    wire.take()
    began = time.monotonic()
    try:
        detail = engine.sync(SyncRequest(), emit=lambda _event: None, stop=threading.Event())
    finally:
        engine.close()
    wall_s = time.monotonic() - began
    failed = [table.error for table in detail.tables if table.status != "succeeded"]
    if failed:
        raise RuntimeError(str(failed[0]))
    connections, trips = wire.take()
    cells = [
        str(workers),
        name,
        f"{wall_s:.1f} s",
        f"{wall_s / TABLES * 1000:.0f} ms",
        f"{trips / TABLES:.1f}",
        str(connections),
    ]
    return f"| {' | '.join(cells)} |"

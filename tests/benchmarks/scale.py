"""Many tables, many columns, many workers, wide rows: nothing may grow faster than linearly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.machine import Cost
from tests.benchmarks.site import Site, open_server, open_site

TABLE_COUNTS = (500, 1000, 2000)
COLUMN_COUNTS = (50, 100, 200, 400)
WORKER_COUNTS = (4, 16, 64)
TABLES_FOR_WORKERS = 200
ROWS_OF_MANY_COLUMNS = 20_000
WIDE_ROWS, WIDE_BYTES = 2_000, 1_000_000
Narrate = Callable[[str], None]
Row = Sequence[str]


def report(narrate: Narrate) -> str:
    """Markdown tables, one a kind of growth."""
    with open_server() as (folder, server):

        def each(sizes: Sequence[int], of: Callable[[Site, int], Row]) -> list[Row]:
            rows = []
            for size in sizes:
                with open_site(folder, server) as site:
                    rows.append(of(site, size))
                    narrate(" · ".join(rows[-1]))
            return rows

        parts = [
            *_table(
                "tables of three rows",
                ["tables", "--dry-run", "first load", "refresh", "idle incremental"],
                each(TABLE_COUNTS, _many_tables),
            ),
            *_table(
                f"one table of {ROWS_OF_MANY_COLUMNS:,} rows",
                ["columns", "first load", "MB/s"],
                each(COLUMN_COUNTS, _many_columns),
            ),
            *_table(
                f"{TABLES_FOR_WORKERS} tables of three rows",
                ["workers", "first load"],
                each(WORKER_COUNTS, _many_workers),
            ),
            *_table(
                f"one table of {WIDE_ROWS:,} rows",
                ["bytes a row", "first load", "MB/s"],
                each([1000, WIDE_BYTES], _wide_rows),
            ),
        ]
    head = "Whole processes; wall, client CPU, server CPU, peak memory."
    return "\n".join([head, *parts])


def _table(title: str, heads: Row, rows: Sequence[Row]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["", f"{title[0].upper()}{title[1:]}:", "", *(f"| {' | '.join(r)} |" for r in lines)]


def _many_tables(site: Site, count: int) -> Row:
    site.make_tables(count)
    full = site.values(source={"mode": "full"})
    incremental = site.values(source={"mode": "incremental"})
    site.grant(full)
    costs = [
        site.run(full, "sync", "--dry-run", "--json"),
        site.run(full, "sync", "--json"),
        site.run(full, "sync", "--json"),
        site.run(incremental, "sync", "--json"),
    ]
    return [f"{count:,}", *map(_text, costs)]


def _many_columns(site: Site, count: int) -> Row:
    kinds = ("int", "text", "numeric(10,2)", "timestamptz")
    values = ("i", "'value ' || i", "i / 7.0", "now()")
    columns = ", ".join(f"c{n} {kinds[n % 4]}" for n in range(count - 1))
    listed = ", ".join(values[n % 4] for n in range(count - 1))
    site.source.sql(
        f"CREATE TABLE many (id int PRIMARY KEY, {columns});"
        f" INSERT INTO many SELECT i, {listed} FROM generate_series(1, {ROWS_OF_MANY_COLUMNS}) i"
    )
    return [str(count), *_one_table(site)]


def _many_workers(site: Site, count: int) -> Row:
    site.make_tables(TABLES_FOR_WORKERS)
    values = site.values(source={"mode": "full"}, workers=count)
    site.grant(values)
    return [str(count), _text(site.run(values, "sync", "--json"))]


def _wide_rows(site: Site, size: int) -> Row:
    """Texts that the servers do not compress, so that the bytes are there at every step."""
    site.source.sql(
        "CREATE TABLE wide (id int PRIMARY KEY, body text);"
        " ALTER TABLE wide ALTER COLUMN body SET STORAGE EXTERNAL;"
        f" INSERT INTO wide SELECT i, repeat('x', {size}) FROM generate_series(1, {WIDE_ROWS}) i"
    )
    return [f"{size:,}", *_one_table(site)]


def _one_table(site: Site) -> Row:
    values = site.values(source={"mode": "full"})
    site.grant(values)
    cost = site.run(values, "sync", "--json")
    moved = site.warehouse.scalar("SELECT bytes FROM elconsole.runs ORDER BY run_number LIMIT 1")
    return [_text(cost), f"{moved / cost.wall_s / 1e6:.0f}"]


def _text(cost: Cost) -> str:
    servers = sum(cost.server_cpu_s.values())
    return (
        f"{cost.wall_s:.2f} s, {cost.client_cpu_s:.2f} + {servers:.2f} s,"
        f" {cost.peak_bytes / 2**20:.0f} MB"
    )

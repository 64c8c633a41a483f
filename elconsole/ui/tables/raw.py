"""The raw tables of the warehouse: how much, how fresh."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.config.patterns import argument
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.unread import unread_since
from elconsole.ui.words.cells import Column, Row, Table, cell
from elconsole.ui.words.text import NOTHING, ago, count, safe, size

if TYPE_CHECKING:
    from elconsole.core.results import RawTable


def panel(state: ConsoleState, now: datetime) -> Table:
    """The wide dashboard's panel."""
    sources = state.sources()
    total = sum(item.bytes for item in state.raw_tables)
    sums = f"{len(state.raw_tables)} tables · {size(total)}" if state.raw_tables else ""
    return Table(
        columns=(
            Column("raw table", min_width=12, max_width=48),
            Column("from", max_width=20, keep=3),
            Column("rows", align="right", number=True),
            Column("size", name="bytes", number=True, align="right", keep=1),
            Column("generation", align="right", number=True, keep=4),
            Column("synced", align="right"),
        ),
        rows=tuple(_row(item, sources, now) for item in state.raw_tables),
        title="Warehouse",
        note=unread_since(state, "tables") or sums,
        empty="No table was synced yet.",
    )


def _row(item: RawTable, sources: tuple[str, ...], now: datetime) -> Row:
    synced = item.last_synced_at
    return Row(
        key=item.target,
        cells=(
            cell(safe(item.target, 120)),
            cell(safe(item.source, 60), "dim"),
            cell(count(item.rows), "strong"),
            cell(size(item.bytes), "dim"),
            cell(str(item.generation) if item.generation is not None else NOTHING, "dim"),
            cell(ago(synced, now), "plain"),
        ),
        values=(
            item.target,
            item.source,
            item.rows,
            item.bytes,
            item.generation,
            synced.timestamp() if synced else None,
        ),
        selects=(argument(item.source, item.table, sources),),
    )

"""The sync panel: what runs, how far it is, and how the last run ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.config.patterns import argument
from elconsole.ui.state.model import ConsoleState, RunState, TableProgress
from elconsole.ui.words.cells import Cell, Column, ErrorLink, Link, Row, RunLink, Table, Tone, cell
from elconsole.ui.words.text import (
    ago,
    bar,
    clock,
    count_short,
    safe,
    size,
    span_of,
    whole_seconds,
)
from elconsole.ui.words.wording import error_line, mode_text, run_name, started_by

if TYPE_CHECKING:
    from elconsole.core.results import TableRun

MARKS: dict[str, tuple[str, Tone]] = {
    "succeeded": ("✓", "ok"),
    "failed": ("✗", "bad"),
    "skipped": ("▲", "warn"),
    "locked": ("▲", "warn"),
    "cancelled": ("■", "warn"),
    "abandoned": ("✗", "bad"),
    "running": ("▶", "accent"),
    "pending": ("·", "dim"),
}
URGENCY = {"failed": 0, "locked": 0, "running": 1, "skipped": 2, "cancelled": 2, "pending": 3}
SORTED_FROM = 8
"""With more tables than this, the totals stand first, then those that need a look."""

COLUMNS = (
    Column("table", min_width=14, max_width=48),
    Column(
        "", grows=True, min_width=8, max_width=46, drawn=lambda value, width: _bar(value, width)
    ),
    Column("", name="done", align="right", keep=2),
    Column("rows", align="right", number=True),
    Column("of", name="rows estimated", number=True, keep=6),
    Column("rate", name="rows/s", align="right", number=True, keep=3),
    Column("size", name="bytes", align="right", number=True, keep=5),
    Column("", name="status", min_width=11),
)


class KeptRows:
    """Keeps the rows that do not change: those of tables that are not running, of thousands
    most, and those of a run that has ended."""

    def __init__(self) -> None:
        self._ended: tuple[RunState, tuple[Row, ...], tuple[Row, ...]] | None = None
        """A run in which nothing changes any more, its rows and its footer."""
        self._kept: dict[int, tuple[TableProgress, Row]] = {}
        """By the identity of the progress, which is held here and so can be no other's."""

    def of(
        self, run: RunState, now: datetime, sources: tuple[str, ...] = ()
    ) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """Two groups of rows, one for each table and those of the whole run; what is not
        asked for again is forgotten."""
        if self._ended is not None and self._ended[0] is run:
            return self._ended[1:]
        rows, footer = tuple(self._of(run, now, sources)), tuple(_footer(run, now))
        self._ended = None if run.running else (run, rows, footer)
        return rows, footer

    def _of(self, run: RunState, now: datetime, sources: tuple[str, ...]) -> Iterator[Row]:
        before, self._kept = self._kept, {}
        run_id = run.run.run_id
        for item in _ordered(run):
            known = before.get(id(item))
            if known is None or item.table.status == "running":
                known = item, _row(item, run_id, sources, now)
            self._kept[id(item)] = known
            yield known[1]


def table(
    state: ConsoleState,
    now: datetime,
    *,
    read_only: bool = False,
    compact: bool = False,
    kept: KeptRows | None = None,
) -> Table:
    """The panel; `compact` leaves out what has no room on a small terminal."""
    run = state.shown_run()
    start_keys = "" if read_only else "s sync · f full refresh"
    if state.starting and (run is None or not run.running):
        return Table(
            COLUMNS, title="Sync · starting", empty="Asking the databases what to copy…", busy=True
        )
    if run is None:
        return Table(COLUMNS, title="Sync", note=start_keys, empty=_nothing_yet(state, read_only))
    rows, footer = (kept or KeptRows()).of(run, now, state.sources())
    footer = footer[: -1 if compact else None]
    rows = (*footer, *rows) if len(run.tables) > SORTED_FROM else (*rows, *footer)
    note = start_keys
    if run.running:
        note = "x cancel" if run.here and not read_only else f"run by {started_by(run.run)}"
    return Table(
        COLUMNS,
        rows=rows,
        title=_title(state, run, now),
        note=note,
        empty="Asking the databases what to copy…",
        alert=run.run.status in ("failed", "abandoned"),
        busy=run.running,
    )


def _nothing_yet(state: ConsoleState, read_only: bool) -> str:
    problem = state.problem("runs")
    if problem is not None:
        return f"The run history can't be read:\n{safe(problem.message)}"
    if state.history is None:
        return "Reading the run history…"
    key = "" if read_only else "\nPress s to copy every table into the warehouse."
    return f"No sync has run yet.{key}"


def _title(state: ConsoleState, run: RunState, now: datetime) -> str:
    parts = ["Sync", run_name(run.run.run_number), mode_text(run.run.mode)]
    if run.cancelling:
        parts.append("cancelling")
    elif run.running:
        parts.append(f"running {_seconds_since(run, now)}")
    else:
        parts += [run.run.status, ago(run.run.finished_at, now)]
    others = sum(item.running for item in state.runs) - run.running
    if others > 0:
        parts.append(f"{others} more running")
    return " · ".join(parts)


def _seconds_since(run: RunState, now: datetime) -> str:
    return whole_seconds((now - run.run.started_at).total_seconds())


def _ordered(run: RunState) -> tuple[TableProgress, ...]:
    if len(run.tables) <= SORTED_FROM:
        return run.tables
    return tuple(sorted(run.tables, key=lambda item: URGENCY.get(item.table.status, 4)))


def _row(item: TableProgress, run_id: str, sources: tuple[str, ...], now: datetime) -> Row:
    entry = item.table
    mark, tone = MARKS[entry.status]
    rows, rate, share = item.rows(), item.rate(now), item.share()
    waiting = entry.status == "pending"
    estimated = entry.rows_estimated if entry.status == "running" else None
    name = safe(f"{entry.source}.{entry.table}", 120)
    return Row(
        key=f"{entry.source}.{entry.table}",
        cells=(
            cell(name, "dim" if waiting else "bad" if tone == "bad" else "plain"),
            (),
            cell(percent_done(share, entry.status), "dim"),
            cell("" if waiting else count_short(rows), "strong"),
            cell(f"of ~{count_short(estimated)}" if estimated else "", "dim"),
            cell(f"{count_short(rate)}/s" if rate else "", "dim"),
            cell(size(entry.bytes) if entry.bytes else "", "dim"),
            _status(item, now, mark, tone),
        ),
        trouble=entry.status if entry.status in ("failed", "locked") else "",
        values=(name, (share, entry.status), share, rows, estimated, rate, entry.bytes),
        opens=_link(entry, run_id),
        selects=(argument(entry.source, entry.table, sources),),
    )


def _link(entry: TableRun, run_id: str) -> Link:
    """Why a table failed, or is tried again; else the run."""
    if entry.error is not None and entry.status != "succeeded":
        return ErrorLink(f"{entry.source}.{entry.table} {entry.status}", entry.error)
    return RunLink(run_id)


def percent_done(share: float | None, status: str) -> str:
    """A whole percentage while it means something."""
    if share is None or status in ("pending", "succeeded"):
        return ""
    return f"{share * 100:.0f} %"


def _status(item: TableProgress, now: datetime, mark: str, tone: Tone) -> Cell:
    entry = item.table
    if entry.status == "succeeded":
        return cell(f"{mark} {span_of(entry.duration_seconds)}", tone)
    if entry.status == "pending":
        return cell("waiting", "dim")
    if entry.status != "running":
        return cell(f"{mark} {entry.status}", tone)
    if entry.error is not None:
        return cell(f"▲ try {entry.attempts + 1}", "warn")
    left = item.seconds_left(now)
    if left is not None:
        return cell(f"~{whole_seconds(max(1.0, round(left)))} left", "dim")
    if entry.rows_estimated and entry.rows_read >= entry.rows_estimated:
        return cell("publishing", "accent")
    return cell("reading", "accent")


def _bar(value: tuple[float | None, str], width: int) -> Cell:
    share, status = value
    if status == "pending":
        return bar(0.0, width, "dim")
    tones: dict[str, Tone] = {"succeeded": "ok", "running": "accent", "failed": "bad"}
    return bar(share if status != "failed" or share else 0.0, width, tones.get(status, "warn"))


def _footer(run: RunState, now: datetime) -> list[Row]:
    """The total, the first error, and who runs it."""
    tables = [item.table for item in run.tables]
    rows = sum(item.rows() for item in run.tables) if tables else run.run.rows_written
    failed_number = sum(item.status == "failed" for item in tables)
    rates = [item.rate(now) for item in run.tables if item.table.status == "running"]
    rate = sum(value for value in rates if value)
    if not run.running and run.run.duration_seconds:
        rate = run.run.rows_read / run.run.duration_seconds
    parts = [size(sum(item.bytes for item in tables))]
    if rate:
        parts.append(f"{count_short(rate)} rows/s")
    if not run.running:
        parts.append(span_of(run.run.duration_seconds))
    total = (
        *cell("total  ", "dim"),
        *cell(f"{count_short(rows)} rows", "strong"),
        *cell(" · " + " · ".join(parts) + " · ", "dim"),
        *cell(f"{failed_number} failed", "bad" if failed_number else "dim"),
    )
    out = [Row("total", (total,), heading=True)]
    ill = (item for item in tables if item.status not in ("succeeded", "cancelled"))
    broken = next((item for item in ill if item.error), None)
    if broken is not None:
        text = f"{broken.source}: {error_line(broken.error, broken.source)}"
        out.append(Row("error", ((*cell("✗ ", "bad"), *cell(text, "bad")),), heading=True))
    who = started_by(run.run)
    process = f" · pid {run.run.pid}" if run.run.pid else ""
    by = (
        *cell("started by ", "dim"),
        *cell(who, "plain"),
        *cell(f"{process} · at {clock(run.run.started_at)}", "dim"),
    )
    out.append(Row("by", (by,), heading=True))
    return out

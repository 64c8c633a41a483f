"""The history of runs, and one run in full."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from elconsole.core.results import RunDetail, RunSummary, TableRun
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.sync import MARKS
from elconsole.ui.tables.unread import unread_since
from elconsole.ui.words.cells import Cell, Column, ErrorLink, Row, RunLink, Table, Tone, cell
from elconsole.ui.words.text import NOTHING, bar, count, count_short, moment, safe, size, span_of
from elconsole.ui.words.wording import error_text, hint_text, mode_text, run_name, started_by


def rows_per_second(run: RunSummary) -> float | None:
    """A run's mean throughput."""
    seconds = run.duration_seconds
    return run.rows_written / seconds if seconds else None


def history(state: ConsoleState, now: datetime) -> Table:
    """The Runs page, newest first; runs going on stand where they belong."""
    live = {item.run.run_id: item.run for item in state.runs}
    known = {run.run_id for run in state.history or ()}
    fresh = [run for run in live.values() if run.run_id not in known]
    runs = [*fresh, *(live.get(run.run_id, run) for run in state.history or ())]
    runs.sort(key=lambda run: run.started_at, reverse=True)
    fastest = max((rows_per_second(run) or 0.0 for run in runs), default=0.0)
    problem = state.problem("runs")
    empty = "No sync has run yet." if state.history is not None else "Reading the history…"
    return Table(
        columns=(
            Column("run", align="right", number=True),
            Column("started", keep=1),
            Column("status"),
            Column("mode", keep=3),
            Column("by", keep=4, max_width=30),
            Column("tables", align="right", number=True, keep=5),
            Column("failed", align="right", number=True, keep=5),
            Column("rows", align="right", number=True),
            Column("size", name="bytes", align="right", number=True, keep=7),
            Column("took", name="seconds", align="right", number=True, keep=1),
            Column("rows/s", align="right", number=True, keep=2),
            Column(
                "throughput", name="", grows=True, min_width=8, max_width=120, drawn=_bar, keep=6
            ),
        ),
        rows=tuple(_history_row(run, now, fastest) for run in runs),
        title="Runs",
        note=unread_since(state, "runs") or "enter: the run in full",
        empty=safe(problem.message) if problem else empty,
    )


def recent(state: ConsoleState, now: datetime) -> Table:
    """The wide dashboard's panel."""
    return replace(
        history(state, now), title="Recent runs", note=unread_since(state, "runs") or "3 all runs"
    )


def _history_row(run: RunSummary, now: datetime, fastest: float) -> Row:
    mark, tone = MARKS[run.status]
    rate = rows_per_second(run)
    number = str(run.run_number) if run.run_number is not None else NOTHING
    failed: Tone = "bad" if run.tables_failed else "dim"
    return Row(
        key=run.run_id,
        cells=(
            cell(number, "strong"),
            cell(moment(run.started_at, now), "dim"),
            cell(f"{mark} {run.status}", tone),
            cell(mode_text(run.mode), "plain"),
            cell(started_by(run), "dim"),
            cell(count(run.tables_total), "plain"),
            cell(count(run.tables_failed), failed),
            cell(count(run.rows_written), "strong"),
            cell(size(run.bytes), "dim"),
            cell(span_of(run.duration_seconds), "plain"),
            cell(count_short(rate) if rate else NOTHING, "plain"),
            (),
        ),
        values=(
            run.run_number,
            run.started_at.timestamp(),
            run.status,
            run.mode,
            started_by(run),
            run.tables_total,
            run.tables_failed,
            run.rows_written,
            run.bytes,
            run.duration_seconds,
            rate,
            (rate or 0.0) / fastest if fastest else 0.0,
        ),
        opens=RunLink(run.run_id),
    )


def _bar(value: float, width: int) -> Cell:
    return bar(value, width, "accent")


def tables(detail: RunDetail, before: RunDetail | None) -> Table:
    """A run's tables, beside the run before."""
    old = {(table.source, table.table): table for table in before.tables} if before else {}
    rows = tuple(_table_row(table, old.get((table.source, table.table))) for table in detail.tables)
    against = run_name(before.run.run_number) if before else "no earlier run"
    return Table(
        columns=(
            Column("table", min_width=16, max_width=50),
            Column("status"),
            Column("strategy", keep=5),
            Column("read", align="right", number=True, keep=3),
            Column("written", align="right", number=True),
            Column("deleted", align="right", number=True, keep=6),
            Column("marked", align="right", number=True, keep=8),
            Column("versions", align="right", number=True, keep=9),
            Column("size", name="bytes", align="right", number=True, keep=4),
            Column("took", name="seconds", align="right", number=True),
            Column("± rows", align="right", number=True, keep=2),
            Column("± time", name="± seconds", align="right", number=True, keep=2),
            Column("tries", align="right", number=True, keep=7),
            Column("target", keep=8, max_width=50),
        ),
        rows=rows,
        title=f"Tables of {run_name(detail.run.run_number)}",
        note=f"± against {against}",
        empty="The run recorded no table.",
    )


def _table_row(table: TableRun, before: TableRun | None) -> Row:
    mark, tone = MARKS[table.status]
    name = safe(f"{table.source}.{table.table}", 120)
    more = table.rows_written - before.rows_written if before else None
    slower = table.duration_seconds - before.duration_seconds if before else None
    return Row(
        key=f"{table.source}.{table.table}",
        cells=(
            cell(name, "bad" if tone == "bad" else "plain"),
            cell(f"{mark} {table.status}", tone),
            cell(table.strategy if table.mode == "incremental" else "full", "dim"),
            cell(count(table.rows_read), "plain"),
            cell(count(table.rows_written), "strong"),
            cell(count(table.rows_deleted), "dim"),
            cell(count(table.rows_marked), "dim"),
            cell(count(table.versions), "dim"),
            cell(size(table.bytes), "dim"),
            cell(span_of(table.duration_seconds), "plain"),
            cell(_signed(more), "dim"),
            cell(f"{slower:+.1f} s".replace("-", "−") if slower is not None else NOTHING, "dim"),
            cell(str(table.attempts), "dim"),
            cell(safe(table.target, 120), "dim"),
        ),
        values=(
            name,
            table.status,
            table.strategy,
            table.rows_read,
            table.rows_written,
            table.rows_deleted,
            table.rows_marked,
            table.versions,
            table.bytes,
            table.duration_seconds,
            more,
            slower,
            table.attempts,
        ),
        opens=ErrorLink(f"{table.source}.{table.table}", table.error) if table.error else None,
    )


def _signed(number: int | None) -> str:
    return NOTHING if number is None else f"{number:+,}".replace("-", "−")


def summary_cells(detail: RunDetail, now: datetime) -> tuple[Cell, ...]:
    """The head of the run page, line by line."""
    run = detail.run
    mark, tone = MARKS[run.status]
    rate = rows_per_second(run)
    speed = f" · {count_short(rate)} rows/s" if rate else ""
    lines = [
        (
            *cell(f"{mark} {run.status}", tone),
            *cell(f"  {mode_text(run.mode)} by ", "dim"),
            *cell(started_by(run), "plain"),
            *cell(f" · pid {run.pid}" if run.pid else "", "dim"),
        ),
        (
            *cell(count(run.rows_written), "strong"),
            *cell(f" rows · {size(run.bytes)} · {span_of(run.duration_seconds)}{speed}", "dim"),
        ),
        cell(
            f"{moment(run.started_at, now)} – {moment(run.finished_at, now)} · {run.run_id}", "dim"
        ),
    ]
    for table in detail.tables:
        if table.error is not None:
            name = f"{table.source}.{table.table}"
            lines.append(
                (
                    *cell(f"✗ {safe(name)}: ", "bad"),
                    *cell(error_text(table.error, name), "plain"),
                )
            )
            if hint := hint_text(table.error):
                lines.append(cell(f"  → {safe(hint, 1000)}", "dim"))
        for change in table.schema_changes:
            text = f"▲ {safe(table.source)}.{safe(table.table)}: {safe(change.column)} "
            lines.append(
                (*cell(text, "warn"), *cell(f"{change.change}: {safe(change.action)}", "dim"))
            )
    return tuple(lines)

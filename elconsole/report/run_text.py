"""Runs as lines, and what became of one."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.humanize import NOTHING, rows_exact, seconds
from elconsole.core.invocation import repeated
from elconsole.core.results import RunSummary
from elconsole.core.safe_text import clean_text
from elconsole.report.table import Column, table
from elconsole.report.text import moment, named, outcome


def cancelled(run: RunSummary | None, *, asked: bool) -> str:
    """What became of a run that was to be cancelled; `asked`: whether it still went on."""
    if run is None:
        return "no run goes on"
    if run.status == "running":
        return f"{named(run)} goes on"
    if run.status == "abandoned":
        died = clean_text(f"its process (pid {run.pid} on {run.host}) died")
        return f"{named(run)} is abandoned: {died}"
    if asked:
        return f"{named(run)} ended: {outcome(run)}"
    return f"{named(run)} had ended before: {outcome(run)}, {moment(run.finished_at)}"


def pruned(removed: int) -> str:
    """What `runs prune` did."""
    if not removed:
        return "no run to remove"
    return "1 run removed" if removed == 1 else f"{rows_exact(removed)} runs removed"


def runs(summaries: Sequence[RunSummary], width: int | None = None) -> str:
    """The history, newest first."""
    columns = (
        Column("run", right=True),
        Column("id", fold=2),
        Column("started"),
        Column("duration", right=True),
        Column("mode", fold=3),
        Column("written", right=True),
        Column("failed", right=True, fold=1),
        Column("status"),
        Column("host", fold=4),
    )
    if not summaries:
        return repeated("no runs yet: start one with `elconsole --headless sync`")
    rows = [
        (
            NOTHING if run.run_number is None else str(run.run_number),
            run.run_id[:8],
            moment(run.started_at),
            seconds(run.duration_seconds),
            run.mode,
            rows_exact(run.rows_written),
            rows_exact(run.tables_failed),
            run.status,
            f"{run.host} ({run.pid})",
        )
        for run in summaries
    ]
    return table(columns, rows, width=width)

"""What became of single runs, as text."""

from __future__ import annotations

from elconsole.core.results import RunSummary
from elconsole.core.safe_text import clean_text
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

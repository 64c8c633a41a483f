"""Asking a run to stop, and waiting until it has."""

from __future__ import annotations

import time

from elconsole.core.engine import Engine
from elconsole.core.errors import EXIT_FAILED, EXIT_OK
from elconsole.core.results import RunSummary
from elconsole.report import documents, run_text, text
from elconsole.report.streams import Output

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.5


def run_cancel(
    engine: Engine,
    run_id: str | None,
    output: Output,
    *,
    as_json: bool,
    patience_s: float = PATIENCE_S,
) -> int:
    """Ask a run to stop and say what became of it; 1 where it goes on after `patience_s`."""
    run = engine.cancel(run_id)
    asked = run is not None and run.status == "running"
    if run is not None and asked:
        output.note(f"{text.named(run)}: asked to stop (pid {run.pid} on {run.host})")
        run = _ended(engine, run, patience_s)
    if as_json:
        output.result(documents.document(documents.cancelled(run)))
    else:
        output.tell(run_text.cancelled(run, asked=asked))
    if run is None or run.status != "running":
        return EXIT_OK
    output.failure(
        f"error: {text.named(run)} did not end within {patience_s:g} s"
        f"\nhint: it may wait for a server; where it runs, end pid {run.pid} on {run.host}"
    )
    return EXIT_FAILED


def _ended(engine: Engine, run: RunSummary, patience_s: float) -> RunSummary:
    """The run as it is when it has ended, or when patience has."""
    give_up_at = time.monotonic() + patience_s
    while run.status == "running" and time.monotonic() < give_up_at:
        time.sleep(LOOK_EVERY_S)
        run = engine.run(run.run_id).run
    return run

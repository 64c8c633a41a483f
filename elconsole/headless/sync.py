"""A sync from the first signal handler to the exit code."""

from __future__ import annotations

import os
from dataclasses import replace

from elconsole.config.patterns import argument, is_glob
from elconsole.core import errors
from elconsole.core.engine import Engine, StopFlag
from elconsole.core.results import PlanReport, ReconcileReport, RunDetail, SyncRequest
from elconsole.headless.exit_codes import exit_code, report_exit_code
from elconsole.headless.progress import PlainProgress, Progress
from elconsole.headless.signals import StopSignals, stoppable
from elconsole.report import documents, text
from elconsole.report.streams import Output

NOTHING_DUE = "nothing is due"


def run_sync(
    engine: Engine, request: SyncRequest, output: Output, *, as_json: bool, live: bool
) -> int:
    """Run the sync to its end, write its result on stdout, return the exit code.

    `live` draws bars on stderr, which must be a terminal then.
    """
    progress = _progress(output, live=live)
    stop = StopFlag()
    signals = _signals(engine, stop, output, progress)
    with progress:
        detail = stoppable(lambda: engine.sync(request, emit=progress, stop=stop), signals)
    nothing_due = request.due and not detail.tables
    if not nothing_due:
        progress.finish(detail)
    _tell_ignored(detail, output)
    if as_json:
        content = documents.in_warehouse(documents.sync(detail), engine.connections())
        output.result(documents.document(content))
    elif not output.quiet:
        output.tell(NOTHING_DUE if nothing_due else text.sync(detail, output.width))
    return exit_code(detail, signals.exit_code)


def _tell_ignored(detail: RunDetail, output: Output) -> None:
    if detail.ignored:
        from elconsole.report.ignored import ignored_lines

        for line in ignored_lines(detail.ignored):
            output.note(line)


def remaining(
    engine: Engine, request: SyncRequest, detail: RunDetail, output: Output
) -> SyncRequest | None:
    """The request for what did not succeed in a run, None where nothing is left; says so, and
    what of it no selection can name. Raises UsageError where the run still goes on."""
    number = detail.run.run_number
    if detail.run.status == "running":
        raise errors.UsageError(
            f"run {number} still goes on", hint="retry it when it has ended: `elconsole runs last`"
        )
    if not detail.tables and detail.run.status != "succeeded":
        return request  # it ended before its tables were known
    sources = [one.name for one in engine.connections() if one.role == "source"]
    selection: dict[str, None] = {}
    for table in detail.tables:
        if table.status == "succeeded":
            continue
        if table.source not in sources:
            output.note(f"{table.source}.{table.table}: its source is not configured any more")
        elif is_glob(table.table) and table.source_schema is None:
            # What stood for a whole source, or for a pattern that named nothing: no table.
            selection[table.source] = None
        else:
            selection[argument(table.source, table.table, sources)] = None
    if not selection:
        output.note(f"nothing of run {number} is left to be retried")
        return None
    return replace(
        request, selection=tuple(selection), backfill=detail.run.backfill or request.backfill
    )


def dry_run(engine: Engine, request: SyncRequest, output: Output, *, as_json: bool) -> int:
    """Write what `run_sync` would do; 0 where every table can be synced."""
    report: PlanReport = engine.plan(replace(request, counted=True))
    for table in report.tables:
        if table.error is not None:
            output.failure(text.failure(table.error, f"{table.source}.{table.table}"))
    if as_json:
        output.result(documents.document(documents.plan(report)))
    else:
        nothing_due = request.due and not report.tables
        output.tell(NOTHING_DUE if nothing_due else text.plan(report, output.width))
    return report_exit_code(report)


def run_reconcile(
    engine: Engine, selection: tuple[str, ...], output: Output
) -> tuple[ReconcileReport, int | None]:
    """Compare both sides; a signal ends it cleanly. The second value is 130 or 143 where
    one did."""
    stop = StopFlag()
    signals = _signals(engine, stop, output, None)
    try:
        report = stoppable(lambda: engine.reconcile(selection, stop=stop), signals)
    except errors.Cancelled as error:
        by_code = {kind.exit_code: kind for kind in (errors.Interrupted, errors.Terminated)}
        stopped = by_code.get(signals.exit_code or 0)
        if stopped is None:
            raise
        raise stopped(error.message, hint=error.hint) from error
    return report, signals.exit_code


def _signals(
    engine: Engine, stop: StopFlag, output: Output, progress: Progress | None
) -> StopSignals:
    def leave(code: int) -> None:
        if progress is not None:
            progress.restore()
        os._exit(code)

    return StopSignals(stop, interrupt=engine.interrupt, say=output.failure, leave=leave)


def _progress(output: Output, *, live: bool) -> Progress:
    if not live or output.quiet:
        return PlainProgress(output)
    from elconsole.headless.live import LiveProgress

    return LiveProgress(output)

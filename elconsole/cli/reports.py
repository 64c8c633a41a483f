"""The commands that ask, print and exit. Each returns its exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec

from elconsole.cli.compose import CommandContext
from elconsole.core import errors
from elconsole.core.engine import Engine
from elconsole.core.results import (
    Period,
    QualityReport,
    QualityRequest,
    ReconciledTable,
    RunDetail,
    TableDrift,
)
from elconsole.headless.exit_codes import report_exit_code
from elconsole.headless.sync import run_reconcile
from elconsole.report import documents, quality_text, run_text, text
from elconsole.report.streams import Output

P = ParamSpec("P")
Work = Callable[Concatenate[Engine, Output, P], int]
PRUNE = "prune"
KEEP_HINT = "`elconsole runs prune --keep 90d`"


def on_engine(key: str) -> Callable[[Work[P]], Callable[Concatenate[CommandContext, P], int]]:
    """Makes a command of what a function does on the engine; `key` names its list in JSON."""

    def as_command(work: Work[P]) -> Callable[Concatenate[CommandContext, P], int]:
        def command(context: CommandContext, /, *words: P.args, **options: P.kwargs) -> int:
            as_json = options["as_json"] is True
            return context.report(key, as_json, lambda e, o: work(e, o, *words, **options))

        return wraps(work)(command)

    return as_command


@on_engine("connections")
def check(engine: Engine, output: Output, *, as_json: bool) -> int:
    """3 when something does not answer, 1 when a selected table can't be synced."""
    report = engine.check()
    for health in report.connections:
        if health.error is not None:
            output.failure(text.failure(health.error, health.name))
    if as_json:
        output.result(documents.document(documents.check(report)))
    else:
        output.tell(text.check(report, datetime.now(UTC), output.width))
    if any(health.status == "down" for health in report.connections):
        return errors.EXIT_UNREACHABLE
    return errors.EXIT_FAILED if report.problems else errors.EXIT_OK


def quality(
    context: CommandContext,
    *,
    sources: Sequence[str],
    by: str | None,
    period: Period | None,
    fail_on_signal: bool,
    freeze_baseline: bool,
    as_json: bool,
) -> int:
    """1 where a table has no pass rates, 5 where `fail_on_signal` and a rule fired."""
    if freeze_baseline and context.options.read_only:
        raise errors.UsageError("--read-only allows no --freeze-baseline")
    return _pass_rates(
        context,
        QualityRequest(tuple(sources), by, period),
        as_json=as_json,
        fail_on_signal=fail_on_signal,
        freeze_baseline=freeze_baseline,
    )


@on_engine("tables")
def _pass_rates(
    engine: Engine,
    output: Output,
    request: QualityRequest,
    *,
    as_json: bool,
    fail_on_signal: bool,
    freeze_baseline: bool,
) -> int:
    report = engine.quality(request)
    version = None
    if freeze_baseline:
        # Asked before, so that a wrong name freezes nothing; and again, for the new limits.
        version = engine.freeze_baseline(request.sources)
        report = engine.quality(request)
    if as_json:
        frozen = {} if version is None else {"baseline_version": version}
        output.result(documents.document({**documents.quality(report), **frozen}))
    else:
        output.tell(quality_text.quality(report, output.width))
    if version is not None:
        output.note(f"baseline version {version} frozen")
    # A missing column of the table befalls each of its dimensions.
    failed = {(f"{t.source}.{t.table}", t.error): None for t in report.tables}
    for place, error in failed:
        if error is not None:
            output.failure(text.failure(error, place))
    signals = list(_signals(report)) if fail_on_signal else []
    for signal in signals:
        output.failure(f"signal: {signal}")
    if any(table.error is not None for table in report.tables):
        return errors.EXIT_FAILED
    return errors.EXIT_FOUND if signals else errors.EXIT_OK


def _signals(report: QualityReport) -> Iterator[str]:
    """Every signal of a report in words; that of all values together once a table."""
    totals: set[tuple[str, str]] = set()
    for table in report.tables:
        place = f"{table.source}.{table.table}"
        for row in table.rows:
            if row.judged == "signal":
                yield f"{place} {table.dimension} {row.value}: {row.signal or 'signal'}"
        total = table.total
        if total is not None and total.judged == "signal" and (place, total.value) not in totals:
            totals.add((place, total.value))
            yield f"{place} {total.value}: {total.signal or 'signal'}"


def runs(
    context: CommandContext,
    *,
    run_id: str | None,
    limit: int,
    keep: float | None,
    as_json: bool,
) -> int:
    """The newest runs, or one in detail; or remove old ones."""
    if run_id == PRUNE:
        if context.options.read_only:
            raise errors.UsageError("--read-only allows no runs prune")
        return _prune(context, keep, as_json=as_json)
    if keep is not None:
        raise errors.UsageError("--keep says what `elconsole runs prune` leaves", hint=KEEP_HINT)
    if run_id is None:
        return _run_list(context, limit, as_json=as_json)
    return _run_detail(context, run_id, as_json=as_json)


@on_engine("runs")
def _run_list(engine: Engine, output: Output, limit: int, *, as_json: bool) -> int:
    summaries = engine.runs(limit)
    if as_json:
        content = documents.in_warehouse(documents.runs(summaries), engine.connections())
        output.result(documents.document(content))
    else:
        output.tell(run_text.runs(summaries, output.width))
    return errors.EXIT_OK


@on_engine("runs")
def _prune(engine: Engine, output: Output, keep_s: float | None, *, as_json: bool) -> int:
    removed = engine.prune_runs(keep_s)
    if as_json:
        output.result(documents.document(documents.pruned(removed)))
    else:
        output.result(run_text.pruned(removed))
    return errors.EXIT_OK


@on_engine("tables")
def _run_detail(engine: Engine, output: Output, run_id: str, *, as_json: bool) -> int:
    """One run, beside the run before it."""
    detail = engine.run(run_id)
    before = _run_before(engine, detail)
    if as_json:
        content = documents.in_warehouse(documents.sync(detail), engine.connections())
        content["previous"] = None if before is None else documents.sync(before)
        output.result(documents.document(content))
    else:
        output.tell(text.run_detail(detail, before, output.width))
    return errors.EXIT_OK


def _run_before(engine: Engine, detail: RunDetail) -> RunDetail | None:
    """The newest run that began before this one; None where the history ends."""
    history = engine.runs(limit=1000)
    older = (run for run in history if run.started_at < detail.run.started_at)
    newest = max(older, key=lambda run: run.started_at, default=None)
    return None if newest is None else engine.run(newest.run_id)


@on_engine("tables")
def schema(engine: Engine, output: Output, *, as_json: bool) -> int:
    report = engine.schema()
    _explain(report.tables, output)
    if as_json:
        output.result(documents.document(documents.schema(report)))
    else:
        output.tell(text.schema(report, output.width))
    return report_exit_code(report)


@on_engine("tables")
def reconcile(engine: Engine, output: Output, *, selection: Sequence[str], as_json: bool) -> int:
    """5 where something differs that is not merely pending."""
    report, stopped_by = run_reconcile(engine, tuple(selection), output)
    _explain(report.tables, output)
    if as_json:
        output.result(documents.document(documents.reconcile(report)))
    else:
        output.tell(quality_text.reconcile(report, output.width))
    if stopped_by is not None:
        return stopped_by
    code = report_exit_code(report)
    different = any(not table.equal and table.error is None for table in report.tables)
    return code or (errors.EXIT_FOUND if different else errors.EXIT_OK)


@on_engine("findings")
def advise(engine: Engine, output: Output, *, as_json: bool) -> int:
    """3 where no source could be asked."""
    report = engine.advise()
    for name, error in report.unasked:
        output.failure(text.failure(error, name))
    if as_json:
        output.result(documents.document(documents.advise(report)))
    else:
        output.tell(text.advise(report))
    sources = [one for one in engine.connections() if one.role == "source"]
    return errors.EXIT_UNREACHABLE if len(report.unasked) == len(sources) else errors.EXIT_OK


def _explain(tables: tuple[ReconciledTable, ...] | tuple[TableDrift, ...], output: Output) -> None:
    for table in tables:
        if table.error is not None:
            output.failure(text.failure(table.error, f"{table.source}.{table.table}"))

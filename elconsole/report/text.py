"""Results as aligned text: pure functions from the engine's results to lines.

Text of databases and servers is data: cells lose control characters and line breaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter

from elconsole.core.humanize import NOTHING, age, bytes_size, rows_exact, seconds
from elconsole.core.invocation import repeated, repeated_command
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionHealth,
    IgnoredNew,
    PlannedTable,
    PlanReport,
    Problem,
    RawTable,
    RunDetail,
    RunSummary,
    SchemaReport,
    TableRun,
    UnfedTable,
)
from elconsole.core.safe_text import clean_text
from elconsole.core.types import ErrorInfo
from elconsole.report.table import Column, table

REMARK_CELLS = 60


def estimate(value: int | None) -> str:
    """A number from statistics, marked as one."""
    return NOTHING if value is None else f"~{rows_exact(value)}"


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NOTHING if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def failure(error: ErrorInfo, where: str = "") -> str:
    """An error as it stands on stderr: what and where, the server's code, what to do."""
    place = f"{clean_text(where)}: " if where and not error.message.startswith(where) else ""
    code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    hint = f"\nhint: {clean_text(repeated(error.hint))}" if error.hint else ""
    return f"error: {place}{clean_text(error.message)}{code}{hint}"


def table_failures(tables: Sequence[TableRun]) -> tuple[str, ...]:
    """Each error in full with its hint, once however many tables it befell; being
    stopped is no error."""
    befell: dict[ErrorInfo, list[str]] = {}
    for run in tables:
        if run.error is not None and run.status != "cancelled":
            befell.setdefault(run.error, []).append(f"{run.source}.{run.table}")
    return tuple(
        failure(error, places[0] if len(places) == 1 else f"{len(places)} tables")
        for error, places in befell.items()
    )


_RUN_COLUMNS = (
    Column("source"),
    Column("table"),
    Column("read", right=True, fold=2),
    Column("written", right=True),
    Column("deleted", right=True, fold=3),
    Column("duration", right=True, fold=1),
    Column("status"),
)


_KEPT: Mapping[str, Callable[[TableRun], int]] = {
    "marked": attrgetter("rows_marked"),
    "versions": attrgetter("versions"),
}
"""Counts that are told where there are any."""


def _run_cells(run: TableRun) -> tuple[str, ...]:
    return (
        run.source,
        run.table,
        rows_exact(run.rows_read),
        rows_exact(run.rows_written),
        rows_exact(run.rows_deleted),
        seconds(run.duration_seconds),
        run.status,
    )


def sync(detail: RunDetail, width: int | None = None) -> str:
    """What a sync did: a line a table and their total."""
    total = (
        "total",
        "",
        rows_exact(detail.run.rows_read),
        rows_exact(detail.run.rows_written),
        rows_exact(sum(run.rows_deleted for run in detail.tables)),
        seconds(detail.run.duration_seconds),
        detail.run.status,
    )
    return table(_RUN_COLUMNS, [_run_cells(run) for run in detail.tables], total, width)


def named(run: RunSummary) -> str:
    """A run by its number, where it has one."""
    return "sync" if run.run_number is None else f"run {run.run_number}"


def outcome(run: RunSummary) -> str:
    """How a run ended, and who had it cancelled."""
    by = f" by {clean_text(run.cancelled_by, REMARK_CELLS)}" if run.cancelled_by else ""
    return f"{run.status}{by}"


def summary(detail: RunDetail) -> str:
    """A run in one line."""
    run = detail.run
    ends = Counter(table_run.status for table_run in detail.tables)
    if run.status == "failed":
        failed = len(detail.tables) - ends["succeeded"]
        said = f"{failed} of {len(detail.tables)} tables failed, {ends['succeeded']} succeeded; "
    else:
        said = f"{ends['succeeded']} of {len(detail.tables)} tables, "
    return (
        f"{named(run)} {outcome(run)}: {said}{rows_exact(run.rows_written)} rows"
        f" written, {bytes_size(run.bytes)} in {seconds(run.duration_seconds)}"
    )


def finished_table(run: TableRun) -> str:
    """One finished table in one line."""
    kept = (f"{rows_exact(count(run))} {name}, " for name, count in _KEPT.items() if count(run))
    return (
        f"{run.source}.{run.table}: {run.status}, {''.join(kept)}"
        f"{rows_exact(run.rows_written)} rows written in {seconds(run.duration_seconds)}"
    )


def run_detail(detail: RunDetail, before: RunDetail | None, width: int | None = None) -> str:
    """A run of the past in full, its rows and durations beside those of the run before."""
    run = detail.run
    who = clean_text(f"{run.user}@{run.host}" if run.user else run.host)
    head = [
        f"run      {run.run_number if run.run_number is not None else NOTHING}  {run.run_id}",
        f"status   {outcome(run)}",
        f"mode     {run.mode}",
        *([f"backfill {clean_text(run.backfill)}"] if run.backfill else []),
        f"where    {who}, pid {run.pid}",
        f"started  {moment(run.started_at)}",
        f"ended    {moment(run.finished_at)}  ({seconds(run.duration_seconds)})",
    ]
    earlier = {(old.source, old.table): old for old in before.tables} if before else {}
    kept = {name: count for name, count in _KEPT.items() if any(map(count, detail.tables))}
    columns = (
        Column("source"),
        Column("table"),
        Column("strategy", fold=4),
        Column("read", right=True, fold=2),
        Column("written", right=True),
        Column("deleted", right=True, fold=3),
        *(Column(name, right=True) for name in kept),
        Column("bytes", right=True, fold=5),
        Column("duration", right=True, fold=1),
        Column("status"),
        Column("written before", right=True, fold=6),
        Column("duration before", right=True, fold=7),
    )
    rows = [
        (
            table_run.source,
            table_run.table,
            table_run.strategy,
            rows_exact(table_run.rows_read),
            rows_exact(table_run.rows_written),
            rows_exact(table_run.rows_deleted),
            *(rows_exact(count(table_run)) for count in kept.values()),
            bytes_size(table_run.bytes),
            seconds(table_run.duration_seconds),
            table_run.status,
            *_compared(table_run, earlier.get((table_run.source, table_run.table))),
        )
        for table_run in detail.tables
    ]
    changes = [
        f"{clean_text(f'{table_run.source}.{table_run.table}.{change.column}')}: "
        f"{clean_text(change.change)}, {clean_text(change.action)}"
        for table_run in detail.tables
        for change in table_run.schema_changes
    ]
    blocks = ["\n".join(head), table(columns, rows, width=width), "\n".join(changes)]
    return "\n\n".join(block for block in [*blocks, *table_failures(detail.tables)] if block)


def _compared(now: TableRun, before: TableRun | None) -> tuple[str, str]:
    """The run before's figures, with the rows' difference."""
    if before is None:
        return NOTHING, NOTHING
    difference = now.rows_written - before.rows_written
    return (
        f"{rows_exact(before.rows_written)} ({difference:+,})" if difference else "same",
        seconds(before.duration_seconds),
    )


def plan(report: PlanReport, width: int | None = None) -> str:
    """What the next sync would do, and what a careful reader should know."""
    columns = (
        Column("source"),
        Column("table"),
        Column("target", fold=3),
        Column("mode", fold=4),
        Column("strategy", fold=1),
        Column("from", fold=2),
        Column("rows", right=True),
        Column("changes", right=True, fold=5),
    )
    rows = [
        (
            planned.source,
            planned.table,
            planned.target,
            planned.mode,
            planned.strategy,
            _start(planned),
            _rows_to_read(planned),
            rows_exact(len(planned.schema_changes)),
        )
        for planned in report.tables
    ]
    notes = [line for planned in report.tables for line in _plan_notes(planned)]
    ignored = _ignored(report.ignored)
    tables = table(columns, rows, width=width)
    blocks = [tables, "\n".join(notes), *ignored, "Nothing was changed."]
    return "\n\n".join(block for block in blocks if block)


def _rows_to_read(planned: PlannedTable) -> str:
    counted = planned.strategy != "full" and planned.rows_estimated is not None
    return rows_exact(planned.rows_estimated) if counted else estimate(planned.rows_estimated)


def _start(planned: PlannedTable) -> str:
    if planned.backfill is not None:
        return "the backfill"
    if planned.mode == "full":
        return "all rows"
    return planned.watermark or "the beginning"


def _plan_notes(planned: PlannedTable) -> list[str]:
    place = clean_text(f"{planned.source}.{planned.table}")
    changes = [
        f"{place}.{clean_text(change.column)}: {clean_text(change.change)} "
        f"({change.source_type or NOTHING} → {change.target_type or NOTHING}), "
        f"{clean_text(change.action)}"
        for change in planned.schema_changes
    ]
    notes = [f"{place}: {clean_text(note)}" for note in planned.notes]
    return changes + notes


def check(report: CheckReport, now: datetime, width: int | None = None) -> str:
    """Connections, then raw tables with their age at `now`, then those that are unfed."""
    connections = table(
        (
            Column("connection"),
            Column("role", fold=2),
            Column("status"),
            Column("latency", right=True),
            Column("server", fold=1),
            Column("remarks", fold=3),
        ),
        [
            (
                health.name,
                health.role,
                health.status,
                NOTHING if health.latency_ms is None else f"{health.latency_ms:.1f} ms",
                health.server_version or NOTHING,
                _remarks(health),
            )
            for health in report.connections
        ],
        width=width,
    )
    blocks = [connections, _raw_tables(report.tables, now, width)]
    blocks += [*_problems(report.problems), *_unfed(report.unfed or ())]
    blocks += _ignored(report.ignored)
    return "\n\n".join(block for block in blocks if block)


def _raw_tables(tables: Sequence[RawTable], now: datetime, width: int | None) -> str:
    if not tables:
        return ""
    return table(
        (
            Column("table"),
            Column("source", fold=1),
            Column("rows", right=True),
            Column("size", right=True, fold=2),
            Column("last sync", fold=3),
            Column("age", right=True),
        ),
        [
            (
                raw.target,
                raw.source,
                rows_exact(raw.rows),
                bytes_size(raw.bytes),
                moment(raw.last_synced_at),
                _age(raw.last_synced_at, now),
            )
            for raw in tables
        ],
        width=width,
    )


def _problems(problems: Sequence[Problem]) -> list[str]:
    """Each problem with its next step, in one block or none."""
    lines = []
    for problem in problems:
        place = f"{problem.source}.{problem.table}: " if problem.table else ""
        hint = f"; {repeated(problem.error.hint)}" if problem.error.hint else ""
        lines.append(clean_text(f"{place}can't be synced: {problem.error.message}{hint}"))
    return ["\n".join(lines)] if lines else []


def _ignored(ignored: Sequence[IgnoredNew]) -> list[str]:
    """A line for each new table or column that is left out, in one block or none."""
    if not ignored:
        return []
    from elconsole.report.ignored import ignored_lines

    return ["\n".join(ignored_lines(ignored))]


def _unfed(tables: Sequence[UnfedTable]) -> list[str]:
    """A line for each raw table that no sync fills any more, in one block or none."""
    lines = [
        f"{clean_text(unfed.target)}: not fed since {moment(unfed.since)}:"
        f" {clean_text(unfed.reason)}"
        for unfed in tables
    ]
    return ["\n".join(lines)] if lines else []


def _remarks(health: ConnectionHealth) -> str:
    """Reasons and warnings, or the beginning of an error that stands in full on stderr."""
    if health.error is None:
        warnings = [f"warning: {warning}" for warning in health.warnings]
        return "; ".join([*health.reasons, *warnings])
    return clean_text(health.error.message.removeprefix(f"{health.name}: "), REMARK_CELLS)


def _age(then: datetime | None, now: datetime) -> str:
    return "never" if then is None else age((now - then).total_seconds())


def schema(report: SchemaReport, width: int | None = None) -> str:
    """Drift, column by column, then raw tables that are unfed."""
    blocks = [_drift(report, width), *_unfed(report.unfed), *_ignored(report.ignored)]
    return "\n\n".join(blocks)


def _drift(report: SchemaReport, width: int | None) -> str:
    rows = [
        (
            drift.source,
            drift.table,
            change.column,
            change.change,
            change.source_type or NOTHING,
            change.target_type or NOTHING,
            change.action,
        )
        for drift in report.tables
        for change in drift.changes
    ]
    if not rows:
        unknown = sum(drift.error is not None for drift in report.tables)
        return f"no drift in {len(report.tables) - unknown} of {len(report.tables)} tables"
    columns = (
        Column("source"),
        Column("table"),
        Column("column"),
        Column("change"),
        Column("source type", fold=1),
        Column("raw type", fold=2),
        Column("next sync", fold=3),
    )
    return table(columns, rows, width=width)


def advise(report: AdviceReport) -> str:
    """Findings, each with its evidence and command."""
    from elconsole.advisors.words import evidence_words

    if not report.findings:
        return "nothing to advise"
    blocks = []
    for finding in report.findings:
        evidence, words = evidence_words(finding), clean_text(repeated(finding.finding))
        lines = [
            f"{finding.advisor}: {clean_text(finding.subject)}: {words}",
            f"  evidence  {clean_text(evidence)}" if evidence else "",
            f"  next      {clean_text(repeated_command(finding.command))}"
            if finding.command
            else "",
        ]
        blocks.append("\n".join(line for line in lines if line))
    return "\n\n".join(blocks)

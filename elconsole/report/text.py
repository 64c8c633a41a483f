"""Results as aligned text: pure functions from the engine's results to lines.

Text of databases and servers is data: cells lose control characters and line breaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from elconsole.core.humanize import NOTHING, age, bytes_size, rows_exact, seconds
from elconsole.core.invocation import repeated, repeated_command
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionHealth,
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
    Column("rows", right=True),
    Column("duration", right=True),
    Column("status"),
)


def _run_cells(run: TableRun) -> tuple[str, ...]:
    return (
        run.source,
        run.table,
        rows_exact(run.rows_written),
        seconds(run.duration_seconds),
        run.status,
    )


def sync(detail: RunDetail) -> str:
    """What a sync did: a line a table and their total."""
    total = (
        "total",
        "",
        rows_exact(detail.run.rows_written),
        seconds(detail.run.duration_seconds),
        detail.run.status,
    )
    return table(_RUN_COLUMNS, [_run_cells(run) for run in detail.tables], total)


def summary(detail: RunDetail) -> str:
    """A run in one line."""
    run = detail.run
    name = "sync" if run.run_number is None else f"run {run.run_number}"
    ends = Counter(table_run.status for table_run in detail.tables)
    if run.status == "failed":
        failed = len(detail.tables) - ends["succeeded"]
        said = f"{failed} of {len(detail.tables)} tables failed, {ends['succeeded']} succeeded; "
    else:
        said = f"{ends['succeeded']} of {len(detail.tables)} tables, "
    return (
        f"{name} {run.status}: {said}{rows_exact(run.rows_written)} rows,"
        f" {bytes_size(run.bytes)} in {seconds(run.duration_seconds)}"
    )


def finished_table(run: TableRun) -> str:
    """One finished table in one line."""
    return (
        f"{run.source}.{run.table}: {run.status}, "
        f"{rows_exact(run.rows_written)} rows in {seconds(run.duration_seconds)}"
    )


def run_detail(detail: RunDetail, before: RunDetail | None) -> str:
    """A run of the past in full, its rows and durations beside those of the run before."""
    run = detail.run
    who = clean_text(f"{run.user}@{run.host}" if run.user else run.host)
    head = [
        f"run      {run.run_number if run.run_number is not None else NOTHING}  {run.run_id}",
        f"status   {run.status}",
        f"mode     {run.mode}",
        f"where    {who}, pid {run.pid}",
        f"started  {moment(run.started_at)}",
        f"ended    {moment(run.finished_at)}  ({seconds(run.duration_seconds)})",
    ]
    earlier = {(old.source, old.table): old for old in before.tables} if before else {}
    columns = (
        Column("source"),
        Column("table"),
        Column("strategy"),
        Column("read", right=True),
        Column("written", right=True),
        Column("deleted", right=True),
        Column("bytes", right=True),
        Column("duration", right=True),
        Column("status"),
        Column("rows before", right=True),
        Column("duration before", right=True),
    )
    rows = [
        (
            table_run.source,
            table_run.table,
            table_run.strategy,
            rows_exact(table_run.rows_read),
            rows_exact(table_run.rows_written),
            rows_exact(table_run.rows_deleted),
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
    blocks = ["\n".join(head), table(columns, rows), "\n".join(changes)]
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


def pruned(removed: int) -> str:
    """What `runs prune` did."""
    if not removed:
        return "no run to remove"
    return "1 run removed" if removed == 1 else f"{rows_exact(removed)} runs removed"


def runs(summaries: Sequence[RunSummary]) -> str:
    """The history, newest first."""
    columns = (
        Column("run", right=True),
        Column("id"),
        Column("started"),
        Column("duration", right=True),
        Column("mode"),
        Column("rows", right=True),
        Column("failed", right=True),
        Column("status"),
        Column("host"),
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
    return table(columns, rows)


def plan(report: PlanReport) -> str:
    """What the next sync would do, and what a careful reader should know."""
    columns = (
        Column("source"),
        Column("table"),
        Column("target"),
        Column("mode"),
        Column("strategy"),
        Column("from"),
        Column("rows", right=True),
        Column("changes", right=True),
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
    blocks = [table(columns, rows), "\n".join(notes), "Nothing was changed."]
    return "\n\n".join(block for block in blocks if block)


def _rows_to_read(planned: PlannedTable) -> str:
    counted = planned.strategy != "full" and planned.rows_estimated is not None
    return rows_exact(planned.rows_estimated) if counted else estimate(planned.rows_estimated)


def _start(planned: PlannedTable) -> str:
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


def check(report: CheckReport, now: datetime) -> str:
    """Connections, then raw tables with their age at `now`, then those that are unfed."""
    connections = table(
        (
            Column("connection"),
            Column("role"),
            Column("status"),
            Column("latency", right=True),
            Column("server"),
            Column("remarks"),
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
    )
    blocks = [connections, _raw_tables(report.tables, now)]
    blocks += [*_problems(report.problems), *_unfed(report.unfed or ())]
    return "\n\n".join(block for block in blocks if block)


def _raw_tables(tables: Sequence[RawTable], now: datetime) -> str:
    if not tables:
        return ""
    return table(
        (
            Column("table"),
            Column("source"),
            Column("rows", right=True),
            Column("size", right=True),
            Column("last sync"),
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
    )


def _problems(problems: Sequence[Problem]) -> list[str]:
    """Each problem with its next step, in one block or none."""
    lines = []
    for problem in problems:
        place = f"{problem.source}.{problem.table}: " if problem.table else ""
        hint = f"; {repeated(problem.error.hint)}" if problem.error.hint else ""
        lines.append(clean_text(f"{place}can't be synced: {problem.error.message}{hint}"))
    return ["\n".join(lines)] if lines else []


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


def schema(report: SchemaReport) -> str:
    """Drift, column by column, then raw tables that are unfed."""
    return "\n\n".join([_drift(report), *_unfed(report.unfed)])


def _drift(report: SchemaReport) -> str:
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
    headings = ("source", "table", "column", "change", "source type", "raw type", "next sync")
    return table([Column(heading) for heading in headings], rows)


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

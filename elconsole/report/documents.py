"""Results as the JSON documents of the contract: plain dicts, one builder a command.

Times are ISO 8601 in UTC, rates fractions from 0 to 1, identifiers unquoted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from elconsole.core.invocation import repeated, repeated_command
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionInfo,
    IgnoredNew,
    PlanReport,
    Problem,
    QualityReport,
    QualityRow,
    QualityTable,
    ReconcileReport,
    RunDetail,
    RunSummary,
    SchemaReport,
    TableRun,
    UnfedTable,
)
from elconsole.core.types import ErrorInfo, SchemaChange

Document = dict[str, Any]


def document(content: Document) -> str:
    """One line of JSON, readable by any parser in any locale, harmless on any terminal."""
    return json.dumps(content, ensure_ascii=True, allow_nan=False, default=str)


def time(value: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in `Z`."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(value: float | None) -> float | None:
    """To the microsecond: what comes after is the float's, not the clock's."""
    return None if value is None else round(value, 6)


def error(value: ErrorInfo | None) -> Document | None:
    if value is None:
        return None
    return {
        "kind": value.kind,
        "message": value.message,
        "hint": value.hint and repeated(value.hint),
        "sqlstate": value.sqlstate,
    }


def change(value: SchemaChange) -> Document:
    return {
        "column": value.column,
        "change": value.change,
        "source_type": value.source_type,
        "target_type": value.target_type,
        "action": value.action,
    }


def sync(detail: RunDetail) -> Document:
    """`sync --json`, and `runs RUN_ID --json`."""
    run = detail.run
    return {
        "run_id": run.run_id,
        "run_number": run.run_number,
        "status": run.status,
        "mode": run.mode,
        "host": run.host,
        "pid": run.pid,
        "started_at": time(run.started_at),
        "finished_at": time(run.finished_at),
        "duration_seconds": _seconds(run.duration_seconds),
        "cancelled_by": run.cancelled_by or None,
        "backfill": run.backfill or None,
        "records_extracted": run.rows_read,
        "records_loaded": run.rows_written,
        "bytes": run.bytes,
        "tables": [_table_run(table) for table in detail.tables],
        "ignored": _ignored(detail.ignored),
    }


def in_warehouse(content: Document, connections: Iterable[ConnectionInfo]) -> Document:
    """The same, with where the warehouse is."""
    for one in connections:
        if one.role == "warehouse":
            place = {"host": one.host, "port": one.port, "dbname": one.dbname}
            return {**content, "warehouse": place}
    return content


def _table_run(table: TableRun) -> Document:
    return {
        "source": table.source,
        "table": table.table,
        "source_schema": table.source_schema,
        "source_address": table.source_address,
        "target": table.target,
        "mode": table.mode,
        "strategy": table.strategy,
        "status": table.status,
        "records_extracted": table.rows_read,
        "records_loaded": table.rows_written,
        "records_deleted": table.rows_deleted,
        "records_marked": table.rows_marked,
        "versions": table.versions,
        "bytes": table.bytes,
        "duration_seconds": _seconds(table.duration_seconds),
        "extract_seconds": _seconds(table.extract_seconds),
        "load_seconds": _seconds(table.load_seconds),
        "attempts": table.attempts,
        "schema_changes": [change(value) for value in table.schema_changes],
        "notes": list(table.notes),
        "error": error(table.error),
    }


def plan(report: PlanReport) -> Document:
    """`sync --dry-run --json`."""
    return {
        "dry_run": True,
        "tables": [
            {
                "source": table.source,
                "table": table.table,
                "target": table.target,
                "mode": table.mode,
                "strategy": table.strategy,
                "watermark": table.watermark,
                "backfill": table.backfill,
                "rows_estimated": table.rows_estimated,
                "schema_changes": [change(value) for value in table.schema_changes],
                "notes": list(table.notes),
                "error": error(table.error),
            }
            for table in report.tables
        ],
        "ignored": _ignored(report.ignored),
    }


def runs(summaries: tuple[RunSummary, ...]) -> Document:
    return {
        "runs": [
            {
                "run_id": run.run_id,
                "run_number": run.run_number,
                "status": run.status,
                "mode": run.mode,
                "host": run.host,
                "pid": run.pid,
                "started_at": time(run.started_at),
                "finished_at": time(run.finished_at),
                "duration_seconds": _seconds(run.duration_seconds),
                "cancelled_by": run.cancelled_by or None,
                "backfill": run.backfill or None,
                "records_loaded": run.rows_written,
                "tables_failed": run.tables_failed,
            }
            for run in summaries
        ]
    }


def cancelled(run: RunSummary | None) -> Document:
    """`cancel --json`: the run as it is now, as `runs` lists it; none where none went on."""
    ended = run is None or run.status != "running"
    return {"ended": ended, **runs(() if run is None else (run,))}


def pruned(removed: int) -> Document:
    """`runs prune --json`."""
    return {"removed": removed}


def check(report: CheckReport) -> Document:
    return {
        "connections": [
            {
                "name": connection.name,
                "role": connection.role,
                "status": connection.status,
                "latency_ms": connection.latency_ms,
                "server_version": connection.server_version,
                "reasons": list(connection.reasons),
                "warnings": list(connection.warnings),
                "error": error(connection.error),
            }
            for connection in report.connections
        ],
        "tables": [
            {
                "target": table.target,
                "source": table.source,
                "table": table.table,
                "rows": table.rows,
                "bytes": table.bytes,
                "last_synced_at": time(table.last_synced_at),
            }
            for table in report.tables
        ],
        "problems": [_problem(problem) for problem in report.problems],
        "unfed": [_unfed(table) for table in report.unfed or ()],
        "ignored": _ignored(report.ignored),
    }


def _problem(problem: Problem) -> Document:
    return {
        "source": problem.source,
        "table": problem.table,
        "kind": problem.error.kind,
        "message": problem.error.message,
        "hint": problem.error.hint and repeated(problem.error.hint),
    }


def _ignored(ignored: tuple[IgnoredNew, ...]) -> list[Document]:
    return [{"source": one.source, "table": one.table, "column": one.column} for one in ignored]


def _unfed(table: UnfedTable) -> Document:
    return {"target": table.target, "since": time(table.since), "reason": table.reason}


def quality(report: QualityReport) -> Document:
    return {"tables": [_quality_table(table) for table in report.tables]}


def _quality_table(table: QualityTable) -> Document:
    return {
        "source": table.source,
        "table": table.table,
        "target": table.target,
        "dimension": table.dimension,
        "baseline": table.baseline,
        "newest_unit_at": time(table.newest_unit_at),
        "newest_extracted_at": time(table.newest_extracted_at),
        "changed_rows": table.changed_rows,
        "notes": list(table.notes),
        "error": error(table.error) if table.error else None,
        "rows": [_quality_row(row) for row in table.rows],
        "total": _quality_row(table.total) if table.total else None,
    }


def _quality_row(row: QualityRow) -> Document:
    period = {} if row.period is None else {"period": row.period}
    return {
        "value": row.value,
        **period,
        "inspected": row.inspected,
        "passed": row.passed,
        "failed": row.failed,
        "pass_rate": row.pass_rate,
        "low": row.low,
        "high": row.high,
        "center": row.center,
        "lcl": row.lcl,
        "ucl": row.ucl,
        "chart": row.chart,
        "judged": row.judged,
        "rules": list(row.rules),
        "signal": row.signal,
        "signal_period": row.signal_period,
        "signal_since": row.signal_since,
        "signal_pass_rate": row.signal_pass_rate,
        "trend": list(row.trend),
        "change_previous": row.change_previous,
        "change_baseline": row.change_baseline,
        "defects_per_million": row.defects_per_million,
        "top_defect": row.top_defect,
        "top_defect_share": row.top_defect_share,
    }


def schema(report: SchemaReport) -> Document:
    return {
        "tables": [
            {
                "source": table.source,
                "table": table.table,
                "target": table.target,
                "changes": [change(value) for value in table.changes],
                "error": error(table.error),
            }
            for table in report.tables
        ],
        "unfed": [_unfed(table) for table in report.unfed],
        "ignored": _ignored(report.ignored),
    }


def reconcile(report: ReconcileReport) -> Document:
    return {
        "tables": [
            {
                "source": table.source,
                "table": table.table,
                "target": table.target,
                "source_rows": table.source_rows,
                "target_rows": table.target_rows,
                "equal": table.equal,
                "pending": table.pending,
                "different_keys": [_key(key) for key in table.different_keys],
                "columns_only_in_source": list(table.columns_only_in_source),
                "columns_only_in_target": list(table.columns_only_in_target),
                "error": error(table.error),
            }
            for table in report.tables
        ]
    }


def _key(text: str) -> Any:
    """A key's values as JSON; a text that is none stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def advise(report: AdviceReport) -> Document:
    return {
        "findings": [
            {
                "advisor": finding.advisor,
                "subject": finding.subject,
                "finding": repeated(finding.finding),
                "evidence": finding.evidence,
                "command": finding.command and repeated_command(finding.command),
            }
            for finding in report.findings
        ]
    }


def failure(key: str, reason: ErrorInfo) -> Document:
    """A command that could not do its work: its list, empty, and the reason."""
    return {key: [], "error": error(reason)}

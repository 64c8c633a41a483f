"""Events, runs and probes told in one line each, for the activity panel and the log. Pure."""

from __future__ import annotations

from datetime import datetime

from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Event,
    QualitySignal,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableFailed,
    TableStarted,
)
from elconsole.core.results import ConnectionHealth, RunDetail, RunSummary, TableRun
from elconsole.core.types import ErrorInfo
from elconsole.ui.state.log import LogEntry
from elconsole.ui.words.cells import Tone
from elconsole.ui.words.text import count, count_short, percent, safe, span_of
from elconsole.ui.words.wording import error_line, mode_text, run_name, started_by, tables_text


def of_event(event: Event) -> LogEntry | None:
    """The line of an event; None for those that only move numbers."""
    match event:
        case SyncStarted():
            return LogEntry(
                at=event.at,
                subject=run_name(event.run_number),
                text=f"{mode_text(event.mode)} of {tables_text(len(event.tables))} started here",
                key=f"{event.run_id}/start",
                run_id=event.run_id,
            )
        case TableStarted():
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return LogEntry(
                at=event.at,
                level="debug",
                subject=f"{event.source}.{event.table}",
                text=f"reading{again}",
                tone="dim",
                detail=event.strategy if event.mode == "incremental" else "full",
                run_id=event.run_id,
            )
        case DataExtracted():
            return LogEntry(
                at=event.at,
                subject=f"{event.source}.{event.table}",
                text=f"extracted {count(event.rows_read)} rows",
                detail=span_of(event.extract_seconds),
                run_id=event.run_id,
            )
        case DataLoaded():
            return LogEntry(
                at=event.at,
                subject=f"{event.source}.{event.table}",
                text=f"published {count(event.rows_written)} rows",
                tone="ok",
                detail=_loaded_detail(event),
                key=f"{event.run_id}/{event.source}/{event.table}",
                run_id=event.run_id,
            )
        case TableFailed():
            return _of_failure(event)
        case SchemaChanged():
            return LogEntry(
                at=event.at,
                level="warning",
                subject=f"{event.source}.{event.table}",
                text="columns changed",
                tone="warn",
                detail=safe(", ".join(f"{item.column} {item.change}" for item in event.changes)),
                run_id=event.run_id,
            )
        case QualitySignal():
            return LogEntry(
                at=event.at,
                level="warning",
                subject=f"{event.source}.{event.table}",
                text=f"{safe(event.value, 60)} out of control at {percent(event.pass_rate)}",
                tone="bad",
                detail=safe(event.finding),
                run_id=event.run_id,
            )
        case SyncCompleted():
            return _ended(
                at=event.at,
                run_id=event.run_id,
                number=event.run_number,
                status=event.status,
                tables=None,
                tables_failed=event.tables_failed,
                rows=event.rows_written,
                seconds=event.duration_seconds,
            )
    return None


def of_run(before: RunDetail | None, now: RunDetail, at: datetime) -> list[LogEntry]:
    """What is new in a run that another process does."""
    entries = []
    run = now.run
    if before is None and run.status == "running":
        entries.append(
            LogEntry(
                at=run.started_at,
                subject=run_name(run.run_number),
                text=f"{mode_text(run.mode)} of {tables_text(len(now.tables) or run.tables_total)}"
                f" started by {started_by(run)}",
                detail=f"pid {run.pid}" if run.pid else "",
                key=f"{run.run_id}/start",
                run_id=run.run_id,
            )
        )
    known = {(table.source, table.table): table.status for table in before.tables} if before else {}
    for table in now.tables:
        was = known.get((table.source, table.table))
        if before is not None and table.status != was:
            entries.extend(_of_table(run, table, at))
    ended_now = before is None or before.run.status == "running"
    if run.status != "running" and ended_now:
        entries.append(of_run_end(run))
    return entries


def of_run_end(run: RunSummary) -> LogEntry:
    """A run of the history as a line."""
    return _ended(
        at=run.finished_at or run.started_at,
        run_id=run.run_id,
        number=run.run_number,
        status=run.status,
        tables=run.tables_total,
        tables_failed=run.tables_failed,
        rows=run.rows_written,
        seconds=run.duration_seconds,
    )


def of_refusal(error: ErrorInfo, at: datetime) -> LogEntry:
    """A sync that could not even start."""
    return LogEntry(
        at=at,
        level="error",
        subject="sync",
        text="could not start",
        tone="bad",
        detail=error_line(error),
        error=error,
    )


def of_health(
    before: ConnectionHealth | None,
    now: ConnectionHealth,
    usual_ms: float | None,
    since: datetime | None,
) -> LogEntry | None:
    """A connection's turn from one status to another; None while it stays."""
    was = before.status if before else "healthy"
    if now.status == was:
        return None
    subject = safe(now.name, 60)
    if now.status == "healthy":
        seconds = (now.checked_at - since).total_seconds() if since else None
        after = f"after {span_of(seconds)}" if seconds is not None else ""
        return LogEntry(
            at=now.checked_at, subject=subject, text="healthy again", tone="ok", detail=after
        )
    if now.status == "degraded":
        text = "; ".join(safe(reason) for reason in now.reasons) or "degraded"
        slow = any(reason.startswith("slow") for reason in now.reasons)
        usual = f"usually {usual_ms:.0f} ms" if usual_ms is not None and slow else ""
        return LogEntry(
            at=now.checked_at,
            level="warning",
            subject=subject,
            text=text,
            tone="warn",
            detail=usual,
        )
    return LogEntry(
        at=now.checked_at,
        level="error",
        subject=subject,
        text="down",
        tone="bad",
        detail=error_line(now.error, now.name),
        error=now.error,
    )


def _of_table(run: RunSummary, table: TableRun, at: datetime) -> list[LogEntry]:
    subject, when = f"{table.source}.{table.table}", table.finished_at or at
    key = f"{run.run_id}/{table.source}/{table.table}"
    if table.status == "succeeded":
        return [
            LogEntry(
                at=when,
                subject=subject,
                text=f"published {count(table.rows_written)} rows",
                tone="ok",
                detail=span_of(table.duration_seconds),
                key=key,
                run_id=run.run_id,
            )
        ]
    if table.status in ("failed", "locked", "skipped", "cancelled"):
        return [
            LogEntry(
                at=when,
                level="error" if table.status == "failed" else "warning",
                subject=subject,
                text=table.status,
                tone="bad" if table.status == "failed" else "warn",
                detail=error_line(table.error, subject),
                key=key,
                error=table.error,
                run_id=run.run_id,
            )
        ]
    return []


def _of_failure(event: TableFailed) -> LogEntry:
    text: str = event.status
    tone, level = "bad", "error"
    if event.will_retry:
        text, tone, level = f"attempt {event.attempt} failed, trying again", "warn", "warning"
    elif event.status in ("cancelled", "skipped", "locked"):
        tone, level = "warn", "warning"
    return LogEntry(
        at=event.at,
        level=level,  # type: ignore[arg-type]
        subject=f"{event.source}.{event.table}",
        text=text,
        tone=tone,  # type: ignore[arg-type]
        detail=error_line(event.error, f"{event.source}.{event.table}"),
        error=event.error,
        run_id=event.run_id,
    )


def _loaded_detail(event: DataLoaded) -> str:
    parts = [f"generation {event.generation}", span_of(event.duration_seconds)]
    if event.rows_deleted:
        parts.append(f"{count(event.rows_deleted)} deleted")
    if event.rows_marked:
        parts.append(f"{count(event.rows_marked)} marked")
    if event.versions:
        parts.append(f"{count(event.versions)} versions")
    if failed := event.quality_flags.get("failed"):
        parts.append(f"{count_short(failed)} units failed inspection")
    return " · ".join(parts)


def _ended(
    *,
    at: datetime,
    run_id: str,
    number: int | None,
    status: str,
    tables: int | None,
    tables_failed: int,
    rows: int,
    seconds: float | None,
) -> LogEntry:
    parts = [tables_text(tables)] if tables else []
    if tables_failed:
        parts = [
            f"{tables_failed} of {tables_text(tables)}" if tables else f"{tables_failed} failed"
        ]
    parts += [f"{count(rows)} rows", span_of(seconds)]
    tones: dict[str, Tone] = {"succeeded": "ok", "failed": "bad"}
    return LogEntry(
        at=at,
        level="error" if status == "failed" else "info",
        subject=run_name(number),
        text=status,
        tone=tones.get(status, "warn"),
        detail=" · ".join(parts),
        key=f"{run_id}/end",
        run_id=run_id,
    )

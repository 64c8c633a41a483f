"""Runs of the pen plant, past and present, and the events of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Event,
    ProgressMade,
    SyncCompleted,
    SyncStarted,
    TableFailed,
    TableStarted,
)
from elconsole.core.results import RunDetail, RunSummary, TableRun
from elconsole.core.types import ErrorInfo, RunStatus, TableStatus
from tests.fakes.plant import LOST, NOW, SOURCES, before

Clock = Callable[[], datetime]


def table_run(
    source: str,
    status: TableStatus = "succeeded",
    rows: int = 100,
    *,
    estimated: int | None = None,
    seconds: float = 0.4,
    error: ErrorInfo | None = None,
) -> TableRun:
    """One table of a run."""
    running = status in ("running", "pending")
    return TableRun(
        source=source,
        table=f"{source}_production",
        target=f"raw.{source}_production",
        mode="full",
        strategy="full",
        status=status,
        rows_read=0 if status == "pending" else rows,
        rows_written=rows if status == "succeeded" else 0,
        bytes=0 if status == "pending" else rows * 250,
        rows_estimated=estimated,
        started_at=None if status == "pending" else before(seconds),
        finished_at=None if running else before(1),
        duration_seconds=0.0 if running else seconds,
        attempts=0 if status == "pending" else 1,
        error=error,
    )


def run_of(
    tables: tuple[TableRun, ...],
    status: RunStatus = "succeeded",
    *,
    number: int = 41,
    age_s: float = 312.0,
    seconds: float = 7.4,
    user: str = "cron",
    host: str = "etl-01",
    mode: str = "full",
) -> RunDetail:
    """A run and its tables."""
    finished = None if status == "running" else before(age_s)
    run = RunSummary(
        run_id=f"00000000-0000-4000-8000-{number:012d}",
        run_number=number,
        status=status,
        mode="full" if mode == "full" else "configured",
        host=host,
        pid=4711,
        user=user,
        started_at=before(age_s + (seconds if finished else 0)),
        finished_at=finished,
        duration_seconds=seconds if finished else None,
        rows_read=sum(table.rows_read for table in tables),
        rows_written=sum(table.rows_written for table in tables),
        bytes=sum(table.bytes for table in tables),
        tables_total=len(tables),
        tables_failed=sum(table.status == "failed" for table in tables),
    )
    return RunDetail(run, tables)


SUCCEEDED = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", rows=1_000_000, seconds=5.9),
        table_run("springs", rows=1_000_000, seconds=7.1),
    )
)
FAILED = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", "failed", rows=204_800, seconds=4.0, error=LOST, estimated=1_000_000),
        table_run("springs", rows=1_000_000, seconds=7.1),
    ),
    "failed",
    number=40,
    age_s=612.0,
)
RUNNING = run_of(
    (
        table_run("refills", rows=1_000_000, seconds=3.2),
        table_run("bodies", "running", rows=610_000, estimated=1_000_000, seconds=2.05),
        table_run("springs", "running", rows=41_000, estimated=1_000_000, seconds=1.02),
    ),
    "running",
    number=42,
    age_s=7.0,
)


def history(*newest: RunDetail) -> tuple[RunDetail, ...]:
    """Runs every five minutes, one of them failed, one cancelled, one abandoned."""
    return (*newest, *(_past_run(number) for number in range(39, 14, -1)))


def past(*newest: RunDetail) -> tuple[RunSummary, ...]:
    """The same as the engine lists them."""
    return tuple(detail.run for detail in history(*newest))


def _past_run(number: int) -> RunDetail:
    odd: Mapping[int, RunStatus] = {37: "cancelled", 33: "abandoned", 28: "failed"}
    status = odd.get(number, "succeeded")
    failed = status == "failed"
    rows = 3_000_000 + (number * 7919) % 41_000
    tables = tuple(
        table_run(name, "failed" if failed and name == "springs" else "succeeded", rows // 3)
        for name in SOURCES
    )
    run = run_of(
        tables,
        status,
        number=number,
        age_s=(41 - number) * 300.0 + 312,
        seconds=7.0 + (number * 37 % 11) / 5,
        mode="full" if number % 6 == 0 else "configured",
        user="anna" if number % 9 == 0 else "cron",
        host="desk-7" if number % 9 == 0 else "etl-01",
    ).run
    return RunDetail(run, tuple(table_run(name, rows=1_000_000) for name in SOURCES))


def events_of(result: RunDetail) -> list[Event]:
    """The events that a sync with that result emits, all in its last second."""
    found: list[Event] = [started(result.run, result.tables, before(1))]
    for table in result.tables:
        found += table_began(result.run.run_id, table, lambda: before(1))
        found += table_ended(result.run.run_id, table, lambda: before(0.2))
    return [*found, completed(result.run, NOW)]


def started(run: RunSummary, tables: tuple[TableRun, ...], at: datetime) -> SyncStarted:
    """How a run tells that it begins."""
    return SyncStarted(
        run_id=run.run_id,
        at=at,
        run_number=run.run_number,
        mode=run.mode,
        tables=tuple((table.source, table.table) for table in tables),
    )


def completed(run: RunSummary, at: datetime) -> SyncCompleted:
    """How a run tells that it ended."""
    return SyncCompleted(
        run_id=run.run_id,
        at=at,
        run_number=run.run_number,
        status=run.status,
        rows_read=run.rows_read,
        rows_written=run.rows_written,
        bytes_total=run.bytes,
        tables_failed=run.tables_failed,
        duration_seconds=run.duration_seconds or 0.0,
    )


def table_began(run_id: str, table: TableRun, now: Clock) -> Iterator[Event]:
    """A table's events until half of its rows are read."""
    where = _where(run_id, table)
    yield TableStarted(
        **where,
        at=now(),
        mode="full",
        strategy="full",
        attempt=1,
        rows_estimated=table.rows_estimated,
    )
    for quarter in (1, 2):
        yield ProgressMade(
            **where,
            at=now(),
            rows_read=table.rows_read * quarter // 4,
            bytes_total=table.bytes * quarter // 4,
            rows_estimated=table.rows_estimated,
        )


def table_ended(run_id: str, table: TableRun, now: Clock) -> Iterator[Event]:
    """A table's last events."""
    where, counts = _where(run_id, table), _counts(table)
    if table.error is not None:
        yield TableFailed(**where, at=now(), status=table.status, attempt=1, error=table.error)
        return
    yield DataExtracted(**where, **counts, at=now())
    yield DataLoaded(
        **where,
        **counts,
        at=now(),
        mode="full",
        strategy="full",
        rows_written=table.rows_written,
        rows_deleted=0,
        load_seconds=0.2,
        duration_seconds=table.duration_seconds,
        generation=1,
    )


def _where(run_id: str, table: TableRun) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "source": table.source,
        "table": table.table,
        "target": table.target,
    }


def _counts(table: TableRun) -> dict[str, Any]:
    return {
        "rows_read": table.rows_read,
        "bytes_total": table.bytes,
        "extract_seconds": 0.3,
        "columns": ("id", "quality_status"),
    }

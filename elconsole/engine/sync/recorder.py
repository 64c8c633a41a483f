"""The record of a run: each fact enters it as an event, and goes on to whoever listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from elconsole.core.errors import Cancelled, ElconsoleError, TableLocked, Vetoed
from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Emit,
    Event,
    ProgressMade,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableEvent,
    TableFailed,
    TableStarted,
)
from elconsole.core.fold import fold, fold_table
from elconsole.core.results import RunDetail, TableRun
from elconsole.core.types import ErrorInfo, RunStatus, TableStatus
from elconsole.engine.extract.pump import Transferred
from elconsole.engine.load.context import LoadResult
from elconsole.engine.plan.task import TableTask
from elconsole.engine.publish.lock import TargetMoved

if TYPE_CHECKING:
    from elconsole.plugins.hooks import Hooks

LOG = logging.getLogger("elconsole.engine")
TableLabel = tuple[str, str]
"""Source and table label."""


class Recorder:
    """Keeps the record of a run, one method a fact. Any thread may call it.

    The record is the fold of the events emitted; one thread writes its changes to the
    ledger."""

    def __init__(self, planned: RunDetail, emit: Emit, hooks: Hooks | None) -> None:
        self.run = planned.run
        self.urgent = threading.Event()
        """Set where a table began or ended: the ledger should hear of it at once."""
        self._emit = emit
        self._hooks = hooks
        self._lock = threading.Lock()
        self._tables = {_key(table): table for table in planned.tables}
        self._changed: dict[TableLabel, None] = {}

    def announced(self) -> None:
        """The run begins."""
        self.emit(
            SyncStarted(
                run_id=self.run.run_id,
                at=_now(),
                run_number=self.run.run_number,
                mode=self.run.mode,
                tables=tuple(self._tables),
                planned=RunDetail(self.run, self.tables()),
            )
        )

    def started(self, task: TableTask, attempt: int) -> None:
        """An attempt at a table begins."""
        self._record(
            TableStarted(
                **self._about(task),
                mode=task.mode,
                strategy=task.strategy,
                attempt=attempt,
                rows_estimated=task.rows_estimated,
                schema_changes=task.changes,
                notes=task.notes,
            )
        )
        if task.changes and attempt == 1:
            self._record(SchemaChanged(**self._about(task), changes=task.changes))

    def progressed(self, task: TableTask, rows: int, size: int) -> None:
        """So many rows and bytes of this attempt were read so far."""
        self._record(
            ProgressMade(
                **self._about(task),
                rows_read=rows,
                bytes_total=size,
                rows_estimated=task.rows_estimated,
            )
        )

    def extracted(self, task: TableTask, moved: Transferred) -> None:
        """The source has sent everything."""
        self._record(
            DataExtracted(
                **self._about(task),
                rows_read=moved.rows,
                bytes_total=moved.bytes,
                extract_seconds=moved.extract_seconds,
                columns=_columns(task),
            )
        )

    def loaded(self, task: TableTask, result: LoadResult) -> None:
        """The table is published."""
        self._record(
            DataLoaded(
                **self._about(task),
                mode=task.mode,
                strategy=result.strategy,
                rows_read=result.rows_read,
                rows_written=result.rows_written,
                rows_deleted=result.rows_deleted,
                rows_marked=result.rows_marked,
                versions=result.versions,
                bytes_total=result.bytes,
                extract_seconds=result.extract_seconds,
                load_seconds=result.load_seconds,
                duration_seconds=result.duration_seconds,
                generation=result.generation,
                columns=_columns(task),
                quality_flags=result.quality_flags,
                notes=result.notes,
            )
        )

    def cancelled(self, asked_by: str) -> None:
        """Somebody wants the run stopped: what is stopped from here on says who."""
        self.run = replace(self.run, cancelled_by=asked_by)

    def failed(self, key: TableLabel, error: ElconsoleError, *, will_retry: bool = False) -> None:
        """A table was not published: for good, or until the next attempt."""
        table = self._tables[key]
        self._record(
            TableFailed(
                run_id=self.run.run_id,
                at=_now(),
                source=table.source,
                table=table.table,
                target=table.target,
                status="failed" if will_retry else _outcome(error),
                attempt=table.attempts,
                error=self._told(error),
                will_retry=will_retry,
            )
        )

    def _told(self, error: ElconsoleError) -> ErrorInfo:
        """An error as it is recorded; a cancelled table's says who had the run cancelled."""
        if isinstance(error, Cancelled) and self.run.cancelled_by:
            return Cancelled(f"the run was cancelled by {self.run.cancelled_by}").info()
        return error.info()

    def completed(self, *, stopped: bool) -> RunDetail:
        """The run is over; what became of it."""
        tables = self.tables()
        event = self._completion(tables, stopped)
        detail = fold(RunDetail(self.run, tables), event)
        self.emit(event)
        return detail

    def emit(self, event: Event) -> None:
        """Pass an event on; an observer that raises is logged and stops nothing."""
        try:
            self._emit(event)
        except Exception:
            LOG.exception("an observer failed on %s", event.kind)
        if self._hooks is not None:
            self._hooks.emit(event)

    def tables(self) -> tuple[TableRun, ...]:
        """All tables as they stand, in the order of the plan."""
        with self._lock:
            return tuple(self._tables.values())

    def take_changed(self) -> tuple[TableRun, ...]:
        """The tables that changed since they were last taken, however many there are."""
        with self._lock:
            changed, self._changed = self._changed, {}
            return tuple(self._tables[key] for key in changed)

    def put_back(self, tables: Sequence[TableRun]) -> None:
        """Take these tables for changed again."""
        with self._lock:
            self._changed.update({_key(table): None for table in tables})

    def _record(self, event: TableEvent) -> None:
        key = (event.source, event.table)
        with self._lock:
            before = self._tables[key]
            if before.status == "succeeded":
                # Every reader sees its rows, whatever is said of it afterwards.
                return
            after = self._tables[key] = fold_table(before, event)
            self._changed[key] = None
        if after.status != before.status:
            self.urgent.set()
        self.emit(event)

    def _about(self, task: TableTask) -> dict[str, Any]:
        """What all events of a table share."""
        return {
            "run_id": self.run.run_id,
            "at": _now(),
            "source": task.source,
            "table": task.label,
            "target": task.target_text,
        }

    def _completion(self, tables: Sequence[TableRun], stopped: bool) -> SyncCompleted:
        now = _now()
        bad = sum(table.status in ("failed", "locked") for table in tables)
        status: RunStatus = "failed" if bad else "succeeded"
        if stopped or any(table.status == "cancelled" for table in tables):
            status = "cancelled"
        return SyncCompleted(
            run_id=self.run.run_id,
            at=now,
            run_number=self.run.run_number,
            status=status,
            rows_read=sum(table.rows_read for table in tables),
            rows_written=sum(table.rows_written for table in tables),
            bytes_total=sum(table.bytes for table in tables),
            tables_failed=bad,
            duration_seconds=(now - self.run.started_at).total_seconds(),
        )


def _outcome(error: ElconsoleError) -> TableStatus:
    """How a table ends that is not tried again."""
    match error:
        case Cancelled():
            return "cancelled"
        case Vetoed():
            return "skipped"
        case TableLocked() | TargetMoved():
            return "locked"
    return "failed"


def _key(table: TableRun) -> TableLabel:
    return table.source, table.table


def _columns(task: TableTask) -> tuple[str, ...]:
    return tuple(column.name for column in task.columns)


def _now() -> datetime:
    return datetime.now(UTC)

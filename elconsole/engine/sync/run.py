"""A run: plan, then tables on worker threads, then the report. Knows no screen."""

from __future__ import annotations

import getpass
import logging
import os
import queue
import socket
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from elconsole.core.errors import (
    Cancelled,
    ElconsoleError,
    ServerError,
    UsageError,
)
from elconsole.core.events import (
    Emit,
    Event,
    SyncCompleted,
    SyncStarted,
    TableFailed,
)
from elconsole.core.results import RunDetail, RunSummary, SyncRequest, TableRun
from elconsole.core.types import RunStatus, TableStatus
from elconsole.engine.catalog.warehouse import WarehouseState, read_state
from elconsole.engine.connect.parallel import beside
from elconsole.engine.connect.pool import Pools
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.connect.translate import error_info, table_error
from elconsole.engine.ledger import runs
from elconsole.engine.ledger.names import can_spell
from elconsole.engine.ledger.schema import prepare_warehouse
from elconsole.engine.ledger.targets import assign_targets
from elconsole.engine.plan.plan import plan_tables, unreachable
from elconsole.engine.plan.results import as_table_run
from elconsole.engine.plan.survey import Survey, select, survey
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.sync.ledger_writer import LedgerWriter
from elconsole.engine.sync.recorder import ENDED, RunBook
from elconsole.engine.sync.table import TableRunner

if TYPE_CHECKING:
    from elconsole.config.models import Settings
    from elconsole.plugins.hooks import Hooks

LOG = logging.getLogger("elconsole.engine")
CANCEL_GRACE_S = 1.0
LEDGER_GRACE_S = 5.0


class SyncRun:
    """One sync from its first connection to its report."""

    def __init__(
        self,
        settings: Settings,
        pools: Pools,
        request: SyncRequest,
        *,
        emit: Emit,
        stop: threading.Event,
        hooks: Hooks | None = None,
    ) -> None:
        self.settings = settings
        self.hooks = hooks
        self.pools = pools
        self.request = request
        self.stop = stop
        self._emit = emit
        self.schema = settings.warehouse.target_schema
        self.identities: dict[str, tuple[str, int] | None] = {}
        self.book = RunBook(())
        self.writer: LedgerWriter | None = None
        self.summary = RunSummary(
            run_id=str(uuid.uuid4()),
            run_number=None,
            status="running",
            mode="full" if request.full else "configured",
            host=socket.gethostname(),
            pid=os.getpid(),
            user=_user(),
            started_at=_now(),
        )

    def run(self) -> RunDetail:
        """Run to the end; raises UsageError for a request that names what is not there."""
        selected = select(self.settings, self.request.selection)
        surveyed = beside(partial(survey, selected, self.pools.sources, self.stop), "survey")
        try:
            session = open_session(self.pools.warehouse.server, stop=self.stop)
        except ElconsoleError as error:
            tables = [
                as_table_run(refused)
                for one in selected
                for refused in unreachable(one, error, self.schema, self.request.full)
            ]
            return self._report(tables)
        try:
            return self._run(session, surveyed())
        except UsageError:
            raise
        except (ElconsoleError, psycopg.Error) as error:
            return self._broken(error)
        finally:
            (self.writer.session if self.writer else session).abandon()

    def _run(self, session: Session, found: Survey) -> RunDetail:
        prepare_warehouse(session, self.schema)
        session.stop = None
        number = runs.start_run(session, self.summary)
        self.summary = replace(self.summary, run_number=number)
        self.identities = {name: c.identity for name, c in found.catalogs.items()}
        try:
            planned = self._plan(session, found)
            self.book = RunBook([as_table_run(one) for one in planned])
            runs.enter_tables(session, self.summary.run_id, self.book.tables())
        except BaseException:
            self._finish(session, "failed")
            raise
        tasks = [task for task in planned if isinstance(task, TableTask)]
        self.writer = LedgerWriter(
            session, self.pools.warehouse.server, self.book, self.summary.run_id, number
        )
        self.writer.start()
        self._announce(planned)
        self._work(tasks)
        detail = self._report(self.book.tables())
        if self.writer.finish(CANCEL_GRACE_S if self.stop.is_set() else LEDGER_GRACE_S):
            self._finish(self.writer.session, detail.run.status)
        return detail

    def _plan(self, session: Session, found: Survey) -> list[TableTask | Refused]:
        keys = [key for key in found.keys() if can_spell(key, session.encoding)]  # noqa: SIM118
        assign_targets(session, self.schema, keys)
        return plan_tables(self.settings, found, read_state(session, self.schema), self.request)

    def read_state(self) -> WarehouseState:
        """What the warehouse holds now."""
        try:
            with self.pools.warehouse.session(self.stop) as session:
                return read_state(session, self.schema)
        except psycopg.Error as error:
            raise table_error(error, "warehouse", "warehouse") from error

    def _finish(self, session: Session, status: RunStatus) -> None:
        self.summary = replace(self.summary, status=status, finished_at=_now())
        try:
            with session.within(CANCEL_GRACE_S if self.stop.is_set() else LEDGER_GRACE_S):
                runs.finish_run(session, self.summary)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("run %s: its end could not be written: %s", self.summary.run_id, error)

    def _announce(self, planned: list[TableTask | Refused]) -> None:
        names = tuple((one.source, one.label) for one in planned)
        self.emit(
            SyncStarted(
                run_id=self.summary.run_id,
                at=_now(),
                run_number=self.summary.run_number,
                mode=self.summary.mode,
                tables=names,
            )
        )
        for one in planned:
            if isinstance(one, Refused):
                status = as_table_run(one).status
                self.fail((one.source, one.label), one.error, status, 0, final=True)

    def _work(self, tasks: list[TableTask]) -> None:
        """Sync the tables, the largest first, on worker threads.

        The threads are daemons: one that hangs in a connect does not hold up the end."""
        waiting: queue.SimpleQueue[TableTask] = queue.SimpleQueue()
        for task in sorted(tasks, key=lambda t: -(t.relation.bytes_estimated or 0)):
            waiting.put(task)
        count = min(self.settings.workers, len(tasks))
        threads = [
            threading.Thread(target=self._drain, args=(waiting,), name=f"sync-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive() and not self.stop.is_set():
                thread.join(0.05)
        deadline = time.monotonic() + CANCEL_GRACE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for table in self.book.tables():
            if table.status not in ENDED:
                self.fail(
                    (table.source, table.table),
                    Cancelled("the sync was stopped"),
                    "cancelled",
                    table.attempts,
                    final=True,
                )

    def _drain(self, waiting: queue.SimpleQueue[TableTask]) -> None:
        while not self.stop.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                TableRunner(self, task).run()
            except Exception as error:
                LOG.exception("%s.%s: unexpected error", task.source, task.label)
                fault = ServerError(f"unexpected {type(error).__name__}: {error}")
                self.fail((task.source, task.label), fault, "failed", 0, final=True)

    def fail(
        self,
        key: tuple[str, str],
        error: ElconsoleError,
        status: TableStatus,
        attempt: int,
        *,
        final: bool,
    ) -> None:
        """Note a table's failure: for good, or before the next attempt."""
        info = error_info(error)
        table = self.book.table(key)
        if final:
            seconds = (_now() - table.started_at).total_seconds() if table.started_at else 0.0
            table = self.book.update(
                key, status=status, error=info, finished_at=_now(), duration_seconds=seconds
            )
            if self.writer:
                self.writer.wake()
        self.emit(
            TableFailed(
                run_id=self.summary.run_id,
                at=_now(),
                source=table.source,
                table=table.table,
                target=table.target,
                status=status,
                attempt=attempt,
                error=info,
                will_retry=not final,
            )
        )

    def emit(self, event: Event) -> None:
        """Pass an event on; an observer that raises is logged and stops nothing."""
        try:
            self._emit(event)
        except Exception:
            LOG.exception("an observer failed on %s", event.kind)
        if self.hooks is not None:
            self.hooks.emit(event)

    def _broken(self, error: ElconsoleError | psycopg.Error) -> RunDetail:
        """The warehouse failed before the tables could be planned."""
        if isinstance(error, psycopg.Error):
            error = table_error(error, "warehouse", "warehouse")
        selected = select(self.settings, self.request.selection)
        status: TableStatus = "cancelled" if isinstance(error, Cancelled) else "failed"
        tables = [
            replace(as_table_run(refused), status=status)
            for one in selected
            for refused in unreachable(one, error, self.schema, self.request.full)
        ]
        return self._report(tables)

    def _report(self, tables: tuple[TableRun, ...] | list[TableRun]) -> RunDetail:
        finished = _now()
        bad = sum(table.status in ("failed", "locked") for table in tables)
        status: RunStatus = "failed" if bad else "succeeded"
        if self.stop.is_set() or any(table.status == "cancelled" for table in tables):
            status = "cancelled"
        self.summary = replace(
            self.summary,
            status=status,
            finished_at=finished,
            duration_seconds=(finished - self.summary.started_at).total_seconds(),
            rows_read=sum(table.rows_read for table in tables),
            rows_written=sum(table.rows_written for table in tables),
            bytes=sum(table.bytes for table in tables),
            tables_total=len(tables),
            tables_failed=bad,
        )
        self.emit(
            SyncCompleted(
                run_id=self.summary.run_id,
                at=finished,
                run_number=self.summary.run_number,
                status=status,
                rows_read=self.summary.rows_read,
                rows_written=self.summary.rows_written,
                bytes_total=self.summary.bytes,
                tables_failed=bad,
                duration_seconds=self.summary.duration_seconds or 0.0,
            )
        )
        return RunDetail(self.summary, tuple(tables))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _now() -> datetime:
    return datetime.now(UTC)

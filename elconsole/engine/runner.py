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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from elconsole.api import QualityRequest, RunDetail, RunSummary, SyncRequest, TableRun
from elconsole.api_types import RunStatus, TableStatus
from elconsole.engine import ledger
from elconsole.engine.book import ENDED, LedgerWriter, RunBook
from elconsole.engine.faults import error_info, table_error
from elconsole.engine.load import LoadContext, LoadResult, load_table
from elconsole.engine.migrations import prepare_warehouse
from elconsole.engine.naming import can_spell
from elconsole.engine.plan import Refused, TableTask
from elconsole.engine.planning import (
    Survey,
    as_table_run,
    plan_tables,
    select,
    survey,
    unreachable,
)
from elconsole.engine.plugins import ask_before_extract, ask_before_publish, ask_checks, hook_task
from elconsole.engine.pools import Pool, Session, open_session
from elconsole.engine.quality import read_quality
from elconsole.engine.quality_signals import raise_signals
from elconsole.engine.quality_targets import quality_target, quality_targets
from elconsole.engine.state import WarehouseState, read_state, read_targets
from elconsole.engine.transfer import Transferred
from elconsole.errors import (
    Cancelled,
    ElconsoleError,
    ServerError,
    TableLocked,
    UsageError,
    Vetoed,
)
from elconsole.events import (
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
from elconsole.hook_types import HookResult, HookTask

if TYPE_CHECKING:
    from elconsole.hooks import Hooks
    from elconsole.settings_models import Settings

LOG = logging.getLogger("elconsole.engine")
UNITS = QualityRequest()
CANCEL_GRACE_S = 1.0
LEDGER_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Pools:
    """Every database of the settings, by name; the warehouse apart."""

    sources: Mapping[str, Pool]
    warehouse: Pool

    def close(self) -> None:
        for pool in (*self.sources.values(), self.warehouse):
            pool.close()


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
            return self._run(session, survey(selected, self.pools.sources, self.stop))
        except UsageError:
            raise
        except (ElconsoleError, psycopg.Error) as error:
            return self._broken(error)
        finally:
            (self.writer.session if self.writer else session).abandon()

    def _run(self, session: Session, found: Survey) -> RunDetail:
        prepare_warehouse(session, self.schema)
        session.stop = None
        number = ledger.start_run(session, self.summary)
        self.summary = replace(self.summary, run_number=number)
        self.identities = {name: c.identity for name, c in found.catalogs.items()}
        try:
            planned = self._plan(session, found)
        except BaseException:
            self._finish(session, "failed")
            raise
        tasks = [task for task in planned if isinstance(task, TableTask)]
        self.book = RunBook([as_table_run(one) for one in planned])
        ledger.enter_tables(session, self.summary.run_id, self.book.tables())
        self.writer = LedgerWriter(
            session, self.pools.warehouse.server, self.book, self.summary.run_id, number
        )
        self.writer.start()
        self._announce(planned)
        self._work(tasks)
        self._signal(tasks)
        detail = self._report(self.book.tables())
        if self.writer.finish(CANCEL_GRACE_S if self.stop.is_set() else LEDGER_GRACE_S):
            self._finish(self.writer.session, detail.run.status)
        return detail

    def _signal(self, tasks: list[TableTask]) -> None:
        """Raise the pass rates' new signals of the tables that were published."""
        published = {
            task.target_name
            for task in tasks
            if self.book.table((task.source, task.label)).status == "succeeded"
        }
        if self.stop.is_set() or not published:
            return
        try:
            with self.pools.warehouse.session(self.stop) as session:
                known = read_targets(session, self.schema).values()
                units = quality_targets(self.settings, known, self.schema)
                now = _now()
                report = read_quality(
                    session, [u for u in units if u.target_table in published], UNITS, now
                )
                for signal in raise_signals(session, report, self.summary.run_id, now):
                    self.emit(signal)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("run %s: pass rates could not be judged: %s", self.summary.run_id, error)

    def _plan(self, session: Session, found: Survey) -> list[TableTask | Refused]:
        keys = [key for key in found.keys() if can_spell(key, session.encoding)]  # noqa: SIM118
        ledger.assign_targets(session, self.schema, keys)
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
                ledger.finish_run(session, self.summary)
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
                self.fail((one.source, one.label), one.error, "failed", 0, final=True)

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
            records_extracted=sum(table.records_extracted for table in tables),
            records_loaded=sum(table.records_loaded for table in tables),
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
                records_extracted=self.summary.records_extracted,
                records_loaded=self.summary.records_loaded,
                bytes_total=self.summary.bytes,
                tables_failed=bad,
                duration_seconds=self.summary.duration_seconds or 0.0,
            )
        )
        return RunDetail(self.summary, tuple(tables))


class TableRunner:
    """One table of a run: its attempts, its events, its page in the book."""

    def __init__(self, run: SyncRun, task: TableTask) -> None:
        self.run_of = run
        self.task = task
        self.key = (task.source, task.label)
        self.started = time.monotonic()
        self.attempt = 0

    def run(self) -> None:
        """Try, and try again what may pass; never raises for what a server does."""
        self.run_of.book.update(self.key, status="running", started_at=_now())
        if self.run_of.writer:
            self.run_of.writer.wake()
        try:
            try:
                result = self._attempt()
            except ElconsoleError as error:
                if not error.retryable:
                    raise
                result = self._retry(error)
        except TableLocked as error:
            self._end(error, "locked")
        except Vetoed as error:
            self._end(error, "skipped")
        except Cancelled as error:
            self._end(error, "cancelled")
        except ElconsoleError as error:
            self._end(error, "failed")
        else:
            self._loaded(result)

    def _retry(self, first: ElconsoleError) -> LoadResult:
        """Go on after a first failure that may pass: each time from a clean start."""
        from tenacity import (
            RetryCallState,
            Retrying,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        failures = [first]

        def again() -> LoadResult:
            if failures:
                raise failures.pop()
            self._plan_again()
            return self._attempt()

        def before_sleep(state: RetryCallState) -> None:
            error = state.outcome and state.outcome.exception()
            if isinstance(error, ElconsoleError):
                self.run_of.fail(self.key, error, "failed", self.attempt, final=False)

        return Retrying(
            stop=stop_after_attempt(self.run_of.settings.retries + 1),
            wait=wait_random_exponential(multiplier=0.25, max=10),
            retry=retry_if_exception(lambda e: isinstance(e, ElconsoleError) and e.retryable),
            before_sleep=before_sleep,
            sleep=self._rest,
            reraise=True,
        )(again)

    def _rest(self, seconds: float) -> None:
        if self.run_of.stop.wait(seconds):
            raise Cancelled("the sync was stopped")

    def _plan_again(self) -> None:
        """The world may have moved since the plan was made: make it anew for this table."""
        run = self.run_of
        table = f"{self.task.relation.schema}.{self.task.relation.name}"
        selected = select(run.settings, [f"{self.task.source}.{table}"])
        found = survey(selected, run.pools.sources, run.stop)
        if found.failures:
            raise found.failures[self.task.source]
        state = run.read_state()
        run.identities[self.task.source] = found.catalogs[self.task.source].identity
        planned = plan_tables(run.settings, found, state, run.request)
        for one in planned:
            if isinstance(one, TableTask) and one.key == self.task.key:
                self.task = replace(one, label=self.task.label)
            elif isinstance(one, Refused):
                raise one.error

    def _attempt(self) -> LoadResult:
        if self.run_of.stop.is_set():
            raise Cancelled("the sync was stopped")
        self.attempt += 1
        self._started()
        ask_before_extract(self.run_of.hooks, self.task, self._about())
        with self._sessions() as (source, warehouse):
            return load_table(self._context(source, warehouse))

    @contextmanager
    def _sessions(self) -> Iterator[tuple[Session, Session]]:
        pools, stop = self.run_of.pools, self.run_of.stop
        with (
            pools.warehouse.session(stop) as warehouse,
            pools.sources[self.task.source].session(stop) as source,
        ):
            yield source, warehouse

    def _context(self, source: Session, warehouse: Session) -> LoadContext:
        settings = self.run_of.settings
        salt = settings.hash_salt
        return LoadContext(
            task=self.task,
            source=source,
            warehouse=warehouse,
            run_id=self.run_of.summary.run_id,
            run_number=self.run_of.summary.run_number or 0,
            attempt=self.attempt,
            identity=self.run_of.identities.get(self.task.source),
            hash_salt=salt.get_secret_value() if salt else None,
            quality=quality_target(
                self.task.settings,
                self.task.source,
                self.task.label,
                self.task.target_schema,
                self.task.target_name,
            ),
            stall_timeout_s=settings.stall_timeout,
            lock_wait_s=settings.lock_wait,
            started=self.started,
            on_progress=self._progress,
            on_extracted=self._extracted,
            before_publish=self._before_publish,
        )

    def _started(self) -> None:
        self.run_of.book.update(
            self.key,
            attempts=self.attempt,
            strategy=self.task.strategy,
            schema_changes=self.task.changes,
        )
        self._emit(
            TableStarted,
            mode=self.task.mode,
            strategy=self.task.strategy,
            attempt=self.attempt,
            rows_estimated=self.task.rows_estimated,
        )
        if self.task.changes and self.attempt == 1:
            self._emit(SchemaChanged, changes=self.task.changes)

    def _progress(self, rows: int, size: int) -> None:
        self.run_of.book.update(self.key, records_extracted=rows, bytes=size)
        self._emit(
            ProgressMade,
            rows_total=rows,
            bytes_total=size,
            rows_estimated=self.task.rows_estimated,
        )

    def _extracted(self, moved: Transferred) -> None:
        self._emit(
            DataExtracted,
            rows_total=moved.rows,
            bytes_total=moved.bytes,
            extract_seconds=moved.extract_seconds,
            columns=tuple(column.name for column in self.task.columns),
        )

    def _before_publish(self, session: Session, table: str, result: HookResult) -> None:
        run = self.run_of
        ask_checks(run.settings, self.task, session, table, run.pools.warehouse)
        ask_before_publish(run.hooks, self._about(), result, session, table)

    def _about(self) -> HookTask:
        return hook_task(self.task, self.run_of.summary.run_id, self.attempt)

    def _loaded(self, result: LoadResult) -> None:
        seconds = time.monotonic() - self.started
        self.run_of.book.update(
            self.key,
            status="succeeded",
            strategy=result.strategy,
            records_extracted=result.rows_extracted,
            records_loaded=result.rows_loaded,
            records_deleted=result.rows_deleted,
            bytes=result.bytes,
            finished_at=_now(),
            duration_seconds=seconds,
            error=None,
        )
        if self.run_of.writer:
            self.run_of.writer.wake()
        self._emit(
            DataLoaded,
            mode=self.task.mode,
            strategy=result.strategy,
            rows_extracted=result.rows_extracted,
            rows_total=result.rows_loaded,
            rows_deleted=result.rows_deleted,
            bytes_total=result.bytes,
            extract_seconds=result.extract_seconds,
            load_seconds=result.load_seconds,
            duration_seconds=seconds,
            generation=result.generation,
            columns=tuple(column.name for column in self.task.columns),
            quality_flags=result.quality_flags,
        )

    def _end(self, error: ElconsoleError, status: TableStatus) -> None:
        self.run_of.fail(self.key, error, status, self.attempt, final=True)

    def _emit(self, kind: type[TableEvent], **facts: Any) -> None:
        self.run_of.emit(
            kind(
                run_id=self.run_of.summary.run_id,
                at=_now(),
                source=self.task.source,
                table=self.task.label,
                target=self.task.target_text,
                **facts,
            )
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _now() -> datetime:
    return datetime.now(UTC)

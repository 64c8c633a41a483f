"""One table of a run: its attempts, its events, its page in the book."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from elconsole.core.errors import Cancelled, ElconsoleError, TableLocked, Vetoed
from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    ProgressMade,
    SchemaChanged,
    TableEvent,
    TableStarted,
)
from elconsole.core.results import QualityRequest
from elconsole.core.types import TableStatus
from elconsole.engine.connect.session import Session
from elconsole.engine.extract.pump import Transferred
from elconsole.engine.load.context import LoadContext, LoadResult, NotAtOnce
from elconsole.engine.load.load import load_table
from elconsole.engine.plan.plan import plan_tables
from elconsole.engine.plan.survey import select, survey
from elconsole.engine.plan.task import Refused, TableTask, known_target
from elconsole.engine.publish.commit import CommitInDoubt, was_published
from elconsole.engine.publish.lock import TargetMoved
from elconsole.engine.quality.read import read_quality
from elconsole.engine.quality.signals import raise_signals
from elconsole.engine.quality.statements import QualityTarget
from elconsole.engine.quality.targets import as_published, quality_target
from elconsole.engine.sync.gates import (
    ask_before_extract,
    ask_before_publish,
    ask_checks,
    asks_before_publish,
    hook_task,
)
from elconsole.plugins.types import HookResult, HookTask

if TYPE_CHECKING:
    from elconsole.engine.sync.run import SyncRun

LOG = logging.getLogger("elconsole.engine")


class TableRunner:
    """One table of a run: its attempts, its events, its page in the book."""

    def __init__(self, run: SyncRun, task: TableTask) -> None:
        self.run_of = run
        self.task = task
        self.key = (task.source, task.label)
        self.started = time.monotonic()
        self.attempt = 0
        self.unconfirmed: LoadResult | None = None
        """What the last COMMIT was to publish."""

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
        except (TableLocked, TargetMoved) as error:
            self._end(error, "locked")
        except Vetoed as error:
            self._end(error, "skipped")
        except Cancelled as error:
            self._end(error, "cancelled")
        except ElconsoleError as error:
            self._end(error, "failed")
        else:
            self._loaded(result)
            self._judge(result)

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
        try:
            try:
                with self._sessions() as (source, warehouse):
                    return load_table(self._context(source, warehouse))
            except NotAtOnce:
                with self._sessions() as (source, warehouse):
                    return load_table(self._context(source, warehouse, one_by_one=True))
        except CommitInDoubt:
            if self.unconfirmed is None or not self._was_published():
                raise
            return self.unconfirmed

    def _was_published(self) -> bool:
        return was_published(
            self.run_of.pools.warehouse,
            known_target(self.task).target_id,
            self.run_of.summary.run_id,
            stop=self.run_of.stop,
            rest=self._rest,
        )

    def _committing(self, result: LoadResult) -> None:
        self.unconfirmed = result

    @contextmanager
    def _sessions(self) -> Iterator[tuple[Session, Session]]:
        pools, stop = self.run_of.pools, self.run_of.stop
        with (
            pools.warehouse.session(stop) as warehouse,
            pools.sources[self.task.source].session(stop) as source,
        ):
            yield source, warehouse

    def _context(
        self, source: Session, warehouse: Session, *, one_by_one: bool = False
    ) -> LoadContext:
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
            quality=self._quality(),
            stall_timeout_s=settings.stall_timeout,
            lock_wait_s=settings.lock_wait,
            started=self.started,
            on_progress=self._progress,
            on_extracted=self._extracted,
            on_commit=self._committing,
            before_publish=self._before_publish,
            asks_before_publish=asks_before_publish(settings, self.run_of.hooks, self.task),
            one_by_one=one_by_one,
        )

    def _started(self) -> None:
        self.run_of.book.update(
            self.key,
            attempts=self.attempt,
            strategy=self.task.strategy,
            schema_changes=self.task.changes,
            notes=self.task.notes,
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
        self.run_of.book.update(self.key, rows_read=rows, bytes=size)
        self._emit(
            ProgressMade,
            rows_read=rows,
            bytes_total=size,
            rows_estimated=self.task.rows_estimated,
        )

    def _extracted(self, moved: Transferred) -> None:
        self._emit(
            DataExtracted,
            rows_read=moved.rows,
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
            notes=result.notes,
            rows_read=result.rows_read,
            rows_written=result.rows_written,
            rows_deleted=result.rows_deleted,
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
            rows_read=result.rows_read,
            rows_written=result.rows_written,
            rows_deleted=result.rows_deleted,
            bytes_total=result.bytes,
            extract_seconds=result.extract_seconds,
            load_seconds=result.load_seconds,
            duration_seconds=seconds,
            generation=result.generation,
            columns=tuple(column.name for column in self.task.columns),
            quality_flags=result.quality_flags,
        )

    def _judge(self, result: LoadResult) -> None:
        """Raise the new signals of the pass rates, beside the tables still to come."""
        run, quality = self.run_of, self._quality()
        if quality is None or not result.changed or run.stop.is_set():
            return
        run_id, now = run.summary.run_id, _now()
        try:
            with (
                run.pools.warehouse.session(run.stop) as session,
                session.attended(run.settings.stall_timeout),
            ):
                published = as_published(quality, run_id, result.extracted_at)
                report = read_quality(session, [published], QualityRequest(), now)
                for signal in raise_signals(session, report, run_id, now):
                    run.emit(signal)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("%s.%s: pass rates not judged: %s", *self.key, error)
        except Exception:
            # The table is published, whatever becomes of its pass rates.
            LOG.exception("%s.%s: pass rates not judged", *self.key)

    def _quality(self) -> QualityTarget | None:
        task = self.task
        names = (task.source, task.label, task.target_schema, task.target_name)
        return quality_target(task.settings, *names)

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


def _now() -> datetime:
    return datetime.now(UTC)

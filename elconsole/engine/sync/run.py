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
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from elconsole.core.errors import Cancelled, ElconsoleError, ServerError, UsageError
from elconsole.core.events import Emit
from elconsole.core.results import IgnoredNew, RunDetail, RunSummary, SyncRequest, UnfedTable
from elconsole.core.safe_text import clean_text
from elconsole.core.types import ENDED
from elconsole.engine.catalog.warehouse import WarehouseState, read_state
from elconsole.engine.connect.parallel import beside
from elconsole.engine.connect.pool import Pools
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session, open_session
from elconsole.engine.ledger import retention, runs
from elconsole.engine.ledger.names import can_spell
from elconsole.engine.ledger.places import wishes_of
from elconsole.engine.ledger.schema import ledger_version, prepare_warehouse
from elconsole.engine.ledger.targets import assign_targets
from elconsole.engine.plan.plan import Refusals, ignored_news, plan_tables
from elconsole.engine.plan.results import as_table_run
from elconsole.engine.plan.survey import Selected, Survey, new_tables, select, survey
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.plan.unfed import surveyed_unfed
from elconsole.engine.publish.foresee import foresee
from elconsole.engine.sync.context import RunContext
from elconsole.engine.sync.ledger_writer import LedgerWriter
from elconsole.engine.sync.recorder import Recorder
from elconsole.engine.sync.table import TableRunner

if TYPE_CHECKING:
    from elconsole.config.models import Settings
    from elconsole.plugins.hooks import Hooks

LOG = logging.getLogger("elconsole.engine")
CANCEL_GRACE_S = 1.0
LEDGER_GRACE_S = 5.0
PRUNING_S = 1.0
"""The most that removing old runs may add to a sync."""


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
        self.pools = pools
        self.request = request
        self.stop = stop
        self.hooks = hooks
        self.schema = settings.warehouse.target_schema
        self.schemas = settings.target_schemas
        self.summary = _new_run(request)
        self.unfed: tuple[UnfedTable, ...] | None = None
        self.ignored: tuple[IgnoredNew, ...] = ()
        self._emit = emit

    def run(self) -> RunDetail:
        """Run to the end; raises UsageError for a request that names what is not there."""
        selected = select(self.settings, self.request.selection, self.request.backfill)
        survey_all = partial(survey, selected, self.pools.sources, self.stop)
        surveyed = beside(survey_all, "survey", self.stop)
        try:
            session = open_session(self.pools.warehouse.server, stop=self.stop)
        except ElconsoleError as error:
            return self._broken(selected, error)
        try:
            with session.translated():
                # Looked at while the sources answer.
                with session.within(CATALOG_TIMEOUT_S):
                    version = ledger_version(session, self.schemas, writes=True)
                found = surveyed()
                due = self._due(session, found, version) if self.request.due else found
                if due is None:
                    return self._without_a_run()
                return self._run(session, due, version)
        except UsageError:
            raise
        except ElconsoleError as error:
            return self._broken(selected, error)
        finally:
            session.abandon()

    def _due(self, session: Session, found: Survey, version: int) -> Survey | None:
        """What is due of a survey; None where nothing is, and no error is to be told."""
        from elconsole.engine.sync.due import due_tables

        due = due_tables(session, self.settings, found, version)
        unread = WarehouseState(self.schema, {})
        told = any(due.relations.values()) or plan_tables(self.settings, due, unread, self.request)
        return due if told else None

    def _without_a_run(self) -> RunDetail:
        now = _now()
        seconds = (now - self.summary.started_at).total_seconds()
        ended = replace(self.summary, status="succeeded", finished_at=now, duration_seconds=seconds)
        return RunDetail(ended, ())

    def _run(self, session: Session, found: Survey, version: int) -> RunDetail:
        prepare_warehouse(session, self.schemas, version)
        session.stop = None
        number = runs.start_run(session, self.summary)
        self.summary = replace(self.summary, run_number=number)
        try:
            planned = self._plan(session, found)
            recorder = self._recorder(planned)
            runs.enter_tables(session, self.summary.run_id, recorder.tables())
        except BaseException:
            self._finish(session, replace(self.summary, status="failed"))
            raise
        heed = partial(self._cancelled, recorder)
        writer = LedgerWriter(session, self.pools.warehouse.server, recorder, heed)
        writer.start()
        try:
            _announce(recorder, planned)
            tasks = [task for task in planned if isinstance(task, TableTask)]
            work(self._context(number), recorder, tasks)
            done = recorder.completed(stopped=self.stop.is_set())
            detail = replace(
                done, unfed=self.unfed, unasked=tuple(found.failures), ignored=self.ignored
            )
            if writer.finish(self._grace_s()) and self._finish(writer.session, detail.run):
                self._prune(writer.session)
            return detail
        finally:
            writer.finish(0)
            writer.session.abandon()

    def _cancelled(self, recorder: Recorder, asked_by: str) -> None:
        """Stop as for a signal: somebody asked for it in the ledger."""
        LOG.warning("run %s: cancelled by %s", self.summary.run_number, clean_text(asked_by))
        recorder.cancelled(asked_by)
        self.stop.set()

    def _plan(self, session: Session, found: Survey) -> list[TableTask | Refused]:
        keys = [key for key in found.keys() if can_spell(key, session.encoding)]  # noqa: SIM118
        wishes = {
            key: wish
            for key, wish in wishes_of(self.settings, keys).items()
            if can_spell([wish.schema, wish.name or ""], session.encoding)
        }
        assign_targets(session, self.schema, wishes, partial(new_tables, self.settings, found))
        state = read_state(session, self.schemas, is_prepared=True)
        if not self.request.selection and not self.request.due:
            self.unfed = surveyed_unfed(self.settings, found, state)
        planned = foresee(session, plan_tables(self.settings, found, state, self.request))
        self.ignored = ignored_news(self.settings, found, state, planned)
        return planned

    def _recorder(self, planned: Sequence[TableTask | Refused]) -> Recorder:
        run = replace(self.summary, tables_total=len(planned))
        addresses = {name: pool.server.address for name, pool in self.pools.sources.items()}
        tables = [as_table_run(one) for one in planned]
        placed = tuple(replace(t, source_address=addresses.get(t.source)) for t in tables)
        return Recorder(RunDetail(run, placed), self._emit, self.hooks)

    def _context(self, run_number: int) -> RunContext:
        return RunContext(
            run_id=self.summary.run_id,
            run_number=run_number,
            request=self.request,
            settings=self.settings,
            pools=self.pools,
            stop=self.stop,
            hooks=self.hooks,
        )

    def _finish(self, session: Session, run: RunSummary) -> bool:
        """Write the run's end; whether there are old runs to remove."""
        ended = replace(run, finished_at=run.finished_at or _now())
        try:
            with session.within(self._grace_s()):
                return runs.finish_run(session, ended, self.settings.keep_runs_seconds)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("run %s: its end may not be written: %s", run.run_id, error)
            return False

    def _prune(self, session: Session) -> None:
        """Remove some of the oldest runs; the next sync goes on where this one can't."""
        if self.stop.is_set():
            return
        try:
            with session.within(PRUNING_S):
                removed = retention.remove_batch(session, self.settings.keep_runs_seconds)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("old runs could not be removed from the ledger: %s", error)
        else:
            LOG.info("%s runs older than keep_runs were removed from the ledger", removed)

    def _grace_s(self) -> float:
        return CANCEL_GRACE_S if self.stop.is_set() else LEDGER_GRACE_S

    def _broken(self, selected: Sequence[Selected], error: ElconsoleError) -> RunDetail:
        """The warehouse failed before the tables could be planned."""
        refused = [
            refused
            for one in selected
            for refused in Refusals(one, self.schema, self.request.full).everything(error)
        ]
        return self._recorder(refused).completed(stopped=self.stop.is_set())


def _new_run(request: SyncRequest) -> RunSummary:
    """A run of this process that begins now."""
    return RunSummary(
        run_id=str(uuid.uuid4()),
        run_number=None,
        status="running",
        mode="full" if request.full else "configured",
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user_name(),
        backfill=request.backfill or "",
        started_at=_now(),
    )


def _announce(recorder: Recorder, planned: Sequence[TableTask | Refused]) -> None:
    recorder.announced()
    for one in planned:
        if isinstance(one, Refused):
            recorder.failed((one.source, one.label), one.error)


def work(context: RunContext, recorder: Recorder, tasks: Sequence[TableTask]) -> None:
    """Sync the tables, the largest first, on worker threads.

    The threads are daemons: one that hangs in a connect does not hold up the end."""
    waiting: queue.SimpleQueue[TableTask] = queue.SimpleQueue()
    for task in sorted(tasks, key=lambda t: -(t.relation.bytes_estimated or 0)):
        waiting.put(task)
    drain = partial(_drain, context, recorder, waiting)
    threads = [
        threading.Thread(target=drain, name=f"sync-{n}", daemon=True)
        for n in range(min(context.settings.workers, len(tasks)))
    ]
    for thread in threads:
        thread.start()
    _wait_for(threads, context.stop)
    for table in recorder.tables():
        if table.status not in ENDED:
            recorder.failed((table.source, table.table), Cancelled("the sync was stopped"))


def _wait_for(threads: Sequence[threading.Thread], stop: threading.Event) -> None:
    """Until all have ended, or a moment after the stop."""
    for thread in threads:
        while thread.is_alive() and not stop.is_set():
            thread.join(0.05)
    deadline = time.monotonic() + CANCEL_GRACE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _drain(context: RunContext, recorder: Recorder, waiting: queue.SimpleQueue[TableTask]) -> None:
    while not context.stop.is_set():
        try:
            task = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            TableRunner(context, recorder, task).run()
        except Exception as error:
            LOG.exception("%s.%s: unexpected error", task.source, task.label)
            fault = ServerError(f"unexpected {type(error).__name__}: {error}")
            recorder.failed((task.source, task.label), fault)


def user_name() -> str:
    """The operating system's user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _now() -> datetime:
    return datetime.now(UTC)

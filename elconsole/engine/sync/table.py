"""One table of a run: its attempts, each from a clean start."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from elconsole.config.patterns import argument
from elconsole.core.errors import Cancelled, ElconsoleError, TableTimeout
from elconsole.engine.catalog.warehouse import read_state
from elconsole.engine.connect.session import Session
from elconsole.engine.load.context import LoadContext, LoadResult, NotAtOnce
from elconsole.engine.load.load import load_table
from elconsole.engine.plan.plan import plan_tables
from elconsole.engine.plan.survey import Survey, select, survey
from elconsole.engine.plan.task import Refused, TableTask, known_target
from elconsole.engine.publish.commit import CommitInDoubt, was_published
from elconsole.engine.publish.foresee import foresee
from elconsole.engine.quality.statements import QualityTarget
from elconsole.engine.quality.targets import quality_target
from elconsole.engine.sync.context import RunContext
from elconsole.engine.sync.gates import (
    ReadableTable,
    ask_before_extract,
    ask_before_publish,
    ask_checks,
    asks_before_publish,
    hook_task,
)
from elconsole.engine.sync.recorder import Recorder
from elconsole.plugins.types import HookResult, HookTask

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
"""The most that is waited after the first failure, and after any."""


class TableRunner:
    """One table of a run, from its first attempt to its end."""

    def __init__(self, context: RunContext, recorder: Recorder, task: TableTask) -> None:
        self.context = context
        self.recorder = recorder
        self.task = task
        self.key = (task.source, task.label)
        self.started = time.monotonic()
        seconds = context.settings.table_seconds(task.settings.table_timeout)
        self.ends_at = None if seconds is None else self.started + seconds
        self.attempt = 0
        self.unconfirmed: LoadResult | None = None
        """What the last COMMIT was to publish."""

    def run(self) -> None:
        """Try, and try again what may pass; never raises for what a server does."""
        try:
            result = self._publish()
        except ElconsoleError as error:
            self.recorder.failed(self.key, error)
            return
        self.recorder.loaded(self.task, result)
        self._judge(result)

    def _judge(self, result: LoadResult) -> None:
        if (quality := self._quality()) is not None:
            from elconsole.engine.sync.judge import judge

            judge(self.context, self.recorder, quality, result)

    def _publish(self) -> LoadResult:
        failures = 0
        while True:
            try:
                if failures:
                    self.task = plan_again(self.context, self.task)
                return self._attempt()
            except ElconsoleError as error:
                failures += 1
                if not error.retryable or failures > self.context.settings.retries:
                    raise
                pause = pause_s(failures)
                if self.ends_at is not None and time.monotonic() + pause > self.ends_at:
                    raise TableTimeout(
                        f"table_timeout leaves no time for another attempt: {error.message}",
                        hint=error.hint,
                        sqlstate=error.sqlstate,
                    ) from error
                self.recorder.failed(self.key, error, will_retry=True)
            self._rest(pause)

    def _rest(self, seconds: float) -> None:
        if self.context.stop.wait(seconds):
            raise Cancelled("the sync was stopped")

    def _attempt(self) -> LoadResult:
        if self.context.stop.is_set():
            raise Cancelled("the sync was stopped")
        self.attempt += 1
        self.recorder.started(self.task, self.attempt)
        ask_before_extract(self.context.hooks, self.task, self._about())
        try:
            try:
                with self._sessions() as (source, warehouse):
                    return load_table(self._load_context(source, warehouse))
            except NotAtOnce:
                with self._sessions() as (source, warehouse):
                    return load_table(self._load_context(source, warehouse, one_by_one=True))
        except CommitInDoubt:
            if self.unconfirmed is None or not self._was_published():
                raise
            return self.unconfirmed

    def _was_published(self) -> bool:
        return was_published(
            self.context.pools.warehouse,
            known_target(self.task).target_id,
            self.context.run_id,
            stop=self.context.stop,
            rest=self._rest,
        )

    def _committing(self, result: LoadResult) -> None:
        self.unconfirmed = result

    @contextmanager
    def _sessions(self) -> Iterator[tuple[Session, Session]]:
        pools, stop = self.context.pools, self.context.stop
        with (
            pools.warehouse.session(stop) as warehouse,
            pools.sources[self.task.source].session(stop) as source,
        ):
            source.ends_at = warehouse.ends_at = self.ends_at
            source.raise_if_over()
            yield source, warehouse

    def _load_context(
        self, source: Session, warehouse: Session, *, one_by_one: bool = False
    ) -> LoadContext:
        context, settings = self.context, self.context.settings
        salt = settings.hash_salt
        return LoadContext(
            task=self.task,
            source=source,
            warehouse=warehouse,
            run_id=context.run_id,
            run_number=context.run_number,
            attempt=self.attempt,
            hash_salt=salt.get_secret_value() if salt else None,
            quality=self._quality(),
            stall_timeout_s=settings.stall_timeout,
            lock_wait_s=settings.lock_wait,
            started=self.started,
            on_progress=partial(self.recorder.progressed, self.task),
            on_extracted=partial(self.recorder.extracted, self.task),
            on_commit=self._committing,
            before_publish=self._before_publish,
            asks_before_publish=asks_before_publish(context, self.task),
            one_by_one=one_by_one,
        )

    def _before_publish(self, session: Session, table: str, result: HookResult) -> None:
        unpublished = ReadableTable(table, session)
        ask_checks(self.context, self.task, unpublished)
        ask_before_publish(self.context.hooks, self._about(), result, unpublished)

    def _about(self) -> HookTask:
        return hook_task(self.task, self.context.run_id, self.attempt)

    def _quality(self) -> QualityTarget | None:
        task = self.task
        names = (task.source, task.label, task.target_schema, task.target_name)
        return quality_target(task.settings, *names)


def pause_s(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait after so many failures: a random part of an exponential back-off, so
    that tables that failed together do not come back together."""
    doublings = min(failures - 1, 10)  # more are past the limit, and a thousand past a float
    return uniform(0, min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2**doublings))


def plan_again(context: RunContext, task: TableTask) -> TableTask:
    """The world may have moved since the plan was made: make it anew for this table.

    Raises what stands in the way of the new plan."""
    wanted = argument(task.source, task.relation.qualified, context.settings.sources)
    found = survey(
        select(context.settings, [wanted], context.request.backfill),
        context.pools.sources,
        context.stop,
    )
    if found.failures:
        raise found.failures[task.source]
    for one in _planned(context, found):
        if isinstance(one, Refused):
            raise one.error
        if one.key == task.key:
            return replace(one, label=task.label)
    return task


def _planned(context: RunContext, found: Survey) -> list[TableTask | Refused]:
    with context.pools.warehouse.session(context.stop) as session:
        state = read_state(session, context.settings.target_schemas, is_prepared=True)
        return foresee(session, plan_tables(context.settings, found, state, context.request))

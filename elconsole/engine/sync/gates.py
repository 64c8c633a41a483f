"""Where the engine asks the plug-ins: before a source is read, and before rows are published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from elconsole.core.errors import CheckFailed, Vetoed
from elconsole.core.quoting import qualified
from elconsole.core.record import record
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.task import TableTask
from elconsole.engine.sync.context import RunContext
from elconsole.plugins.checks import CheckedTable, ChecksWanted, any_wanted, run_checks
from elconsole.plugins.types import HookResult, HookTask

if TYPE_CHECKING:
    from elconsole.config.models import Settings
    from elconsole.plugins.hooks import Hooks

QUERY_TIMEOUT_S = 30
"""For a plug-in's query."""
CHECK_TIMEOUT_S = 3600
"""For a check of the settings: it reads the whole table, however large that is."""


def load_hooks(settings: Settings) -> Hooks | None:
    """The installed plug-ins and those that settings name; None where there are none.

    Raises ConfigurationError, naming the plug-in that can't be loaded."""
    from importlib.metadata import distributions

    # Reading each package's entry points in full would take three times as long.
    if not settings.plugins and not any(
        "[elconsole]" in (package.read_text("entry_points.txt") or "")
        for package in distributions()
    ):
        return None
    from elconsole.plugins.hooks import Hooks

    return Hooks.load(settings.plugins)


def hook_task(task: TableTask, run_id: str, attempt: int) -> HookTask:
    return HookTask(
        run_id=run_id,
        source=task.source,
        table=task.label,
        target=task.target_text,
        mode=task.mode,
        strategy=task.strategy,
        columns=tuple(column.name for column in task.columns),
        primary_key=task.primary_key,
        rows_estimated=task.rows_estimated,
        attempt=attempt,
    )


def ask_before_extract(hooks: Hooks | None, task: TableTask, about: HookTask) -> None:
    """Raise Vetoed where a plug-in refuses the table or its schema changes, CheckFailed where
    it fails itself."""
    if hooks is None:
        return
    with _failing(about):
        reason = hooks.pre_extract(about)
        if reason is None and task.changes:
            reason = hooks.schema_changed(about, task.changes)
    if reason is not None:
        raise Vetoed(
            f"{about.source}.{about.table}: {reason}", hint="the old rows stand; see the plug-in"
        )


def asks_before_publish(context: RunContext, task: TableTask) -> bool:
    """Whether a plug-in or a check looks at the unpublished rows."""
    return context.hooks is not None or any_wanted(_wanted(context, task))


@record(frozen=True, slots=True)
class ReadableTable:
    """A table that plug-ins and checks may query, inside a transaction of its session."""

    table: str
    session: Session

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.session.transaction():
            return query_only(self.session, text, parameters, CHECK_TIMEOUT_S)


def ask_before_publish(
    hooks: Hooks | None, about: HookTask, result: HookResult, unpublished: ReadableTable
) -> None:
    """Raise CheckFailed where a plug-in refuses the unpublished rows."""
    if hooks is None:
        return
    from elconsole.plugins.hooks import RevocableQuery

    query = RevocableQuery(unpublished.table, partial(query_only, unpublished.session))
    with _failing(about):
        reason = hooks.post_load(about, result, query)
    if reason is not None:
        raise _check_failed(about, reason)


@contextlib.contextmanager
def _failing(about: HookTask) -> Iterator[None]:
    from elconsole.plugins.hooks import HookFailed

    try:
        yield
    except HookFailed as failed:
        raise _check_failed(about, str(failed)) from failed


def _check_failed(about: HookTask, reason: str) -> CheckFailed:
    return CheckFailed(
        f"{about.source}.{about.table}: {reason}",
        hint="nothing was published; the old rows stand",
    )


def ask_checks(context: RunContext, task: TableTask, unpublished: ReadableTable) -> None:
    """Raise CheckFailed where a check of the settings refuses the unpublished rows."""
    wanted = _wanted(context, task)
    if not any_wanted(wanted):
        return
    with _published(context, task) as old:
        reason = run_checks(wanted, _checked(task), unpublished, old, datetime.now(UTC))
    if reason is not None:
        raise CheckFailed(
            f"{task.source}.{task.label}: {reason}",
            hint="nothing was published; the old rows stand; see checks in settings",
        )


def _wanted(context: RunContext, task: TableTask) -> ChecksWanted:
    relation = task.relation
    return context.settings.table_checks(task.source, relation.schema, relation.name)


def _checked(task: TableTask) -> CheckedTable:
    quality = task.settings.quality
    columns = tuple(column.name for column in task.columns)
    return CheckedTable(
        columns=columns,
        primary_key=task.primary_key,
        time=quality.time if quality and quality.time in columns else None,
        status=quality.status if quality and quality.status in columns else None,
        passed=quality.passed if quality else (),
    )


@contextlib.contextmanager
def _published(context: RunContext, task: TableTask) -> Iterator[ReadableTable | None]:
    """The rows that readers see, on a session of their own, which can't see the new ones;
    None before the first load."""
    if task.parent is None:
        yield None
        return
    with context.pools.warehouse.session(context.stop) as session:
        yield ReadableTable(qualified(task.standing.schema, task.standing.name), session)


def query_only(
    session: Session, text: str, parameters: Sequence[object], timeout_s: int = QUERY_TIMEOUT_S
) -> list[tuple[Any, ...]]:
    """One SELECT inside the load's transaction: read-only, bounded, and without a trace.

    A server-side cursor takes a SELECT and nothing else, so no plug-in can end the
    transaction."""
    session.execute(
        "SAVEPOINT plugin; SET LOCAL transaction_read_only = on;"
        f"SET LOCAL statement_timeout = '{timeout_s}s'".encode()
    )
    try:
        with session.cursor("elconsole_plugin") as cursor:
            return cursor.execute(text.encode(), parameters or None).fetchall()
    finally:
        if session.pgconn.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN:
            session.execute("ROLLBACK TO SAVEPOINT plugin; RELEASE SAVEPOINT plugin")

"""Where the engine asks the plug-ins: before a source is read, and before rows are published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from elconsole.engine.plan import TableTask
from elconsole.engine.pools import Session
from elconsole.errors import CheckFailed, Vetoed
from elconsole.hook_types import HookResult, HookTask

if TYPE_CHECKING:
    from elconsole.hooks import Hooks
    from elconsole.settings_models import Settings

QUERY_TIMEOUT_S = 30


def load_hooks(settings: Settings) -> Hooks | None:
    """The installed plug-ins and those that settings name; None where there are none.

    Raises ConfigurationError, naming the plug-in that can't be loaded."""
    from importlib.metadata import entry_points

    if not settings.plugins and not entry_points(group="elconsole"):
        return None
    from elconsole.hooks import Hooks

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
    """Raise Vetoed where a plug-in refuses the table or its schema changes."""
    if hooks is None:
        return
    reason = hooks.pre_extract(about)
    if reason is None and task.changes:
        reason = hooks.schema_changed(about, task.changes)
    if reason is not None:
        raise Vetoed(
            f"{about.source}.{about.table}: {reason}", hint="the old rows stand; see the plug-in"
        )


def ask_before_publish(
    hooks: Hooks | None, about: HookTask, result: HookResult, session: Session, table: str
) -> None:
    """Raise CheckFailed where a plug-in refuses the unpublished rows."""
    if hooks is None:
        return
    from elconsole.hooks import RevocableQuery

    def run(text: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        return query_only(session, text, parameters)

    reason = hooks.post_load(about, result, RevocableQuery(table, run))
    if reason is not None:
        raise CheckFailed(
            f"{about.source}.{about.table}: {reason}",
            hint="nothing was published; the old rows stand",
        )


def query_only(session: Session, text: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """One SELECT inside the load's transaction: read-only, bounded, and without a trace.

    A server-side cursor takes a SELECT and nothing else, so no plug-in can end the
    transaction."""
    session.execute(
        "SAVEPOINT plugin; SET LOCAL transaction_read_only = on;"
        f"SET LOCAL statement_timeout = '{QUERY_TIMEOUT_S}s'".encode()
    )
    try:
        with session.cursor("elconsole_plugin") as cursor:
            return cursor.execute(text.encode(), parameters or None).fetchall()
    finally:
        if session.pgconn.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN:
            session.execute("ROLLBACK TO SAVEPOINT plugin; RELEASE SAVEPOINT plugin")

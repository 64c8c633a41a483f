"""Taking the raw table's lock for an instant, without making readers queue for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from elconsole.core.errors import Cancelled, SwapBlocked
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.task import TableTask
from elconsole.engine.publish.commit import commit
from elconsole.engine.publish.storage import CANNOT, MOVED, dependents_error, name_taken

LOCK_TIMEOUT_MS = 150
"""How long new readers may queue behind a try: they wait while the lock is asked for."""
QUIETEN_TIMEOUT_MS = 3000
"""Longer than the server's usual `deadlock_timeout` of a second."""
PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.5)
STATEMENT_TIMEOUT_S = 10
THIS_DATABASE: LiteralString = (
    "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
)
LOCKED: LiteralString = "(relation = pg_catalog.to_regclass(%s) OR relation = ANY (%s::oid[]))"


def swap(
    session: Session,
    task: TableTask,
    ddl: str,
    lock_wait_s: float,
    ledger_entry: Callable[[], str] = str,
    upon: Sequence[int] = (),
) -> None:
    """Run DDL on the raw table and the views `upon` it, and commit the open transaction, trying
    the locks again and again.

    Lock, DDL, `ledger_entry` and COMMIT go to the server in one message: a client that is paused
    or lost in between never holds the lock. The entry is made anew for each try. A savepoint
    keeps what the transaction did before. Raises SwapBlocked, naming the blocker, after
    `lock_wait_s` seconds; SchemaConflict where a view forbids the change."""
    patiently(
        session,
        task,
        task.standing.name,
        lambda: _try(session, task, f"{ddl};{ledger_entry()}"),
        lock_wait_s,
        upon,
    )


def patiently(
    session: Session,
    task: TableTask,
    name: str,
    attempt: Callable[[], bool],
    lock_wait_s: float,
    upon: Sequence[int] = (),
) -> None:
    """Try, with pauses, what takes the lock of the raw table, or of the table `name` beside it,
    and of the views `upon` it; `attempt` tells whether it had the locks. Raises SwapBlocked,
    naming the blocker, after `lock_wait_s` seconds."""
    deadline = time.monotonic() + lock_wait_s
    tries = 0
    steady: set[int] = set()
    while not attempt():
        # Whoever came and went did not block it all the time.
        locked = _locked(task, name, upon)
        holders = _holders(session, locked)
        steady = steady & holders or holders
        if time.monotonic() >= deadline:
            blocker = _blocker(session, locked, steady)
            raise SwapBlocked(
                f"{task.source}.{task.label}: {task.standing.schema}.{name} stayed locked for"
                f" {lock_wait_s:.0f} s by {blocker}; the old rows stand",
                hint="end that transaction and sync again; lock_wait sets how long a sync waits",
                sqlstate="55P03",
            )
        _pause(session, PAUSES_S[min(tries, len(PAUSES_S) - 1)])
        tries += 1


def prepare(session: Session, task: TableTask, build: str, match: str) -> None:
    """Build the leaf's parts, and make autovacuum leave the raw table by a lock that readers
    and writers pass; `match` runs under that lock.

    Autovacuum yields only to whoever waits longer than `deadlock_timeout`, and the tries of
    the swap are shorter."""
    if task.parent is None:
        if build or match:
            session.execute("; ".join(part for part in (build, match) if part).encode())
        return
    quieten = (
        f"SAVEPOINT quieten; SET LOCAL lock_timeout = '{QUIETEN_TIMEOUT_MS}ms';"
        f" LOCK TABLE {_table(task)} IN SHARE UPDATE EXCLUSIVE MODE"
    )
    try:
        session.execute("; ".join(part for part in (build, quieten, match) if part).encode())
    except psycopg.errors.LockNotAvailable:
        session.execute(
            "; ".join(part for part in ("ROLLBACK TO SAVEPOINT quieten", match) if part).encode()
        )


def _table(task: TableTask, name: str = "") -> str:
    return sql.Identifier(task.standing.schema, name or task.standing.name).as_string()


def _try(session: Session, task: TableTask, ddl: str) -> bool:
    lock = ""
    if task.parent or task.adopt:
        lock = f"LOCK TABLE {_table(task)} IN ACCESS EXCLUSIVE MODE;"
    try:
        commit(
            session,
            f"SAVEPOINT swap; SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms';"
            f" SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'; {lock}{ddl};"
            " COMMIT",
        )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.UniqueViolation) as error:
        if isinstance(error, psycopg.errors.UniqueViolation) and not _is_of_catalog(error):
            raise
        session.execute("ROLLBACK TO SAVEPOINT swap")
        return False
    except (
        psycopg.errors.DependentObjectsStillExist,
        psycopg.errors.FeatureNotSupported,
    ) as error:
        raise dependents_error(task, error) from error
    except (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject) as error:
        if task.moved_from is None:
            raise
        raise name_taken(task, error) from error
    except psycopg.DatabaseError as error:
        if error.sqlstate not in (CANNOT, MOVED):
            raise
        from elconsole.engine.publish.views import told

        raise told(task, error) from error
    return True


def _is_of_catalog(error: psycopg.Error) -> bool:
    """Whether two sessions gave one name: PostgreSQL makes that of an array type or an index of
    a table's first bytes, and sees only those that are committed. It takes another next time."""
    return error.diag.schema_name == "pg_catalog"


def _pause(session: Session, seconds: float) -> None:
    if session.stop is None:
        time.sleep(seconds)
    elif session.stop.wait(seconds):
        raise Cancelled("the sync was stopped")


def _locked(task: TableTask, name: str, upon: Sequence[int]) -> list[Any]:
    """Parameters of `LOCKED`: the table `name`, the leaf where it is the raw table, and views."""
    leaf = (task.parent and name == task.standing.name and task.parent.leaf_oid) or 0
    return [_table(task, name), [leaf, *upon]]


def _holders(session: Session, locked: list[Any]) -> set[int]:
    """The backends that hold one of these."""
    rows = session.execute(
        f"SELECT pid FROM pg_catalog.pg_locks WHERE {LOCKED} AND granted"
        f" AND pid <> pg_catalog.pg_backend_pid() AND database = {THIS_DATABASE}",
        locked,
    ).fetchall()
    return {int(row[0]) for row in rows}


def _blocker(session: Session, locked: list[Any], steady: set[int]) -> str:
    """Who holds one of these, as far as this role may see."""
    row = session.execute(
        "SELECT l.pid, coalesce(a.usename, '?'), coalesce(a.application_name, ''),"
        " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8"
        " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)"
        f" WHERE {LOCKED} AND l.granted AND l.pid = ANY (%s)"
        f" AND l.database = {THIS_DATABASE}"
        " ORDER BY a.xact_start NULLS LAST LIMIT 1",
        [*locked, list(steady)],
    ).fetchone()
    if row is None:
        return "a transaction that has ended since"
    pid, user, application, age_s = values_of(row, 4)
    named = f", {application}" if application else ""
    since = f", in a transaction for {age_s} s" if age_s is not None else ""
    return f"pid {pid} ({user}{named}{since})"

"""Who holds an advisory lock of ours: any role of the warehouse may take one, and keep it."""

from __future__ import annotations

import psycopg

from elconsole.core.errors import LockHeld
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import Session
from elconsole.engine.sql.names import LOCK_CLASS
from elconsole.engine.sql.statements import statement

NAME_CELLS = 63


def take_lock(session: Session, key: int, what: str) -> None:
    """Take a lock of `LOCK_CLASS` until the open transaction ends.

    Raises LockHeld, saying `what` can't be done and because of whom, where it is held for as
    long as the session's `lock_timeout`."""
    try:
        session.execute(
            "SAVEPOINT waiting;"
            f" SELECT pg_catalog.pg_advisory_xact_lock({LOCK_CLASS}, {key})".encode()
        )
    except psycopg.errors.LockNotAvailable as error:
        session.execute("ROLLBACK TO SAVEPOINT waiting")
        raise lock_held(session, LOCK_CLASS, key, what) from error


def lock_held(session: Session, lock_class: int, key: int, what: str) -> LockHeld:
    """The error that names the session which holds a lock."""
    holder, hint = holder_of(session, lock_class, key)
    return LockHeld(f"warehouse: {what}: {holder} holds elconsole's advisory lock", hint=hint)


def holder_of(session: Session, lock_class: int, key: int) -> tuple[str, str | None]:
    """The session that holds a lock, in words, and how to end it."""
    row = session.execute(statement("ledger/lock_session"), [lock_class, key]).fetchone()
    if row is None:
        return "a session that has ended since", "sync again"
    pid, role, application = values_of(row, 3)
    named = f", {clean_text(application, NAME_CELLS)}" if application else ""
    return (
        f"pid {pid} (role {clean_text(role, NAME_CELLS)}{named})",
        "where that is no sync of yours, end it as an administrator:"
        f" SELECT pg_catalog.pg_terminate_backend({pid})",
    )

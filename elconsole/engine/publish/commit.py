"""The COMMIT that shows new rows, and what to do when its answer is lost.

A connection that breaks during COMMIT leaves both outcomes possible. The ledger knows:
its row is written by the same transaction. It is asked before anything is done again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg

from elconsole.core.errors import (
    Cancelled,
    ElconsoleError,
    Stalled,
    TransientFault,
    UnexpectedAnswer,
)
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.connect.translate import server_words
from elconsole.engine.ledger.locks import lock_held
from elconsole.engine.sql.names import TABLE_LOCK_CLASS

COMMIT_GRACE_S = 0.5
"""How long a COMMIT under way may still answer after the run was stopped."""
POLL_S = 0.2
STILL_HELD = "it can't be told whether the rows were published"
LOST_CLASSES = ("08", "57P")
"""SQLSTATE classes of a connection that ended, whatever the COMMIT did."""


class CommitInDoubt(TransientFault):
    """The connection broke during COMMIT: the rows may or may not be published."""

    kind = "commit_in_doubt"


def commit(session: Session, statements: str) -> None:
    """Run statements of which the last is COMMIT; CommitInDoubt where the answer is lost."""
    session.raise_if_over()
    # What is being published has its own bound: ended half-way, nobody would know the outcome.
    session.ends_at = None
    session.grace_s = COMMIT_GRACE_S
    try:
        with session.within(CATALOG_TIMEOUT_S):
            session.execute(statements.encode())
    except (Stalled, UnexpectedAnswer) as error:
        raise _in_doubt(error.message) from error
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith(LOST_CLASSES):
            raise _in_doubt(server_words(error)) from error
        raise
    finally:
        session.grace_s = 0.0


def _in_doubt(words: str) -> CommitInDoubt:
    return CommitInDoubt(
        f"warehouse: the connection broke while the rows were being published: {words}",
        hint="sync again: the next sync sees what was published and goes on from there",
    )


def was_published(
    pool: Pool,
    target_id: int,
    run_id: str,
    *,
    stop: threading.Event,
    rest: Callable[[float], None],
) -> bool:
    """Ask the ledger whether this run's transaction was committed after all.

    Waits until the broken session is gone from the server, as its advisory lock shows, for
    at most `CATALOG_TIMEOUT_S`; raises what the warehouse says where it stays away."""
    deadline = time.monotonic() + CATALOG_TIMEOUT_S
    while True:
        try:
            with pool.session(stop) as session:
                found = _published(session, target_id, run_id)
                if found is None and time.monotonic() > deadline:
                    raise lock_held(session, TABLE_LOCK_CLASS, target_id, STILL_HELD)
            if found is not None:
                return found
        except Cancelled:
            raise
        except ElconsoleError:
            if time.monotonic() > deadline:
                raise
        rest(POLL_S)


def _published(session: Session, target_id: int, run_id: str) -> bool | None:
    """None while the old session may still commit."""
    keys = [TABLE_LOCK_CLASS, target_id]
    with session.within(CATALOG_TIMEOUT_S):
        held = session.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", keys).fetchone()
        if not held or not held[0]:
            return None
        row = session.execute(
            "SELECT run_id::text = %s FROM elconsole.watermarks WHERE target_id = %s",
            [run_id, target_id],
        ).fetchone()
        session.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", keys)
    return bool(row and row[0])

"""Removing runs that the ledger keeps no longer, in small batches.

With a run go the records of its tables. What a run left in the warehouse stays: rows,
watermarks, names, baselines, signals. A run stays, however old, while it goes on, and while
a raw table's rows or watermark are of it."""

from __future__ import annotations

import psycopg

from elconsole.engine.connect.session import Session
from elconsole.engine.ledger.schema import ledger_version
from elconsole.engine.sql.statements import statement

RUNS_AT_ONCE = 100
TABLES_AT_ONCE = 5_000
"""Records of tables in a batch, where it is not a single run's that are more: some 50 ms."""


def has_old_runs(session: Session, keep_s: float) -> str:
    """SQL that tells whether a run ended more than so many seconds ago and may be removed."""
    # Not EXISTS, which drops the order and may then read all that are kept.
    question = f"SELECT (SELECT run_id FROM ({_old_runs()} LIMIT 1) AS old) IS NOT NULL"
    return psycopg.ClientCursor(session).mogrify(question.encode(), {"keep_s": keep_s})


def remove_batch(session: Session, keep_s: float) -> int:
    """Remove the oldest of the runs that ended more than so many seconds ago: how many."""
    query = statement("ledger/remove_old_runs").replace("{old}", _old_runs())
    bounds = {"keep_s": keep_s, "runs": RUNS_AT_ONCE, "tables": TABLES_AT_ONCE}
    return session.execute(query.encode(), bounds).rowcount


def remove_all(session: Session, keep_s: float) -> int:
    """Remove all of them; those of earlier batches stay removed where a later one fails."""
    if not ledger_version(session, writes=True):
        return 0
    removed = 0
    while batch := remove_batch(session, keep_s):
        removed += batch
    return removed


def _old_runs() -> str:
    return statement("ledger/old_runs")

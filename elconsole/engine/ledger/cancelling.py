"""Asking a run to stop, wherever it runs: in the ledger, of which it hears at once."""

from __future__ import annotations

import psycopg
from psycopg import sql

from elconsole.core.errors import ServerUnsupported, UsageError
from elconsole.core.results import RunSummary
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.names import spell
from elconsole.engine.ledger.runs import read_run, select_runs
from elconsole.engine.ledger.schema import MIGRATIONS, ledger_version
from elconsole.engine.sql.names import CANCEL_CHANNEL, CHANNEL

MOST_NAMED = 20
"""Runs that go on at once and are looked at: who has more names the one that is meant."""
LONGEST_NAME = 200
NEEDED_VERSION = MIGRATIONS.index("ledger/cancelling") + 1


def cancel_run(session: Session, wanted: str | None, asked_by: str) -> RunSummary | None:
    """Ask a run to stop, or the one that goes on where none is `wanted`; returns it as it stands
    now. A run that has ended is left alone; None where none goes on.

    Raises UsageError for an unknown run, and where several go on and none is named."""
    with session.within(CATALOG_TIMEOUT_S):
        version = ledger_version(session, writes=True)
        run = read_run(session, wanted).run if wanted else _only_one(session, version)
        if run is None or run.status != "running":
            return run
        if version < NEEDED_VERSION:
            raise ServerUnsupported(
                f"run {run.run_number} is of an elconsole that can't hear of it",
                hint=f"press Ctrl-C where it runs: pid {run.pid} on {run.host}",
            )
        _ask(session, run.run_id, spell(asked_by, session.encoding)[:LONGEST_NAME])
        return run


def _only_one(session: Session, version: int) -> RunSummary | None:
    if not version:
        return None
    # A run whose process died is still entered as running.
    entered = select_runs(session, sql.SQL("r.status = 'running'"), MOST_NAMED)
    living = [run for run in entered if run.status == "running"]
    if len(living) < 2:
        return living[0] if living else None
    named = ", ".join(f"{run.run_number} (pid {run.pid} on {run.host})" for run in living)
    raise UsageError(
        f"{len(living)} runs go on: {named}",
        hint=f"name the one that is to stop: `elconsole cancel {living[0].run_number}`",
    )


def _ask(session: Session, run_id: str, asked_by: str) -> None:
    bind = psycopg.ClientCursor(session).mogrify
    asked = bind(
        "UPDATE elconsole.runs SET cancel_requested_by = %s,"
        " cancel_requested_at = pg_catalog.clock_timestamp()"
        " WHERE run_id = %s AND status = 'running';"
        "SELECT pg_catalog.pg_notify(%s, %s), pg_catalog.pg_notify(%s, %s)",
        [asked_by, run_id, CANCEL_CHANNEL, run_id, CHANNEL, run_id],
    )
    session.execute(f"BEGIN; {asked}; COMMIT".encode())

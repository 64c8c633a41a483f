"""The ledger of runs in the warehouse: what each did, live while it lasts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from elconsole.core.errors import UsageError, believed_state
from elconsole.core.results import RunDetail, RunSummary, TableRun
from elconsole.core.types import ENDED, ErrorInfo, SchemaChange
from elconsole.engine.connect.answers import values_of, whole, words
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.locks import lock_held
from elconsole.engine.ledger.names import spell
from elconsole.engine.ledger.retention import has_old_runs
from elconsole.engine.ledger.schema import MIGRATIONS, ledger_version
from elconsole.engine.sql.names import CANCEL_CHANNEL, CHANNEL, RUN_LOCK_CLASS
from elconsole.engine.sql.statements import statement

ABANDONED = ErrorInfo(
    "abandoned",
    "the process that ran this sync died",
    "nothing was half-loaded; sync again",
)
"""What became of a dead run's tables that had not ended."""
SHORTEST_PREFIX = 4
"""Letters of a run's id that name it; fewer would take an unknown number for an id."""
NEWEST = "last"
"""What the newest run is called, whatever its number."""
LEAST_ID, GREATEST_ID = str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))
PLACED_VERSION = MIGRATIONS.index("ledger/places") + 1
PLACED_COLUMNS = "load_seconds, source_schema, source_address"
"""What older ledgers have not."""


def start_run(session: Session, run: RunSummary) -> int:
    """Enter a run and hold its lock for as long as the session lives; returns its number."""
    with session.within(CATALOG_TIMEOUT_S):
        session.execute(
            statement("ledger/mark_abandoned"),
            [RUN_LOCK_CLASS, ABANDONED.kind, ABANDONED.message, ABANDONED.hint],
        )
        # The lock is held when the row is first seen: nobody takes the run for a dead one. Its
        # number is new, so whoever has the lock already is no sync.
        row = session.execute(
            "WITH run AS (INSERT INTO elconsole.runs"
            " (run_id, status, mode, host, pid, user_name, started_at, backfill)"
            " VALUES (%s, 'running', %s, %s, %s, %s, %s, %s) RETURNING run_number)"
            " SELECT run_number,"
            " pg_catalog.pg_try_advisory_lock(%s, (run_number %% 2147483647)::int) FROM run",
            [run.run_id, run.mode, run.host, run.pid, run.user, run.started_at]
            + [spell(run.backfill, session.encoding) or None, RUN_LOCK_CLASS],
        ).fetchone()
        number, held = values_of(row, 2)
        number = whole(number, 1)
        if not held:
            session.execute("DELETE FROM elconsole.runs WHERE run_id = %s", [run.run_id])
            raise lock_held(session, RUN_LOCK_CLASS, number % 2147483647, "no run can begin")
    return number


def hold_run_lock(session: Session, run_number: int) -> None:
    """Show the run as alive while this session is, and let it hear of being cancelled."""
    key = run_number % 2147483647
    lock = f"SELECT pg_catalog.pg_advisory_lock({RUN_LOCK_CLASS}, {key})"
    with session.within(CATALOG_TIMEOUT_S):
        session.execute(f"LISTEN {CANCEL_CHANNEL}; {lock}".encode())


def enter_tables(session: Session, run_id: str, tables: Sequence[TableRun]) -> None:
    """Write the run's tables as they are planned, and hear from now on of being cancelled."""
    planned = {
        "run_id": run_id,
        "sources": [t.source for t in tables],
        "tables": [t.table for t in tables],
        "targets": [t.target for t in tables],
        "modes": [t.mode for t in tables],
        "strategies": [t.strategy for t in tables],
        "statuses": [t.status for t in tables],
        "estimates": [t.rows_estimated for t in tables],
        "changes": [_changes(t.schema_changes, session.encoding) for t in tables],
        "notes": [Jsonb([spell(note, session.encoding) for note in t.notes]) for t in tables],
        "finished": [t.finished_at for t in tables],
        "schemas": [t.source_schema for t in tables],
        "addresses": [t.source_address for t in tables],
        **_errors([t.error for t in tables], session),
    }
    with session.within(CATALOG_TIMEOUT_S), session.transaction():
        session.execute(statement("ledger/enter_tables"), planned)
        entered = psycopg.ClientCursor(session).mogrify(
            "UPDATE elconsole.runs SET tables_total = %s WHERE run_id = %s;"
            "SELECT pg_catalog.pg_notify(%s, %s)",
            [len(tables), run_id, CHANNEL, run_id],
        )
        session.execute(f"LISTEN {CANCEL_CHANNEL}; {entered}".encode())


def report_progress(session: Session, run_id: str, tables: Sequence[TableRun]) -> str:
    """Write how far tables are, or how they ended, and tell whoever listens: one round trip.

    Returns who asked the run to stop; empty where nobody did."""
    told = [t for t in tables if t.status not in ("pending", "succeeded")]
    progress = {
        "run_id": run_id,
        "channel": CHANNEL,
        "sources": [t.source for t in told],
        "tables": [t.table for t in told],
        "statuses": [t.status for t in told],
        "records": [t.rows_read for t in told],
        "bytes": [t.bytes for t in told],
        "attempts": [t.attempts for t in told],
        "strategies": [t.strategy for t in told],
        "started": [t.started_at for t in told],
        "durations": [t.duration_seconds for t in told],
        # Of a table that is tried again, the last error is not how it ended.
        **_errors([t.error if t.status in ENDED else None for t in told], session),
    }
    row = session.execute(statement("ledger/report_progress"), progress).fetchone()
    asked_by, _ = values_of(row, 2)
    return words(asked_by)


def finish_run(session: Session, run: RunSummary, keep_s: float) -> bool:
    """Write the run's end, and only then let its lock go: a running run without one is dead.

    Whether there are runs to remove that ended more than `keep_s` seconds ago, which the same
    message asks."""
    bind = psycopg.ClientCursor(session).mogrify
    ended = bind(
        "UPDATE elconsole.runs SET status = %s, finished_at = %s, records_extracted = %s,"
        " records_loaded = %s, bytes = %s, tables_failed = %s WHERE run_id = %s;"
        "SELECT pg_catalog.pg_notify(%s, %s)",
        [run.status, run.finished_at, run.rows_read, run.rows_written]
        + [run.bytes, run.tables_failed, run.run_id, CHANNEL, run.run_id],
    )
    key = (run.run_number or 0) % 2147483647
    unlock = f"SELECT pg_catalog.pg_advisory_unlock({RUN_LOCK_CLASS}, {key})"
    is_left = has_old_runs(session, keep_s)
    with session.within(CATALOG_TIMEOUT_S):
        answers = session.execute(f"BEGIN; {ended}; COMMIT; {unlock}; {is_left}".encode())
        while answers.nextset():
            pass
        row = answers.fetchone()
    return bool(row and row[0])


def read_runs(session: Session, limit: int) -> tuple[RunSummary, ...]:
    """History, newest first; empty where elconsole never ran."""
    with session.within(CATALOG_TIMEOUT_S):
        if not ledger_version(session):
            return ()
        return select_runs(session, sql.SQL("true"), limit)


def read_run(session: Session, wanted: str) -> RunDetail:
    """One run by number, id or unique prefix of the id, or the newest as `last`; UsageError
    where there is none."""
    with session.within(CATALOG_TIMEOUT_S):
        found: tuple[RunSummary, ...] = ()
        if version := ledger_version(session):
            if wanted == NEWEST:
                found = select_runs(session, sql.SQL("true"), 1)
            elif wanted.isdecimal() and len(wanted) < 19:
                by_number = sql.SQL("r.run_number = {}").format(sql.Literal(int(wanted)))
                found = select_runs(session, by_number, 1)
            if not found and len(wanted) >= SHORTEST_PREFIX:
                found = _runs_of_prefix(session, wanted.lower())
        if len(found) != 1:
            what = "more than one run begins with" if found else "there is no run"
            raise UsageError(f"{what} {wanted}", hint="`elconsole runs` lists them")
        return _with_tables(session, found, version)[0]


def _runs_of_prefix(session: Session, prefix: str) -> tuple[RunSummary, ...]:
    """Two of the runs whose ids begin so: as a range of ids, which an index finds."""
    ends = [prefix + blank[len(prefix) :] for blank in (LEAST_ID, GREATEST_ID)]
    try:
        if [str(uuid.UUID(end)) for end in ends] != ends:
            return ()
    except ValueError:
        return ()
    condition = sql.SQL(
        "r.run_id IN (SELECT run_id FROM elconsole.runs WHERE run_id BETWEEN {}::uuid AND {}::uuid"
        " ORDER BY run_id LIMIT 2)"
    ).format(*map(sql.Literal, ends))
    return select_runs(session, condition, 2)


def read_newest(
    session: Session, run_ids: Sequence[str], done: RunSummary | None
) -> tuple[RunDetail, ...]:
    """The runs of these ids with their tables, and last the newest run of all, unless it is
    still as in `done`."""
    with session.within(CATALOG_TIMEOUT_S):
        version = ledger_version(session)
        if not version:
            return ()
        newest = select_runs(session, sql.SQL("true"), 1)
        condition = sql.SQL("r.run_id = ANY ({}::uuid[])").format(sql.Literal(list(run_ids)))
        others = select_runs(session, condition, len(run_ids)) if run_ids else ()
        ids = {run.run_id for run in newest}
        wanted = (*(run for run in others if run.run_id not in ids), *newest)
        return _with_tables(session, tuple(run for run in wanted if run != done), version)


def select_runs(session: Session, condition: sql.Composable, limit: int) -> tuple[RunSummary, ...]:
    """The newest of the runs, `r`, for which the condition is true."""
    query = sql.SQL(statement("ledger/runs").replace("%%", "%")).format(
        lock_class=sql.Literal(RUN_LOCK_CLASS), condition=condition, limit=sql.Literal(limit)
    )
    with session.cursor(row_factory=class_row(RunSummary)) as cursor:
        return tuple(cursor.execute(query).fetchall())


def _with_tables(
    session: Session, runs: tuple[RunSummary, ...], version: int
) -> tuple[RunDetail, ...]:
    """The runs with their tables, from a ledger of this version."""
    if not runs:
        return ()
    query: str = statement("ledger/table_runs")
    if version < PLACED_VERSION:
        query = query.replace(PLACED_COLUMNS, "NULL, NULL, NULL")
    rows = session.execute(query.encode(), [[run.run_id for run in runs]]).fetchall()
    tables: dict[str, list[TableRun]] = {run.run_id: [] for run in runs}
    for run_id, *row in rows:
        tables[run_id].append(_table_run(row))
    return tuple(
        RunDetail(run, tuple(_as_left(table, run) for table in tables[run.run_id])) for run in runs
    )


def _as_left(table: TableRun, run: RunSummary) -> TableRun:
    """A table of a run whose process died, as the next run will close it."""
    if run.status != "abandoned" or table.status not in ("pending", "running"):
        return table
    seconds = 0.0
    if run.finished_at is not None and table.started_at is not None:
        seconds = (run.finished_at - table.started_at).total_seconds()
    return replace(
        table,
        status="failed",
        finished_at=run.finished_at,
        duration_seconds=seconds,
        error=ABANDONED,
    )


def _table_run(row: list[Any]) -> TableRun:
    *facts, changes, notes, kind, message, hint, state = row[:-4]
    extract_seconds, load_seconds, source_schema, source_address = row[-4:]
    names = (
        "source table target mode strategy status rows_read rows_written"
        " rows_deleted rows_marked versions bytes rows_estimated started_at finished_at"
        " duration_seconds attempts"
    ).split()
    return TableRun(
        **dict(zip(names, facts, strict=True)),
        schema_changes=tuple(SchemaChange(**change) for change in changes),
        notes=tuple(notes),
        error=ErrorInfo(kind, message or "", hint, believed_state(state)) if kind else None,
        extract_seconds=extract_seconds,
        load_seconds=load_seconds,
        source_schema=source_schema,
        source_address=source_address,
    )


def _errors(errors: Sequence[ErrorInfo | None], session: Session) -> dict[str, list[str | None]]:
    """The columns of the tables' errors."""
    told = [_error(error, session) for error in errors]
    names = ("kinds", "messages", "hints", "sqlstates")
    return {name: [error[n] for error in told] for n, name in enumerate(names)}


def _changes(changes: Sequence[SchemaChange], encoding: str) -> Jsonb:
    """In characters that the warehouse has: a source's type may have any name."""
    told = [
        {name: text and spell(text, encoding) for name, text in asdict(change).items()}
        for change in changes
    ]
    return Jsonb(told, dumps=json.dumps)


def _error(error: ErrorInfo | None, session: Session) -> tuple[str | None, ...]:
    """Kind, message, hint and SQLSTATE, in characters that the warehouse has."""
    if error is None:
        return (None, None, None, None)
    texts = (error.kind, error.message, error.hint, error.sqlstate)
    return tuple(text and spell(text, session.encoding) for text in texts)

"""Asking a database how it is, within a time of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from psycopg.rows import class_row

from elconsole.core.errors import ElconsoleError
from elconsole.core.results import ConnectionHealth
from elconsole.engine.catalog.source import SourceRelation, choose
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.session import Session
from elconsole.engine.sql.statements import statement

STANDBY_LAG_S = 60.0
UNREADABLE = (
    "(has_schema_privilege(to_regnamespace(quote_ident(schema)), 'USAGE')"
    " AND has_any_column_privilege(oid::oid, 'SELECT')) IS NOT TRUE"
)
"""True for relations that the role may read neither whole nor by column."""
MOST_NAMED = 3
"""Tables that a missing privilege is told of by name."""


def probe(
    pool: Pool, degraded_ms: float, missing_privileges: Callable[[Session], list[str]]
) -> ConnectionHealth:
    """One round trip's latency and what the server says of itself; raises nothing."""
    server = pool.server
    now = datetime.now(UTC)
    try:
        with (
            pool.session() as session,
            session.within(server.connect_timeout_s),
        ):
            return _ask(session, degraded_ms, missing_privileges, now)
    except ElconsoleError as error:
        return ConnectionHealth(
            name=server.name,
            role=server.role,
            status="down",
            checked_at=now,
            error=error.info(),
        )


def _ask(
    session: Session,
    degraded_ms: float,
    missing_privileges: Callable[[Session], list[str]],
    now: datetime,
) -> ConnectionHealth:
    server = session.server
    session.execute("SELECT 1")
    started = time.monotonic()
    session.execute("SELECT 1")
    latency_ms = (time.monotonic() - started) * 1000
    row = session.execute(statement("catalog/probe")).fetchone()
    assert row is not None
    version, standby, lag_s, size, oldest_s = row
    reasons = []
    if latency_ms > degraded_ms:
        reasons.append(f"slow: {latency_ms:.0f} ms")
    if standby and lag_s is not None and lag_s > STANDBY_LAG_S:
        reasons.append(f"standby {lag_s:.0f} s behind")
    reasons += missing_privileges(session)
    role: Literal["primary", "standby"] = "standby" if standby else "primary"
    return ConnectionHealth(
        name=server.name,
        role=server.role,
        status="degraded" if reasons else "healthy",
        checked_at=now,
        latency_ms=round(latency_ms, 3),
        server_version=version,
        reasons=tuple(reasons),
        database_bytes=size,
        oldest_transaction_seconds=oldest_s,
        replication_role=role,
        replay_lag_seconds=lag_s,
    )


def not_readable(session: Session, wanted: Sequence[str], excluded: Sequence[str]) -> list[str]:
    """What a source's role lacks: the tables among those selected that it may not read."""
    query = f"SELECT * FROM ({statement('catalog/source_tables')}) AS found WHERE {UNREADABLE}"
    with session.cursor(row_factory=class_row(SourceRelation)) as cursor:
        unreadable = cursor.execute(query.encode()).fetchall()
    chosen, _ = choose(unreadable, wanted, excluded)
    if not chosen:
        return []
    named = ", ".join(relation.qualified for relation in chosen[:MOST_NAMED])
    more = len(chosen) - MOST_NAMED
    return [f"may not read {named}" + (f" and {more} more" if more > 0 else "")]


def not_creatable(session: Session, target_schema: str) -> list[str]:
    """What the warehouse's role lacks: the schemas that it may not create (in)."""
    row = session.execute(
        "SELECT array_agg(name) FROM unnest(%s::text[]) AS wanted (name)"
        " WHERE CASE WHEN to_regnamespace(quote_ident(name)) IS NULL"
        " THEN NOT has_database_privilege(current_database(), 'CREATE')"
        " ELSE NOT has_schema_privilege(name, 'CREATE') END",
        [["elconsole", "elconsole_storage", target_schema]],
    ).fetchone()
    names = row[0] if row else None
    return [f"may not create in schema {', '.join(names)}"] if names else []

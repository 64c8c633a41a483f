"""Asking a database how it is, within a time of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from elconsole.core.errors import ElconsoleError
from elconsole.core.record import record
from elconsole.core.results import ConnectionHealth
from elconsole.core.safe_text import clean_text
from elconsole.core.types import Role
from elconsole.engine.catalog.source import choose, read_relations
from elconsole.engine.connect.answers import (
    NotBelieved,
    checked_row,
    several,
    truth,
    values_of,
    words,
)
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.session import Session
from elconsole.engine.ledger.schema import ledger_version
from elconsole.engine.sql.names import LEDGER_SCHEMA, STORAGE_SCHEMA
from elconsole.engine.sql.statements import statement

STANDBY_LAG_S = 60.0
UNREADABLE = (
    "(pg_catalog.has_schema_privilege("
    "pg_catalog.to_regnamespace(pg_catalog.quote_ident(schema)), 'USAGE')"
    " AND pg_catalog.has_any_column_privilege(oid::oid, 'SELECT')) IS NOT TRUE"
)
"""True for relations that the role may read neither whole nor by column."""
VERSION_CELLS, NAMED_CELLS = 40, 120
MOST_NAMED = 3
"""Tables that a missing privilege is told of by name."""


@record(frozen=True, slots=True)
class Vitals:
    """What a server says of itself, and of the role that asks."""

    version: str
    is_standby: bool
    lag_s: float | None
    bytes: int | None
    oldest_transaction_s: float | None
    is_superuser: bool
    owns: str | None
    """One thing that the role owns, if any."""
    member_of: str | None
    """Roles that it is a member of, if any."""


def probe(
    pool: Pool, degraded_ms: float, missing_privileges: Callable[[Session], list[str]]
) -> ConnectionHealth:
    """One round trip's latency and what the server says of itself; raises nothing."""
    server = pool.server
    now = datetime.now(UTC)
    try:
        with pool.session() as session, session.within(server.connect_timeout_s):
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
    with session.cursor(row_factory=checked_row(Vitals)) as cursor:
        vitals = cursor.execute(statement("catalog/probe")).fetchone()
    if vitals is None:
        raise NotBelieved("nothing of itself")
    reasons = []
    if latency_ms > degraded_ms:
        reasons.append(f"slow: {latency_ms:.0f} ms")
    if vitals.is_standby and vitals.lag_s is not None and vitals.lag_s > STANDBY_LAG_S:
        reasons.append(f"standby {vitals.lag_s:.0f} s behind")
    lacks = missing_privileges(session)
    reasons += lacks
    role: Literal["primary", "standby"] = "standby" if vitals.is_standby else "primary"
    return ConnectionHealth(
        name=server.name,
        role=server.role,
        status="degraded" if reasons else "healthy",
        checked_at=now,
        latency_ms=round(latency_ms, 3),
        server_version=clean_text(vitals.version, VERSION_CELLS),
        reasons=tuple(reasons),
        lacks=tuple(lacks),
        warnings=tuple(_warnings(vitals, server.role)),
        database_bytes=vitals.bytes,
        oldest_transaction_seconds=vitals.oldest_transaction_s,
        replication_role=role,
        replay_lag_seconds=vitals.lag_s,
    )


def _warnings(vitals: Vitals, role: Role) -> Iterator[str]:
    """What a role has that it does not need, and that others could use through it: a server's
    planner may call functions of the tables that the role only reads."""
    if vitals.is_superuser:
        yield "the role is a superuser: use one with the rights that `elconsole grants` prints"
    elif role == "source":
        if vitals.owns is not None:
            yield f"the role owns {clean_text(vitals.owns, NAMED_CELLS)}: it should own nothing"
        if vitals.member_of is not None:
            named = clean_text(vitals.member_of, NAMED_CELLS)
            yield f"the role is a member of {named}: it should be a member of nothing"


def not_readable(session: Session, wanted: Sequence[str], excluded: Sequence[str]) -> list[str]:
    """What a source's role lacks: the tables among those selected that it may not read."""
    chosen = choose(read_relations(session, UNREADABLE), wanted, excluded).relations
    if not chosen:
        return []
    named = ", ".join(relation.qualified for relation in chosen[:MOST_NAMED])
    more = len(chosen) - MOST_NAMED
    return [f"may not read {named}" + (f" and {more} more" if more > 0 else "")]


def not_usable(session: Session, target_schemas: Sequence[str]) -> list[str]:
    """What the warehouse's role lacks: that it may write at all, and the schemas that it may
    not create (in). Raises what `ledger_version` raises where it may not be used at all."""
    ledger_version(session, target_schemas)
    row = session.execute(
        "SELECT pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.array_agg(name) FROM pg_catalog.unnest(%s::text[]) AS wanted (name)"
        " WHERE CASE WHEN pg_catalog.to_regnamespace(pg_catalog.quote_ident(name)) IS NULL"
        " THEN NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')"
        " ELSE NOT pg_catalog.has_schema_privilege(name, 'CREATE') END",
        [[LEDGER_SCHEMA, STORAGE_SCHEMA, *target_schemas]],
    ).fetchone()
    is_standby, names = values_of(row, 2)
    if truth(is_standby):
        return ["takes no rows: it is a standby"]
    return [f"may not create in schema {', '.join(map(words, several(names)))}"] if names else []

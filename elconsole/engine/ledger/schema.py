"""Creating and migrating elconsole's own tables in the warehouse, under a lock."""

from __future__ import annotations

import psycopg
from psycopg import sql

from elconsole.core.errors import PermissionMissing, ServerUnsupported
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.sql.names import LOCK_CLASS, STORAGE_SCHEMA
from elconsole.engine.sql.statements import statement

MIGRATIONS = (
    "ledger/schema_1",
    "quality/tables",
    "quality/signals",
    "ledger/watermark_numbers",
    "quality/counted",
    "ledger/table_run_notes",
    "ledger/comments",
)


def ledger_version(session: Session) -> int:
    """How many migrations the warehouse has had; 0 where elconsole never ran."""
    row = session.execute(
        "SELECT pg_catalog.to_regclass('elconsole.migrations') IS NOT NULL"
    ).fetchone()
    if row is None or not row[0]:
        return 0
    row = session.execute(
        "SELECT coalesce(pg_catalog.max(version), 0) FROM elconsole.migrations"
    ).fetchone()
    return int(row[0]) if row else 0


def prepare_warehouse(session: Session, target_schema: str) -> None:
    """Make the schemas and bring the ledger up to date. Idempotent, safe side by side."""
    with session.within(CATALOG_TIMEOUT_S):
        version = ledger_version(session)
        if version > len(MIGRATIONS):
            raise ServerUnsupported(
                f"the warehouse's ledger has version {version}, this elconsole knows"
                f" {len(MIGRATIONS)}",
                hint="upgrade elconsole",
            )
        missing = _missing_schemas(session, target_schema)
        if version == len(MIGRATIONS) and not missing:
            return
        try:
            _migrate(session, target_schema)
        except psycopg.errors.InsufficientPrivilege as error:
            raise PermissionMissing(
                f"warehouse: {error.diag.message_primary}",
                hint="the warehouse role must be able to create the schemas"
                f" {', '.join(missing)}; `elconsole grants` prints the SQL",
                sqlstate=error.sqlstate,
            ) from error


def _missing_schemas(session: Session, target_schema: str) -> list[str]:
    rows = session.execute(
        "SELECT name FROM pg_catalog.unnest(%s::text[]) AS wanted (name)"
        " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = name)",
        [["elconsole", STORAGE_SCHEMA, target_schema]],
    )
    return [str(row[0]) for row in rows]


def _migrate(session: Session, target_schema: str) -> None:
    with session.transaction():
        session.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s, 0)", [LOCK_CLASS])
        for schema in _missing_schemas(session, target_schema):
            session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        session.execute(
            "CREATE TABLE IF NOT EXISTS elconsole.migrations ("
            " version integer PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())"
        )
        for number in range(ledger_version(session) + 1, len(MIGRATIONS) + 1):
            name = MIGRATIONS[number - 1]
            session.execute(statement(name))
            session.execute(
                "INSERT INTO elconsole.migrations (version, name) VALUES (%s, %s)",
                [number, name],
            )

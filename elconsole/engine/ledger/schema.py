"""Creating and migrating elconsole's own tables in the warehouse, under a lock."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from elconsole.core.errors import PermissionMissing, ServerUnsupported
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.locks import take_lock
from elconsole.engine.ledger.traps import has_ledger
from elconsole.engine.sql.names import LEDGER_SCHEMA, SCHEMA_LOCK, STORAGE_SCHEMA
from elconsole.engine.sql.statements import statement

MIGRATIONS = (
    "ledger/schema_1",
    "quality/tables",
    "quality/signals",
    "ledger/watermark_numbers",
    "quality/counted",
    "ledger/table_run_notes",
    "ledger/comments",
    "ledger/long_history",
    "ledger/target_homes",
)


def ledger_version(
    session: Session, target_schemas: Sequence[str] = (), *, writes: bool = False
) -> int:
    """How many migrations the warehouse has had; 0 where elconsole never ran.

    To be asked before anything of the ledger, or of raw tables in `target_schemas`, is touched:
    raises TargetTaken where they belong to somebody else, or somebody laid a trap in them, and
    ServerUnsupported where a newer elconsole made the ledger: what its tables mean, for readers
    too, only that one knows."""
    if not has_ledger(session, target_schemas, writes=writes):
        return 0
    row = session.execute(
        "SELECT coalesce(pg_catalog.max(version), 0) FROM elconsole.migrations"
    ).fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise ServerUnsupported(
            f"the warehouse's ledger has version {version}, this elconsole knows {len(MIGRATIONS)}",
            hint="upgrade elconsole",
        )
    return version


def prepare_warehouse(
    session: Session, target_schemas: Sequence[str], version: int | None = None
) -> None:
    """Make the schemas and bring the ledger up to date. Idempotent, safe side by side.

    `version`: what `ledger_version` has just told whoever writes."""
    with session.within(CATALOG_TIMEOUT_S):
        if version is None:
            version = ledger_version(session, target_schemas, writes=True)
        missing = _missing_schemas(session, target_schemas)
        if version == len(MIGRATIONS) and not missing:
            return
        try:
            _migrate(session, target_schemas)
        except psycopg.errors.InsufficientPrivilege as error:
            raise PermissionMissing(
                f"warehouse: {error.diag.message_primary}",
                hint="the warehouse role must be able to create the schemas"
                f" {', '.join(missing)}; `elconsole grants` prints the SQL",
                sqlstate=error.sqlstate,
            ) from error


def _missing_schemas(session: Session, target_schemas: Sequence[str]) -> list[str]:
    rows = session.execute(
        "SELECT name FROM pg_catalog.unnest(%s::text[]) AS wanted (name)"
        " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = name)",
        [[LEDGER_SCHEMA, STORAGE_SCHEMA, *target_schemas]],
    )
    return [str(row[0]) for row in rows]


def _migrate(session: Session, target_schemas: Sequence[str]) -> None:
    with session.transaction():
        take_lock(session, SCHEMA_LOCK, "the ledger can't be made or migrated")
        for schema in _missing_schemas(session, target_schemas):
            session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        session.execute(
            "CREATE TABLE IF NOT EXISTS elconsole.migrations ("
            " version integer PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())"
        )
        version = ledger_version(session, target_schemas, writes=True)
        for number in range(version + 1, len(MIGRATIONS) + 1):
            name = MIGRATIONS[number - 1]
            session.execute(statement(name))
            session.execute(
                "INSERT INTO elconsole.migrations (version, name) VALUES (%s, %s)",
                [number, name],
            )

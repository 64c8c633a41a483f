"""From psycopg's errors to ours, in one place: which are transient, and what to do next.

Sessions call it (`Session.translated`)."""

from __future__ import annotations

import re

import psycopg

from elconsole.core.errors import (
    AccessRefused,
    DatabaseUnavailable,
    DiskFull,
    ElconsoleError,
    PermissionMissing,
    ServerError,
    ServerUnsupported,
    SourceUnavailable,
    TransientFault,
    WarehouseUnavailable,
    shortened,
)
from elconsole.engine.connect.parallel import LeftBehind
from elconsole.engine.connect.server import Server

REFUSALS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "authentication failed",
    "is not permitted to log in",
    "permission denied for database",
    "does not exist",
    "definition of service",
)
ENCRYPTION = (
    (
        "does not support SSL",
        "the server has no SSL: turn it on there, or lower sslmode in the dsn",
    ),
    (
        "does not match host name",
        "name the host as its certificate does, or set sslmode=verify-ca in the dsn",
    ),
    (
        "root certificate file",
        "name the CA's certificate with sslrootcert in the dsn, or sslrootcert=system",
    ),
    (
        "certificate verify failed",
        "sslrootcert in the dsn must name the CA that signed the server's certificate",
    ),
    ("certificate file", "see sslcert, sslkey and sslrootcert in the dsn"),
    ("client certificate", "give it with sslcert and sslkey in the dsn"),
)
"""What libpq says of certificates and encryption, and what to do; the first that fits."""
TOO_MANY = ("too many connections", "too many clients", "connection slots are reserved")
TOO_MANY_STATE = "53300"
UNRESOLVED_STATES = frozenset({"42883", "42P01"})
"""A function, operator or table that is not there; where the error has a context, a function
that PostgreSQL runs for a statement of ours named it."""
FUNCTION_NAMED = re.compile(r"""(?:function|unction|Funktion|fonction|función)\s+["«»„"']?"""
    r"""([^\s"«»„"'(]{1,200})""")  # fmt: skip
COPY_PLACE = re.compile(r"COPY .{1,200}?, \w+ (\d+)(?:, \w+ ([^:\n]{1,200}))?")
SERVER_SPOKE = re.compile(r"(?:: |^)[^\s:]{2,20}:  \S", re.MULTILINE)
"""A severity, in the server's language, and two spaces."""
ASCII_MOST = 127
TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03", "25P03", "25P04"})
SOURCE_CONFLICTS = {
    "55P03": "another session locks the table even against readers (ALTER TABLE, TRUNCATE,"
    " VACUUM FULL, LOCK): sync again once it has ended",
    # A snapshot that only reads has no other conflict.
    "40001": "a standby stopped the reading to go on replaying: raise"
    " max_standby_streaming_delay there, or set hot_standby_feedback = on",
}
LOCK_TABLE_FULL = (
    "the server's table of locks is full: raise max_locks_per_transaction there; a partitioned"
    " table needs a lock for each of its partitions and their indexes"
)
TRANSIENT_CLASSES = ("08", "53", "57P")
DISK_FULL_STATES = frozenset({"53100"})


def server_words(error: psycopg.Error) -> str:
    """The server's message with its detail, or libpq's; one line."""
    diagnostics = error.diag
    primary = diagnostics.message_primary
    if primary is None:
        return " ".join(shortened(_own_words(error)).split()) or type(error).__name__
    detail = diagnostics.message_detail
    words = f"{primary} ({detail})" if detail else primary
    return " ".join(shortened(words).split())


def _own_words(error: psycopg.Error) -> str:
    """What libpq says. Before a session has an encoding a server writes in its own: as UTF-8,
    or in the one of Western Europe where it reads like that, else without what can't be told."""
    text = str(error)
    if "\ufffd" not in text or error.pgconn is None:
        return text
    raw = error.pgconn.error_message
    foreign = sum(byte > ASCII_MOST for byte in raw)
    if foreign * 5 < len(raw):
        return raw.decode("cp1252", "replace").replace("\ufffd", "?")
    return raw.decode("ascii", "ignore") + " (its words are in an encoding that can't be told)"


def _was_answered(words: str) -> bool:
    """Whether a server's own message says why, in whatever language, and not libpq's."""
    return SERVER_SPOKE.search(words) is not None


def connection_error(error: psycopg.Error, server: Server) -> ElconsoleError:
    """A failed connection: told apart by what the person must do about it."""
    words = server_words(error)
    what = f"{server.name}: cannot connect to {server.address}: {words}"
    state = error.sqlstate
    if "unsupported startup parameter" in words or "prepared statement" in words:
        return ServerUnsupported(
            what,
            hint="connect to the server itself or to a pooler in session mode: "
            "transaction pooling breaks locks and LISTEN",
            sqlstate=state,
        )
    for sign, hint in ENCRYPTION:
        if sign in words:
            return AccessRefused(what, hint=hint, sqlstate=state)
    refused = state is not None and state.startswith(("28", "3D"))
    if refused or any(sign in words for sign in REFUSALS):
        return AccessRefused(
            what,
            hint="check user, password, database and pg_hba.conf; `elconsole config` shows"
            " which settings are used",
            sqlstate=state,
        )
    kind = _unavailable(server)
    if isinstance(error, LeftBehind):
        return kind(
            what,
            hint="see whether this is the server that is meant, how many iterations of SCRAM it"
            " asks for, and whether its name is found; or raise connect_timeout",
        )
    if state == TOO_MANY_STATE or any(sign in words for sign in TOO_MANY):
        needed = f"a sync needs up to {server.sessions} connections here: " * bool(server.sessions)
        return kind(
            what,
            hint=f"{needed}lower workers, or raise the role's CONNECTION LIMIT or the server's"
            " max_connections",
            # libpq keeps the state of a refused connection to itself.
            sqlstate=TOO_MANY_STATE,
        )
    if _was_answered(str(error)):
        return kind(
            what,
            hint="the server runs, and its own words say why: see user, password, database and"
            " pg_hba.conf, or whether it is starting",
            sqlstate=state,
        )
    return kind(
        what,
        hint="check that the server runs and that host and port are right "
        "(`elconsole config`, `elconsole check`)",
        sqlstate=state,
    )


def statement_error(error: psycopg.Error, server: Server) -> ElconsoleError:
    """A failed statement, or a connection that broke, in the words of its server."""
    name, state = server.name, error.sqlstate
    what = f"{name}: {server_words(error)}"
    if state in DISK_FULL_STATES:
        return DiskFull(what, hint=f"free disk space on {name}, then sync again", sqlstate=state)
    if state is None and isinstance(error, psycopg.OperationalError):
        return _unavailable(server)(what, hint=f"see whether {name} restarts; `elconsole check`")
    if server.role == "source" and state in SOURCE_CONFLICTS:
        return TransientFault(what, hint=SOURCE_CONFLICTS[state], sqlstate=state)
    if state == "53200" and "shared memory" in what:
        return TransientFault(what, hint=LOCK_TABLE_FULL, sqlstate=state)
    if state in TRANSIENT_STATES or (state or "").startswith(TRANSIENT_CLASSES):
        return TransientFault(what, hint="sync again later", sqlstate=state)
    if state == "42501" and "row-level security" in what:
        return PermissionMissing(
            what,
            hint="give the source's role BYPASSRLS, or leave the table out with exclude",
            sqlstate=state,
        )
    if state == "42501":
        return PermissionMissing(
            what, hint="`elconsole grants` prints the SQL that gives it", sqlstate=state
        )
    if state in UNRESOLVED_STATES and error.diag.context:
        return ServerError(f"{what}; {_caller(error)}", hint=path_hint(server), sqlstate=state)
    return ServerError(what + _place(error), hint=_hint(error, server), sqlstate=state)


def _caller(error: psycopg.Error) -> str:
    """Which function named what is not there, as far as the server tells."""
    found = FUNCTION_NAMED.search(error.diag.context or "")
    named = f" {shortened(found[1])}" if found else ""
    return f"it is the function{named} of an index, a view or statistics that names it"


def path_hint(server: Server) -> str:
    """What to do where a function of a server's users relies on a search_path."""
    return (
        "qualify what the function names, or give it a path of its own (ALTER FUNCTION … SET"
        f" search_path = …); else set search_path in [{server.block}]"
    )


def _place(error: psycopg.Error) -> str:
    """Where in a COPY a value was refused; the value itself is not shown."""
    context = error.diag.context or ""
    found = COPY_PLACE.match(context) if (error.sqlstate or "").startswith("22") else None
    if found is None:
        return ""
    column = f", column {shortened(found[2])}" if found[2] else ""
    return f" (row {found[1]} of the copy{column})"


def _unavailable(server: Server) -> type[DatabaseUnavailable]:
    return SourceUnavailable if server.role == "source" else WarehouseUnavailable


def _hint(error: psycopg.Error, server: Server) -> str | None:
    """Ours, or the server's in its own name: what stands beside it as the next step is advice
    of ours, and a source's functions say what their owner likes."""
    hint = (_warehouse_hint if server.role == "warehouse" else _source_hint)(error)
    given = error.diag.message_hint
    return hint or (f"{server.name} says: {' '.join(shortened(given).split())}" if given else None)


def _source_hint(error: psycopg.Error) -> str | None:
    # Of the many reasons for this state, the planner's is the one that a standby gives.
    if (error.sqlstate, error.diag.source_function) == ("0A000", "get_relation_info"):
        return "a standby has no rows of unlogged tables: exclude it, or read the primary"
    return None


def _warehouse_hint(error: psycopg.Error) -> str | None:
    state, found = error.sqlstate or "", error.diag
    if state == "23505" and (found.table_name or "").startswith("pg_"):
        return None  # a catalog's key, not the user's
    if state == "54000" and found.source_function == "RelationGetBufferForTuple":
        return "the row is too large for a table: leave columns out with exclude_columns"
    if state == "23502":
        column = shortened(found.column_name or "")
        return (
            f"give column {column} of the raw table a default or drop its NOT NULL;"
            " where primary_key in settings names it, name columns that are never NULL"
        )
    return _WAREHOUSE_HINTS.get(state)


_WAREHOUSE_HINTS = {
    "21000": "primary_key in settings must name columns that are unique",
    "22P05": "the warehouse's encoding lacks this character; use a UTF8 warehouse",
    "23505": "primary_key in settings must name columns that are unique",
    "25006": "it is a standby, or read-only: name its primary in [warehouse]",
    "54011": "select fewer columns, with columns or exclude_columns",
}

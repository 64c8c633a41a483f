"""Every error elconsole reports: one tree, each with what failed and what to do next.

An error's text is safe to show: it carries the server's own words and never a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from elconsole.core.types import ErrorInfo

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_LOCKED = 4
EXIT_FOUND = 5
EXIT_SIGINT = 130
EXIT_SIGTERM = 143


LONGEST_WORDS = 8 * 1024
"""Bytes of what a server or a plug-in says of one error that are kept."""
LONGEST_MESSAGE = LONGEST_WORDS + 1024
"""Bytes of a message, with our own words around theirs."""


def shortened(words: str, most: int = LONGEST_WORDS) -> str:
    """A server's or plug-in's words, cut at 8 kB; the end says how much was left out."""
    if len(words) <= most // 4:
        return words
    written = words.encode("utf-8", "replace")
    if len(written) <= most:
        return words
    kept = written[:most].decode("utf-8", "ignore")
    return f"{kept} … ({len(written) - most} bytes left out)"


def believed_state(state: str | None) -> str | None:
    """A server's code, where it is one: five digits or capitals, and no text of any length."""
    if state is None or len(state) != 5 or not (state.isascii() and state.isalnum()):
        return None
    return state if state == state.upper() else None


class ElconsoleError(Exception):
    """Something failed; `str(error)` says what and why in one or two sentences."""

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_FAILED
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str | None = None, sqlstate: str | None = None
    ) -> None:
        self.message = shortened(message, LONGEST_MESSAGE)
        self.hint = None if hint is None else shortened(hint, LONGEST_MESSAGE)
        """The next step for the person who reads it."""
        super().__init__(self.message)
        self.sqlstate = believed_state(sqlstate)
        """The server's five-character code, where a server spoke."""

    def info(self) -> ErrorInfo:
        """The error as ledger, reports and screen carry it."""
        # Data classes would be imported by every command, and most end without an error.
        from elconsole.core.types import ErrorInfo

        return ErrorInfo(self.kind, self.message, self.hint, self.sqlstate)


class UsageError(ElconsoleError):
    """The command line asks for something that does not exist or does not fit."""

    kind = "usage"
    exit_code = EXIT_USAGE


class ConfigurationError(ElconsoleError):
    """A setting is unknown, malformed or contradicts another."""

    kind = "configuration"
    exit_code = EXIT_USAGE


class ResultLost(ElconsoleError):
    """What a command found could not be written to stdout."""

    kind = "result_lost"


class DemoUnavailable(ElconsoleError):
    """The embedded plant can't be started here."""

    kind = "demo"
    exit_code = EXIT_USAGE


class DatabaseUnavailable(ElconsoleError):
    """A database refused, dropped or did not answer the connection."""

    kind = "unavailable"
    exit_code = EXIT_UNREACHABLE
    retryable = True


class SourceUnavailable(DatabaseUnavailable):
    """A source refused, dropped or did not answer the connection."""

    kind = "source_unavailable"


class WarehouseUnavailable(DatabaseUnavailable):
    """The warehouse refused, dropped or did not answer the connection."""

    kind = "warehouse_unavailable"


class AccessRefused(ElconsoleError):
    """A server let us not in: wrong password, no such database, no right to connect."""

    kind = "access_refused"
    exit_code = EXIT_UNREACHABLE


class ServerUnsupported(ElconsoleError):
    """The server is too old, SQL_ASCII, or stands behind a pooler that sets its own terms."""

    kind = "unsupported_server"
    exit_code = EXIT_UNREACHABLE


class SharedConnection(ServerUnsupported):
    """A pooler in transaction or statement mode: no session is ours alone."""

    kind = "shared_connection"


class PlanError(ElconsoleError):
    """A table can't be synced as asked; found before a row moved."""

    kind = "plan"


class SchemaConflict(ElconsoleError):
    """Source and raw table differ in a way a sync may not resolve by itself."""

    kind = "schema"


class TargetTaken(ElconsoleError):
    """A name that elconsole uses in the warehouse belongs to what it did not make."""

    kind = "target_taken"


class PermissionMissing(ElconsoleError):
    """The role lacks a privilege (SQLSTATE 42501)."""

    kind = "permission"


class DiskFull(ElconsoleError):
    """A server has no room left (SQLSTATE 53100)."""

    kind = "disk_full"


class TransientFault(ElconsoleError):
    """A server's passing trouble: deadlock, serialisation, restart, too many connections."""

    kind = "transient"
    retryable = True


class LockHeld(ElconsoleError):
    """A session held a lock in the warehouse for longer than a sync waits."""

    kind = "lock"


class SwapBlocked(LockHeld):
    """A reader held the raw table's."""


class TableLocked(ElconsoleError):
    """Another sync holds this table."""

    kind = "locked"
    exit_code = EXIT_LOCKED


class Stalled(ElconsoleError):
    """Nothing moved for `stall_timeout` seconds: no row, and no large part of one."""

    kind = "stalled"


class TableTimeout(ElconsoleError):
    """A table took longer than its `table_timeout`, with all its attempts."""

    kind = "table_timeout"


class UnexpectedAnswer(ElconsoleError):
    """A server answered what no PostgreSQL would: it, or who speaks for it, is not trusted."""

    kind = "unexpected_answer"


class CountMismatch(ElconsoleError):
    """Rows sent and rows stored differ: nothing was published."""

    kind = "count_mismatch"


class KeyNotUnique(ElconsoleError):
    """Two rows of the source have one key: nothing was published."""

    kind = "key_not_unique"


class Vetoed(ElconsoleError):
    """A plug-in refused the table."""

    kind = "vetoed"


class CheckFailed(ElconsoleError):
    """A plug-in or built-in check refused the loaded rows: nothing was published."""

    kind = "check_failed"


class Cancelled(ElconsoleError):
    """The user or a signal stopped the sync."""

    kind = "cancelled"


class Interrupted(Cancelled):
    """SIGINT stopped it."""

    exit_code = EXIT_SIGINT


class Terminated(Cancelled):
    """SIGTERM or SIGHUP stopped it."""

    exit_code = EXIT_SIGTERM


class ServerError(ElconsoleError):
    """Any other answer of a server, in its own words."""

    kind = "server"

"""Connections: how they are opened, bounded in time, shared and given back.

A `Session` is a psycopg connection of which every wait is bounded: by a deadline of its
own, and by the stop flag of the run that holds it. Sources are opened read-only.
"""

from __future__ import annotations

import contextlib
import queue
import select
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from elconsole.core.errors import Cancelled, ElconsoleError, ServerUnsupported, Stalled
from elconsole.core.record import record
from elconsole.core.types import Role
from elconsole.engine.connect.translate import TOO_MANY_STATE, connection_error

_RV = TypeVar("_RV")

CATALOG_TIMEOUT_S = 30.0
CANCEL_GRACE_S = 0.4
STOP_POLL_S = 0.1
MINIMUM_VERSION: Mapping[Role, int] = {"source": 130000, "warehouse": 140000}

COMMON_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "jit": "off",
    "statement_timeout": "0",
    "lock_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
ROLE_SETTINGS: Mapping[Role, Mapping[str, str]] = {
    "source": {
        "default_transaction_read_only": "on",
        "row_security": "off",
        "synchronize_seqscans": "off",
        "max_parallel_workers_per_gather": "0",
    },
    "warehouse": {
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        "max_parallel_maintenance_workers": "0",
        "maintenance_work_mem": "256MB",
        "temp_buffers": "32MB",
        "work_mem": "32MB",
    },
}
UNLESS_REFUSED = (
    "name <> 'client_connection_check_interval'"
    " OR version() !~* '(visual c|mingw|windows|msvc|cygwin)'"
)
"""Servers on Windows refuse to be told to look after their clients."""
CLIENT_PARAMETERS = {
    "client_encoding": "UTF8",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


@record(frozen=True, slots=True)
class Server:
    """A database as settings know it."""

    name: str
    role: Role
    parameters: Mapping[str, str] = field(repr=False)
    """libpq keywords; may hold a password."""
    address: str
    connect_timeout_s: float
    idle_timeout_s: float = 86_400.0
    """How long the server lets a transaction of ours sit idle before it ends it: longer than
    the other side may be busy on its own. A lock that keeps readers out is never held idle."""


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose waits end: at a deadline, or when the run is stopped."""

    server: Server
    stop: threading.Event | None = None
    deadline: float | None = None
    grace_s: float = 0.0
    """How long a statement may go on after the run was stopped."""
    _stopped_at: float | None = None
    _attend_every_s: float | None = None
    _attend_at: float = 0.0

    def wait(self, gen: Generator[Any, Any, _RV], *args: Any, **kwargs: Any) -> _RV:
        return super().wait(self._watched(gen), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, _RV]) -> Generator[Any, Any, _RV]:
        try:
            waits_for = next(gen)
            while True:
                ready = yield waits_for
                if not ready:
                    self.check()
                waits_for = gen.send(ready)
        except StopIteration as finished:
            result: _RV = finished.value
            return result

    @property
    def encoding(self) -> str:
        """The database's own, as PostgreSQL names it."""
        return self.info.parameter_status("server_encoding") or "UTF8"

    def check(self) -> None:
        """Raise Cancelled or Stalled where this session's time is over."""
        if self.stop is not None and self.stop.is_set():
            now = time.monotonic()
            self._stopped_at = self._stopped_at or now
            if now - self._stopped_at >= self.grace_s:
                raise Cancelled("the sync was stopped")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise Stalled(
                f"{self.server.name} did not answer in time",
                hint=f"see whether the server at {self.server.address} hangs or is overloaded",
            )

        if self._attend_every_s is not None and time.monotonic() > self._attend_at:
            self._attend_at = time.monotonic() + self._attend_every_s
            _check_at_work(self)

    @contextlib.contextmanager
    def attended(self, every_s: float) -> Iterator[None]:
        """Let the statements inside take as long as they need, as long as the server, asked
        over a second connection whenever it was silent for so long, says they still run."""
        self._attend_every_s, self._attend_at = every_s, time.monotonic() + every_s
        try:
            yield
        finally:
            self._attend_every_s = None

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound the statements inside; the inner bound wins when it is the nearer one."""
        outer = self.deadline
        mine = time.monotonic() + seconds
        self.deadline = mine if outer is None else min(outer, mine)
        try:
            yield
        finally:
            self.deadline = outer

    def abandon(self) -> None:
        """End whatever runs, without waiting for a server that may hang."""
        with contextlib.suppress(Exception):
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.cancel_safe(timeout=CANCEL_GRACE_S)
        with contextlib.suppress(Exception):
            self.close()


def _check_at_work(session: Session) -> None:
    """Raise Stalled where the server is gone, or knows nothing of the session's statement."""
    name = session.server.name
    hint = f"see whether the server at {session.server.address} hangs, or the network to it"
    try:
        with (
            contextlib.closing(open_session(_server_of(session), stop=session.stop)) as other,
            other.within(session.server.connect_timeout_s),
        ):
            row = other.execute(
                "SELECT FROM pg_stat_activity WHERE pid = %s AND state IN ('active', 'disabled')",
                [session.info.backend_pid],
            ).fetchone()
    except Cancelled:
        raise
    except (psycopg.Error, ElconsoleError) as error:
        if getattr(error, "sqlstate", None) == TOO_MANY_STATE:
            # It answers, if only that it takes no second connection.
            return
        raise Stalled(f"{name} does not answer any more: {error}", hint=hint) from error
    # An answer may have come while the question was on its way.
    if row is None and not _is_readable(session):
        raise Stalled(f"{name} lost the session that was at work", hint=hint)


def _server_of(session: Session) -> Server:
    """The very server of a session, which settings may name among several."""
    info = session.info
    address = {"host": info.host, "port": str(info.port)}
    if info.hostaddr:
        address["hostaddr"] = info.hostaddr
    server = session.server
    return replace(server, parameters={**server.parameters, **address})


def open_session(server: Server, *, stop: threading.Event | None = None) -> Session:
    """Connect and settle the session's settings; raises DatabaseUnavailable and its kin."""
    parameters: dict[str, Any] = {
        "fallback_application_name": "elconsole",
        **server.parameters,
        **CLIENT_PARAMETERS,
        "connect_timeout": max(1, round(server.connect_timeout_s)),
    }
    try:
        session = _connect(parameters, stop)
    except psycopg.Error as error:
        raise connection_error(error, server.name, server.role, server.address) from error
    session.server = server
    session.stop = stop
    try:
        with session.within(server.connect_timeout_s):
            _settle(session, server)
    except psycopg.Error as error:
        session.abandon()
        if stop is not None and stop.is_set():
            raise Cancelled("the sync was stopped") from None
        raise connection_error(error, server.name, server.role, server.address) from error
    except BaseException:
        session.abandon()
        raise
    return session


def _connect(parameters: Mapping[str, Any], stop: threading.Event | None) -> Session:
    """Connect; raises Cancelled as soon as the run is stopped.

    psycopg can't be interrupted while it connects, so with a stop flag it does so in a
    thread of its own, which is left behind with a server that does not answer."""
    if stop is None:
        return Session.connect(**parameters, autocommit=True, prepare_threshold=None)
    outcome: queue.SimpleQueue[Session | BaseException] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            session = Session.connect(**parameters, autocommit=True, prepare_threshold=None)
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            outcome.put(error)
            return
        outcome.put(session)
        if stop.is_set():
            session.abandon()

    threading.Thread(target=attempt, name="connect", daemon=True).start()
    while True:
        try:
            connected = outcome.get(timeout=STOP_POLL_S)
        except queue.Empty:
            if stop.is_set():
                raise Cancelled("the sync was stopped") from None
            continue
        if isinstance(connected, BaseException):
            raise connected
        return connected


def _settle(session: Session, server: Server) -> None:
    version = session.info.server_version
    if version < MINIMUM_VERSION[server.role]:
        raise ServerUnsupported(
            f"{server.name} runs PostgreSQL {version // 10000}; "
            f"a {server.role} needs {MINIMUM_VERSION[server.role] // 10000} or newer",
            hint="upgrade the server, or sync from a newer replica",
        )
    if session.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise ServerUnsupported(
            f"{server.name}: the database's encoding is SQL_ASCII, so its texts have no known"
            " encoding",
            hint="convert the database to UTF8 (dump it, create it with ENCODING UTF8, restore)",
        )
    wanted = {**COMMON_SETTINGS, **ROLE_SETTINGS[server.role]}
    wanted["idle_in_transaction_session_timeout"] = f"{round(server.idle_timeout_s * 1000)}ms"
    if version >= 140000:
        wanted["client_connection_check_interval"] = "500ms"
        wanted["idle_session_timeout"] = "0"
    if version >= 170000:
        wanted["transaction_timeout"] = "0"
    session.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[])"
        f" AS wanted (name, value) WHERE {UNLESS_REFUSED}",
        [list(wanted), list(wanted.values())],
    )


class Pool:
    """Sessions of one server, opened on demand and kept for the next user."""

    def __init__(self, server: Server, size: int) -> None:
        self.server = server
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._came_back = threading.Condition(self._lock)
        self._lent: list[int] = []
        """The threads that have a session, once for each."""
        self._size = size
        self._closed = False

    @contextlib.contextmanager
    def session(self, stop: threading.Event | None = None) -> Iterator[Session]:
        """Lend a session; one that comes back broken or mid-transaction is thrown away.

        Where the server takes no more connections, whoever has a stop flag waits for a
        session of this pool to come back."""
        session = self._lend(stop)
        session.stop = stop
        session.deadline = None
        try:
            try:
                yield session
            except BaseException:
                # It may hold an advisory lock or settings of what failed.
                session.abandon()
                raise
            self._give_back(session)
        finally:
            with self._lock:
                self._lent.remove(threading.get_ident())
                self._came_back.notify()

    def _lend(self, stop: threading.Event | None) -> Session:
        while True:
            try:
                session = self._take() or open_session(self.server, stop=stop)
            except ElconsoleError as error:
                full = error.sqlstate == TOO_MANY_STATE
                if not full or stop is None or not self._wait_for_another(stop):
                    raise
            else:
                with self._lock:
                    self._lent.append(threading.get_ident())
                return session

    def _wait_for_another(self, stop: threading.Event) -> bool:
        """Wait until a session came back; False where none will, or only this thread's own.

        The second one of a thread is not waited for: all may want one, and none give any."""
        with self._lock:
            while not self._idle:
                if not self._lent or threading.get_ident() in self._lent:
                    return False
                came_back = self._came_back.wait(STOP_POLL_S)
                if stop.is_set():
                    raise Cancelled("the sync was stopped")
                if came_back:
                    return True
        return True

    def _take(self) -> Session | None:
        with self._lock:
            while self._idle:
                session = self._idle.pop()
                if not session.closed and not _was_dropped(session):
                    return session
        return None

    def _give_back(self, session: Session) -> None:
        status = session.pgconn.transaction_status
        with self._lock:
            keep = (
                not self._closed
                and status == TransactionStatus.IDLE
                and len(self._idle) < self._size
            )
            if keep:
                session.stop = None
                self._idle.append(session)
        if not keep:
            session.abandon()

    def close(self) -> None:
        """Close the idle sessions; those on loan close when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.abandon()


@record(frozen=True, slots=True)
class Pools:
    """Every database of the settings, by name; the warehouse apart."""

    sources: Mapping[str, Pool]
    warehouse: Pool

    def close(self) -> None:
        for pool in (*self.sources.values(), self.warehouse):
            pool.close()


def _was_dropped(session: Session) -> bool:
    """Whether the server hung up meanwhile: an idle socket that is readable holds an EOF."""
    if not _is_readable(session):
        return False
    session.abandon()
    return True


def _is_readable(session: Session) -> bool:
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return bool(poll.poll(0))

"""Connections: how they are opened, bounded in time, and ended.

A `Session` is a psycopg connection of which every wait is bounded: by a deadline of its
own, and by the stop flag of the run that holds it. Sources are opened read-only.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import Row

from elconsole.core.errors import (
    Cancelled,
    ElconsoleError,
    ServerUnsupported,
    Stalled,
    TableTimeout,
)
from elconsole.engine.connect.answers import NotBelieved, believed, unexpected
from elconsole.engine.connect.inflow import ANSWER_BYTES, Inflow
from elconsole.engine.connect.options import are_refused, first_statement, with_options
from elconsole.engine.connect.parallel import host_begins
from elconsole.engine.connect.pooler import only_pid, refuse_shared, shared
from elconsole.engine.connect.server import CLIENT_PARAMETERS, MINIMUM_VERSION, Server
from elconsole.engine.connect.translate import TOO_MANY_STATE, connection_error, statement_error

_RV = TypeVar("_RV")

CATALOG_TIMEOUT_S = 30.0
"""For statements that only look something up or change catalogs."""
RESET_TIMEOUT_S = 1.0
"""How long a pooler's session is given to forget what we set."""
CANCEL_GRACE_S = 0.4
"""How long an abandoned session's server may take to hear of it."""
LOOK_EVERY_S = 0.5
"""How often a wait that is never in vain looks whether its time is up."""


class Answer(psycopg.Cursor[Row]):
    """A cursor whose results, where no values can be made of them, are an UnexpectedAnswer."""

    def fetchone(self) -> Row | None:
        with self._believed():
            return super().fetchone()

    def fetchall(self) -> list[Row]:
        with self._believed():
            return super().fetchall()

    def nextset(self) -> bool | None:
        with self._believed():
            return super().nextset()

    def _believed(self) -> contextlib.AbstractContextManager[None]:
        session = self._conn
        assert isinstance(session, Session)
        return believed(session.server.name)


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose waits end: at a deadline, or when the run is stopped."""

    server: Server
    server_pid: int = 0
    """The server's process, which a pooler's number for it is not."""
    is_pooled: bool = False
    """Whether a pooler lends this session to another program when it ends."""
    stop: threading.Event | None = None
    deadline: float | None = None
    grace_s: float = 0.0
    """How long a statement may go on after the run was stopped."""
    ends_at: float | None = None
    """When the time of the table that holds this session is up, on the monotonic clock."""
    answer_bytes: int = ANSWER_BYTES
    """The most that the answers to one message may have."""
    _stopped_at: float | None = None
    _attend_every_s: float | None = None
    _attend_at: float = 0.0

    def wait(self, gen: Generator[Any, Any, _RV], *args: Any, **kwargs: Any) -> _RV:
        return super().wait(self._watched(gen), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, _RV]) -> Generator[Any, Any, _RV]:
        inflow = Inflow(self.pgconn.socket)
        looked_at = time.monotonic()
        try:
            waits_for = next(gen)
            while True:
                ready = yield waits_for
                # Who never stops talking is ready at any time.
                if not ready or time.monotonic() - looked_at > LOOK_EVERY_S:
                    self.raise_if_over()
                    looked_at = time.monotonic()
                inflow.reading()
                # psycopg looks at what a statement returns before it hands over a row of it.
                with believed(self.server.name):
                    waits_for = gen.send(ready)
                inflow.read()
                inflow.require_bounded(self.server.name, self.answer_bytes)
        except StopIteration as finished:
            result: _RV = finished.value
            return result

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Session]:
        """psycopg's own, bounded: a server may talk before it lets anybody in, too."""
        host_begins()
        gen = super()._connect_gen(conninfo)
        try:
            waits_for = next(gen)
            inflow = Inflow(waits_for[0])
            while True:
                ready = yield waits_for
                inflow.reading()
                waits_for = gen.send(ready)
                inflow.read()
                inflow.require_bounded("the server")
        except StopIteration as finished:
            session: Session = finished.value
            session.cursor_factory = Answer
            # Nobody asked for what it says by itself; psycopg would keep it for ever.
            session.pgconn.notice_handler = session.pgconn.notify_handler = None
            return session

    @property
    def encoding(self) -> str:
        """The database's own, as PostgreSQL names it."""
        return self.info.parameter_status("server_encoding") or "UTF8"

    def raise_if_over(self) -> None:
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
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            raise TableTimeout(
                "the table took longer than its table_timeout",
                hint="nothing of it was published; raise table_timeout, or see what holds up"
                f" {self.server.name}",
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
    def answering(self, size: int) -> Iterator[None]:
        """Let the answers to each message inside have so many bytes."""
        usual, self.answer_bytes = self.answer_bytes, size
        try:
            yield
        finally:
            self.answer_bytes = usual

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

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Let psycopg's errors inside, and values that are not believed, leave as ours, in the
        name of this session's server."""
        try:
            yield
        except psycopg.Error as error:
            raise self.told(error) from error
        except NotBelieved as error:
            raise unexpected(self.server.name, error) from error

    def told(self, error: psycopg.Error) -> ElconsoleError:
        """An error of this session as ours."""
        return statement_error(error, self.server)

    def drain(self) -> bool:
        """Take what came in unasked, as much as libpq reads at once, and drop it. Whether a
        notification was among it."""
        self.pgconn.consume_input()
        return drop_notifications(self.pgconn)

    def is_readable(self) -> bool:
        """Whether something came in unasked: an idle session's end, most likely."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def lend_to(self, stop: threading.Event | None) -> None:
        """Begin anew for another user, whose stop flag this is."""
        self.stop, self.deadline, self.ends_at = stop, None, None
        self._stopped_at = self._attend_every_s = None

    def abandon(self) -> None:
        """End whatever runs, without waiting for a server that may hang."""
        with contextlib.suppress(Exception):
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.cancel_safe(timeout=CANCEL_GRACE_S)
        with contextlib.suppress(Exception):
            self.close()

    def close(self) -> None:
        """End the session; behind a pooler, leave it as it was found."""
        if self.is_pooled and self.pgconn.transaction_status == TransactionStatus.IDLE:
            self.lend_to(None)
            with contextlib.suppress(Exception), self.within(RESET_TIMEOUT_S):
                self.execute(b"DISCARD ALL")
        super().close()


def drop_notifications(connection: PGconn) -> bool:
    """Forget the notifications that libpq has read: it would keep them for ever. Whether
    there was one."""
    found = False
    while connection.notifies() is not None:
        found = True
    return found


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
                "SELECT FROM pg_catalog.pg_stat_activity"
                " WHERE pid = %s AND state IN ('active', 'disabled')",
                [session.server_pid],
            ).fetchone()
    except Cancelled:
        raise
    except (psycopg.Error, ElconsoleError) as error:
        if getattr(error, "sqlstate", None) == TOO_MANY_STATE:
            # It answers, if only that it takes no second connection.
            return
        raise Stalled(f"{name} does not answer any more: {error}", hint=hint) from error
    # An answer may have come while the question was on its way.
    if row is None and not session.is_readable():
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
    try:
        with believed(server.name):
            session = _connect_safely(server, stop)
    except psycopg.Error as error:
        raise connection_error(error, server) from error
    try:
        with session.within(server.connect_timeout_s):
            _settle(session, server)
    except psycopg.Error as error:
        session.abandon()
        if stop is not None and stop.is_set():
            raise Cancelled("the sync was stopped") from None
        raise connection_error(error, server) from error
    except BaseException:
        session.abandon()
        raise
    return session


def _connect_safely(server: Server, stop: threading.Event | None) -> Session:
    """Connect with the options that make the session safe; without them to a pooler that
    refuses any, where the first statement must do."""
    parameters: dict[str, Any] = {
        "fallback_application_name": "elconsole",
        **server.parameters,
        **CLIENT_PARAMETERS,
        "connect_timeout": max(1, round(server.connect_timeout_s)),
    }
    try:
        session = _connect(server, with_options(server, parameters), stop)
    except psycopg.Error as error:
        if not are_refused(server, error):
            raise
        session = _connect(server, parameters, stop)
    session.server, session.stop = server, stop
    return session


def _connect(
    server: Server, parameters: Mapping[str, Any], stop: threading.Event | None
) -> Session:
    def connect() -> Session:
        return Session.connect(**parameters, autocommit=True, prepare_threshold=None)

    return server.attempts.connect(parameters, connect, stop)


def _settle(session: Session, server: Server) -> None:
    version = session.info.server_version
    if version < MINIMUM_VERSION[server.role]:
        raise ServerUnsupported(
            f"{server.name} runs PostgreSQL {version // 10000}; "
            f"a {server.role} needs {MINIMUM_VERSION[server.role] // 10000} or newer",
            hint="upgrade the server, or sync from a newer replica"
            if server.role == "source"
            else "upgrade the server, or name a newer one in [warehouse]",
        )
    if session.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise ServerUnsupported(
            f"{server.name}: the database's encoding is SQL_ASCII, so its texts have no known"
            " encoding",
            hint="convert the database to UTF8 (dump it, create it with ENCODING UTF8, restore)",
        )
    claimed = session.info.backend_pid
    session.server_pid = _set(session, claimed)
    if session.server_pid != claimed:
        _settle_pooled(session)


def _settle_pooled(session: Session) -> None:
    """Settle a session that is behind a pooler; raises SharedConnection, and sets nothing,
    where the pooler shares it with others."""
    server = session.server

    @contextlib.contextmanager
    def another() -> Iterator[Session]:
        other = _connect_safely(_server_of(session), session.stop)
        try:
            other.deadline = session.deadline
            yield other
        finally:
            other.abandon()

    refuse_shared(server, session, another)
    if _set(session, session.server_pid) != session.server_pid:
        raise shared(server, "transaction")
    session.is_pooled = True


def _set(session: Session, pid: int) -> int:
    """Settle the session if `pid` answers; returns the process that did."""
    message = first_statement(session.server, session.info.server_version, pid)
    return only_pid(session.execute(message.encode()))

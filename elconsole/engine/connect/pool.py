"""Sessions kept for their next user, one pool a server.

Not psycopg_pool's: it connects in threads of its own, two or more a server, and so cannot
tell whoever waits why it could not. It asks a server that refuses twice, and raises
PoolTimeout when the time is up; replaces a session thrown away, wanted or not; lends again
one that came back in a transaction, with its advisory locks; and takes seconds to find out
that a server was restarted. `tests/engine/connect/test_psycopg_pool.py` shows each.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from psycopg.pq import TransactionStatus

from elconsole.core.errors import Cancelled, ElconsoleError
from elconsole.core.record import record
from elconsole.engine.connect.parallel import STOP_POLL_S
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.connect.translate import TOO_MANY_STATE


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

        psycopg's errors leave as ours, in the words of this pool's server: who uses the
        sessions of two at once puts `Session.translated` around the statements of each.
        Where the server takes no more connections, whoever has a stop flag waits for a
        session of this pool to come back."""
        session = self._lend(stop)
        session.lend_to(stop)
        try:
            try:
                with session.translated():
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
        while (session := self._pop()) is not None:
            # Of an idle session, the server's end is all there is to read.
            if not session.closed and not session.is_readable():
                return session
            session.abandon()
        return None

    def _pop(self) -> Session | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, session: Session) -> None:
        status = session.pgconn.transaction_status
        with self._lock:
            keep = (
                not self._closed
                and status == TransactionStatus.IDLE
                and len(self._idle) < self._size
            )
            if keep:
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

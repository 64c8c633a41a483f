"""The thread that carries a run to the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import psycopg

from elconsole.core.errors import ElconsoleError
from elconsole.core.results import TableRun
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.ledger import runs
from elconsole.engine.sync.recorder import LOG, RunBook

REPORT_EVERY_S = 1.0
REST_S = 0.2
WRITE_TIMEOUT_S = 10.0


class LedgerWriter:
    """Writes a run's progress about once a second, on a session that outlives trouble.

    Progress that can't be written stops nothing: the session is opened again, and the
    rows that count are written by the tables' own transactions."""

    def __init__(
        self, session: Session, server: Server, book: RunBook, run_id: str, run_number: int
    ) -> None:
        self.session = session
        self.server = server
        self.book = book
        self.run_id = run_id
        self.run_number = run_number
        self._wake = threading.Event()
        self._done = threading.Event()
        self._left_behind = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        self.book.take_turned()
        self._thread.start()

    def wake(self) -> None:
        """A table ended: write it without waiting for the next second."""
        self._wake.set()

    def finish(self, timeout_s: float) -> bool:
        """Write what is left; False where the warehouse did not answer in time."""
        self._done.set()
        self._wake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._left_behind.set()
        return not self._left_behind.is_set()

    def _run(self) -> None:
        while not self._done.is_set():
            self._wake.wait(REPORT_EVERY_S)
            self._wake.clear()
            self._write()
            # Many small tables that end in a row share a message.
            self._done.wait(REST_S)
        self._write()
        if self._left_behind.is_set():
            # Nobody else will: the session would show the run as alive for ever.
            self.session.abandon()

    def _write(self) -> None:
        changed = self.book.take_turned()
        if not changed:
            return
        for retry in (False, True):
            if self._attempt(lambda: self._write_tables(changed), reopen=retry):
                return
        self.book.put_back(changed)

    def _write_tables(self, changed: Sequence[TableRun]) -> None:
        runs.report_progress(self.session, self.run_id, changed)

    def _attempt(self, write: Callable[[], None], *, reopen: bool) -> bool:
        if self._left_behind.is_set():
            return False
        try:
            if reopen:
                self.session.abandon()
                self.session = open_session(self.server)
                runs.hold_run_lock(self.session, self.run_number)
            with self.session.within(WRITE_TIMEOUT_S):
                write()
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("run %s: progress could not be written: %s", self.run_number, error)
            return False
        return True

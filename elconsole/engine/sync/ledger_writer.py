"""The thread that carries a run's record to the ledger."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg

from elconsole.core.errors import ElconsoleError
from elconsole.core.results import TableRun
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.ledger import runs
from elconsole.engine.sync.recorder import Recorder

LOG = logging.getLogger("elconsole.engine")
REPORT_EVERY_S = 1.0
REST_S = 0.2
WRITE_TIMEOUT_S = 10.0


class LedgerWriter:
    """Writes a run's progress about once a second, on a session that outlives trouble.

    Progress that can't be written stops nothing: the session is opened again, and the
    rows that count are written by the tables' own transactions. What it writes is answered
    with who asked the run to stop; a notification tells while there is nothing to write."""

    def __init__(
        self,
        session: Session,
        server: Server,
        recorder: Recorder,
        on_cancel: Callable[[str], None],
    ) -> None:
        self.session = session
        self.server = server
        self.recorder = recorder
        self._on_cancel = on_cancel
        """Takes the name of who wants the run stopped."""
        self._called = threading.Event()
        self._done = threading.Event()
        self._left_behind = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        self._heed_calls()
        self._thread.start()

    def _heed_calls(self) -> None:
        """A notification may also come in with the answer to a statement."""
        self.session.pgconn.notify_handler = lambda _notification: self._called.set()

    def finish(self, timeout_s: float) -> bool:
        """Write what is left; False where the warehouse did not answer in time."""
        self._done.set()
        self.recorder.urgent.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._left_behind.set()
        return not self._left_behind.is_set()

    def _run(self) -> None:
        try:
            while not self._done.is_set():
                self.recorder.urgent.wait(REPORT_EVERY_S)
                self.recorder.urgent.clear()
                self._write()
                # Many small tables that end in a row share a message.
                self._done.wait(REST_S)
            self._write()
        finally:
            if self._left_behind.is_set():
                # Nobody else will: the session would show the run as alive for ever.
                self.session.abandon()

    def _write(self) -> None:
        called = self._is_called()
        changed = self.recorder.take_changed()
        if not (changed or called):
            return
        if not (self._attempt(changed) or self._attempt(changed, reopen=True)):
            self.recorder.put_back(changed)

    def _is_called(self) -> bool:
        """Whether the ledger should be asked, though anybody may have called."""
        called = self._called.is_set()
        self._called.clear()
        try:
            return self.session.drain() or called
        except psycopg.Error:
            # Found dead while there was nothing to write.
            return True

    def _attempt(self, changed: Sequence[TableRun], *, reopen: bool = False) -> bool:
        if self._left_behind.is_set():
            return False
        run = self.recorder.run
        try:
            if reopen:
                self._reopen(run.run_number or 0)
            with self.session.translated(), self.session.within(WRITE_TIMEOUT_S):
                asked_by = runs.report_progress(self.session, run.run_id, changed)
        except (psycopg.Error, ElconsoleError) as error:
            LOG.warning("run %s: progress could not be written: %s", run.run_number, error)
            return False
        if asked_by and not run.cancelled_by:
            self._on_cancel(asked_by)
        return True

    def _reopen(self, run_number: int) -> None:
        self.session.abandon()
        self.session = open_session(self.server)
        self._heed_calls()
        runs.hold_run_lock(self.session, run_number)

"""Following runs wherever they run: LISTEN on the warehouse, and a look every two seconds."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator

import psycopg
from psycopg import sql

from elconsole.api import RunDetail
from elconsole.engine import ledger
from elconsole.engine.faults import table_error
from elconsole.engine.pools import Server, Session, open_session
from elconsole.errors import Cancelled

POLL_EVERY_S = 2.0
TICK_S = 0.25
SETTLED_STATUSES = frozenset({"succeeded", "failed", "cancelled", "abandoned"})


def watch_runs(server: Server, stop: threading.Event) -> Iterator[RunDetail]:
    """Yield the newest run, then each run's state as it changes; see `api.Engine.watch`."""
    try:
        session = open_session(server, stop=stop)
    except Cancelled:
        return
    try:
        session.execute(sql.SQL("LISTEN {}").format(sql.Identifier(ledger.CHANNEL)))
        shown: dict[str, RunDetail] = {}
        while not stop.is_set():
            followed = [i for i, d in shown.items() if d.run.status not in SETTLED_STATUSES]
            for detail in ledger.read_newest(session, followed):
                if shown.get(detail.run.run_id) != detail:
                    shown[detail.run.run_id] = detail
                    yield detail
            _wait(session, stop)
    except Cancelled:
        return
    except psycopg.Error as error:
        raise table_error(error, "warehouse", "warehouse") from error
    finally:
        session.abandon()


def _wait(session: Session, stop: threading.Event) -> None:
    """Until a notification, two seconds, or the stop."""
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    waited = 0.0
    while waited < POLL_EVERY_S and not stop.is_set():
        if poll.poll(TICK_S * 1000):
            for _ in session.notifies(timeout=0):
                pass
            return
        waited += TICK_S

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
            for detail in ledger.read_newest(session, shown):
                if shown.get(detail.run.run_id) != detail:
                    shown[detail.run.run_id] = detail
                    yield detail
            shown = worth_keeping(shown)
            _wait(session, stop)
    except Cancelled:
        return
    except psycopg.Error as error:
        raise table_error(error, "warehouse", "warehouse") from error
    finally:
        session.abandon()


def worth_keeping(shown: dict[str, RunDetail]) -> dict[str, RunDetail]:
    """The runs that go on, and the newest: a console stays open for thousands of others."""
    newest = max((one.run.run_number or 0 for one in shown.values()), default=0)
    return {
        run_id: one
        for run_id, one in shown.items()
        if one.run.status not in ledger.SETTLED_STATUSES or one.run.run_number == newest
    }


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

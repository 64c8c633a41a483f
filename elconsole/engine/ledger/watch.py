"""Following runs wherever they run: LISTEN on the warehouse, and a look every two seconds."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator, Sequence

from psycopg import sql

from elconsole.core.errors import Cancelled
from elconsole.core.results import RunDetail, RunSummary
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.ledger import runs
from elconsole.engine.sql.names import CHANNEL

POLL_EVERY_S = 2.0
TICK_S = 0.25
SETTLED_STATUSES = frozenset({"succeeded", "failed", "cancelled", "abandoned"})


def watch_runs(server: Server, stop: threading.Event) -> Iterator[RunDetail]:
    """Yield the newest run, then each run's state as it changes; see `core.engine.Engine.watch`."""
    try:
        session = open_session(server, stop=stop)
    except Cancelled:
        return
    try:
        with session.translated():
            yield from _watch(session, stop)
    except Cancelled:
        return
    finally:
        session.abandon()


def _watch(session: Session, stop: threading.Event) -> Iterator[RunDetail]:
    session.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
    shown: dict[str, RunDetail] = {}
    done: RunSummary | None = None
    while not stop.is_set():
        going_on = [run_id for run_id, one in shown.items() if not _settled(one)]
        found = runs.read_newest(session, going_on, done)
        for detail in found:
            if shown.get(detail.run.run_id) != detail:
                yield detail
            elif _settled(detail):
                # Nothing came after its end: its tables need not be read again.
                done = detail.run
        shown = _worth_keeping(shown, found)
        _wait(session, stop)


def _settled(detail: RunDetail) -> bool:
    return detail.run.status in SETTLED_STATUSES


def _worth_keeping(shown: dict[str, RunDetail], found: Sequence[RunDetail]) -> dict[str, RunDetail]:
    """The runs that go on, and the newest, which is found last: a console stays open for
    thousands of others."""
    if not found:
        return shown
    known = shown | {one.run.run_id: one for one in found}
    return {i: one for i, one in known.items() if one is found[-1] or not _settled(one)}


def _wait(session: Session, stop: threading.Event) -> None:
    """Until a notification, two seconds, or the stop."""
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    waited = 0.0
    while waited < POLL_EVERY_S and not stop.is_set():
        if poll.poll(TICK_S * 1000):
            session.drain()
            return
        waited += TICK_S

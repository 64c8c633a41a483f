"""Whether a session has a server process of its own, or a pooler lends it one at a time.

A pooler hands out a process number of its own making, so a session whose number is not the
server's stands behind one, whatever product it is. Only such a session is probed: idle, it
must keep its process while others work. A pooler may be several processes that share a port,
so the question is put over several connections.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import psycopg

from elconsole.core.errors import SharedConnection, Stalled
from elconsole.engine.connect.server import Server

Connection = psycopg.Connection[tuple[Any, ...]]
Place = tuple[str, ...]

ROUNDS = 8
ASK = b"SELECT pg_catalog.pg_backend_pid()"
_KEPT: set[Place] = set()
"""Where each session was found to keep its process: not asked again."""


def refuse_shared(
    server: Server, session: Connection, another: Callable[[], AbstractContextManager[Connection]]
) -> None:
    """Raise SharedConnection where others may get an idle session's server process; sets
    nothing. `another` opens a further session to the same place."""
    place = _place_of(session)
    if place in _KEPT:
        return
    own = server_pid(session)
    for _ in range(ROUNDS):
        with another() as other:
            theirs = [_ask_second(other), _ask_in_transaction(server, other)]
            is_shared = own in theirs or server_pid(session) != own
            # A pooler would end the server's process with a transaction left open.
            other.execute(b"ROLLBACK")
        if is_shared:
            raise shared(server, "transaction")
    _KEPT.add(place)


def server_pid(session: Connection) -> int:
    """The process that answers, which is the session's own where it keeps one."""
    return only_pid(session.execute(ASK))


def only_pid(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
    """The first column of what the last statement of a message returned; 0, which no process
    has, where a server gave no number."""
    while cursor.nextset():
        pass
    return next((pid for pid, *_ in cursor.fetchall() if isinstance(pid, int)), 0)


def shared(server: Server, mode: Literal["transaction", "statement"]) -> SharedConnection:
    return SharedConnection(
        f"{server.name}: {server.address} is a pooler in {mode} mode (pool_mode = {mode}): it"
        " shares sessions with other programs, so locks would not hold and settings would stay"
        " behind in theirs",
        hint=f"connect {server.name} to the server itself, or to a port of the pooler in session"
        " mode (pool_mode = session)",
    )


def _ask_second(other: Connection) -> int:
    try:
        return server_pid(other)
    except (psycopg.OperationalError, Stalled) as error:
        raise psycopg.OperationalError(
            "the pooler in front of it gave no second session; give its pool more room"
            " (default_pool_size)"
        ) from error


def _ask_in_transaction(server: Server, other: Connection) -> int:
    try:
        return only_pid(other.execute(b"BEGIN; " + ASK))
    except psycopg.Error as error:
        # It answered a moment ago, and no server refuses BEGIN.
        raise shared(server, "statement") from error


def _place_of(session: Connection) -> Place:
    info = session.info
    return (info.host, info.hostaddr, str(info.port), info.dbname, info.user)

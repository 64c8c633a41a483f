"""Why the pool is our own: what psycopg's does in the same places, set up as well as its
options allow. A test that fails here takes a reason out of `connect/pool`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg_pool import ConnectionPool, PoolTimeout

from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session
from tests.engine.connect.listener import listening
from tests.postgres import Database
from tests.waiting import until

pytestmark = pytest.mark.integration

NAME = "psycopg_pool"
PATIENCE_S = 30.0


@contextlib.contextmanager
def pooled(parameters: dict[str, str], **options: Any) -> Iterator[ConnectionPool[Session]]:
    server = Server(NAME, "source", parameters, "here", 10.0)
    pool = ConnectionPool(
        connection_class=Session,
        kwargs={**parameters, "application_name": NAME, "autocommit": True},
        min_size=0,
        max_size=4,
        open=False,
        configure=lambda session: setattr(session, "server", server),
        check=_check,
        reconnect_timeout=0,
        num_workers=1,
        **options,
    )
    pool.open()
    try:
        yield pool
    finally:
        pool.close()


def _check(session: Session) -> None:
    """Without a round trip, as ours."""
    if session.is_readable():
        session.abandon()
        raise OSError("the server hung up")


def test_a_refusal_is_told_as_a_timeout_when_the_time_is_up(database: Database) -> None:
    nowhere = {**database.params, "dbname": "nowhere"}
    with pooled(nowhere) as pool, pytest.raises(PoolTimeout) as told:
        pool.getconn(timeout=0.5)
    assert "nowhere" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_server_that_refuses_is_asked_twice() -> None:
    with listening() as listener:
        given_up = threading.Event()
        with pooled(listener.parameters, reconnect_failed=lambda pool: given_up.set()) as pool:
            with pytest.raises(PoolTimeout):
                pool.getconn(timeout=0.1)
            assert given_up.wait(PATIENCE_S)
        assert listener.asked == 2


def test_threads_of_its_own_stay_while_it_is_open(database: Database) -> None:
    before = set(threading.enumerate())
    with pooled(database.params):
        assert len(set(threading.enumerate()) - before) == 2


def test_a_session_thrown_away_is_replaced_though_nobody_asks(database: Database) -> None:
    with pooled(database.params) as pool:
        session = pool.getconn()
        first = session.info.backend_pid
        session.abandon()
        pool.putconn(session)
        until(lambda: _backends(database) - {first})


def test_a_session_that_came_back_in_a_transaction_is_lent_again_with_its_locks(
    database: Database,
) -> None:
    with pooled(database.params) as pool:
        session = pool.getconn()
        session.execute("SELECT pg_advisory_lock(11)")
        session.execute("BEGIN")
        pool.putconn(session)
        assert pool.getconn() is session
        assert database.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
        pool.putconn(session)


@pytest.mark.slow
def test_after_a_restart_it_waits_and_opens_as_many_as_there_were(database: Database) -> None:
    """A server's end is seen session by session, each time with a longer pause."""
    with pooled(database.params) as pool:
        lent = [pool.getconn() for _ in range(3)]
        for session in lent:
            pool.putconn(session)
        before = _backends(database)
        _terminate(database)
        started = time.monotonic()
        pool.putconn(pool.getconn())
        assert time.monotonic() - started > 0.5
        until(lambda: len(_backends(database) - before) == len(before))


def _backends(database: Database) -> set[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    return {pid for (pid,) in database.sql(query, NAME)}


def _terminate(database: Database) -> None:
    database.sql(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = %s",
        NAME,
    )

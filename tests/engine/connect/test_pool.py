"""What only our pool does: `test_psycopg_pool` shows what psycopg's does in its place."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

import pytest

from elconsole.core.errors import (
    AccessRefused,
    Cancelled,
    DatabaseUnavailable,
    ElconsoleError,
    SourceUnavailable,
)
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.server import Server
from tests.engine.connect.listener import listening
from tests.postgres import Database, free_port

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
LONG_S = 300.0
"""Longer than the test may take: whoever waits for it has hung."""


def test_a_refusal_is_told_in_the_server_s_words(database: Database) -> None:
    pool = _pool({**database.params, "dbname": "nowhere"})
    with pytest.raises(AccessRefused) as refused, pool.session():
        pass
    assert str(refused.value) == (
        "plant: cannot connect to here: " + _libpq_words(refused.value.__cause__)
    )
    assert 'database "nowhere" does not exist' in str(refused.value)


def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    pool = _pool({"host": "127.0.0.1", "port": str(free_port())})
    with pytest.raises(SourceUnavailable, match="refused"), pool.session():
        pass


def test_a_server_that_hangs_up_is_asked_once() -> None:
    with listening() as listener:
        with pytest.raises(DatabaseUnavailable), _pool(listener.parameters).session():
            pass
        assert listener.asked == 1


def test_no_thread_stays_with_a_session_that_is_kept(pool: Pool) -> None:
    before = set(threading.enumerate())
    _use(pool)
    assert set(threading.enumerate()) <= before


def test_a_session_is_kept_for_the_next(pool: Pool) -> None:
    assert _use(pool) == _use(pool)


def test_no_more_are_kept_than_the_pool_may(pool: Pool) -> None:
    with pool.session() as one, pool.session() as two, pool.session() as three:
        lent = [one, two, three]
    assert sum(not session.closed for session in lent) == 2


def test_a_session_that_fails_is_thrown_away_and_not_replaced(pool: Pool) -> None:
    with contextlib.suppress(ZeroDivisionError), pool.session() as session:
        raise ZeroDivisionError
    assert session.closed
    assert not pool._idle


def test_a_session_that_comes_back_in_a_transaction_is_lent_no_more(pool: Pool) -> None:
    with pool.session() as session:
        session.execute("SELECT pg_advisory_lock(11)")
        session.execute("BEGIN")
    assert session.closed
    with pool.session() as other:
        assert other.execute("SELECT pg_try_advisory_lock(11)").fetchone() == (True,)


def test_a_session_whose_server_hung_up_is_not_lent(pool: Pool, database: Database) -> None:
    with pool.session() as one, pool.session() as two:
        lent = {one.info.backend_pid, two.info.backend_pid}
    database.sql("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s) AS pid", list(lent))
    assert _use(pool) not in lent
    assert len(pool._idle) == 1


def test_connecting_to_a_server_that_does_not_answer_ends_with_the_sync() -> None:
    stop = threading.Event()
    with listening(hangs=True) as listener:
        got = _in_thread(lambda: _use(_pool(listener.parameters, LONG_S), stop))
        with pytest.raises(queue.Empty):
            got.get(timeout=0.3)
        stop.set()
        assert isinstance(got.get(timeout=PATIENCE_S), Cancelled)


def test_a_statement_ends_with_the_sync(pool: Pool) -> None:
    stop = threading.Event()

    def sleep() -> None:
        with pool.session(stop) as session:
            threading.Timer(0.2, stop.set).start()
            session.execute("SELECT pg_sleep(%s)", [LONG_S])

    assert isinstance(_in_thread(sleep).get(timeout=PATIENCE_S), Cancelled)


def test_the_next_borrower_has_neither_stop_flag_nor_deadline_of_the_last(pool: Pool) -> None:
    stopped = threading.Event()
    with pool.session(stopped) as session:
        session.deadline = 0.0
    stopped.set()
    with pool.session() as again:
        assert again is session
        assert (again.stop, again.deadline) == (None, None)


def test_who_is_refused_a_connection_takes_the_next_that_comes_back(limited: Pool) -> None:
    with limited.session(threading.Event()) as first:
        backend = first.info.backend_pid
        got = _in_thread(lambda: _use(limited, threading.Event()))
        with pytest.raises(queue.Empty):
            got.get(timeout=0.5)
    assert got.get(timeout=PATIENCE_S) == backend


def test_a_second_connection_of_one_thread_is_refused_and_not_waited_for(limited: Pool) -> None:
    stop = threading.Event()
    with limited.session(stop), pytest.raises(ElconsoleError) as refused, limited.session(stop):
        pass
    assert refused.value.sqlstate == "53300"
    assert "workers" in str(refused.value.hint)


def test_who_has_no_stop_flag_does_not_wait_for_a_connection(limited: Pool) -> None:
    with limited.session():
        error = _in_thread(lambda: _use(limited)).get(timeout=PATIENCE_S)
    assert isinstance(error, SourceUnavailable)
    assert error.sqlstate == "53300"


def test_waiting_for_a_connection_ends_when_the_sync_is_stopped(limited: Pool) -> None:
    stop = threading.Event()
    with limited.session(threading.Event()):
        got = _in_thread(lambda: _use(limited, stop))
        stop.set()
        assert isinstance(got.get(timeout=PATIENCE_S), Cancelled)


def test_a_pool_that_closes_keeps_no_session(pool: Pool) -> None:
    with pool.session() as lent:
        with pool.session() as kept:
            pass
        pool.close()
        assert kept.closed
        assert not lent.closed
    assert lent.closed


def _pool(parameters: dict[str, str], connect_timeout_s: float = 10.0) -> Pool:
    return Pool(Server("plant", "source", parameters, "here", connect_timeout_s), 2)


def _use(pool: Pool, stop: threading.Event | None = None) -> int:
    """Borrow a session; its backend."""
    with pool.session(stop) as session:
        return session.info.backend_pid


def _libpq_words(error: BaseException | None) -> str:
    return " ".join(str(error).split())


def _in_thread(act: Callable[[], object]) -> queue.SimpleQueue[object]:
    """What the call returns or raises, once it does."""
    outcome: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(act())
        except ElconsoleError as error:
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome

"""Waiting beside daemon threads, which hold up no program's end, and leaving them behind.

Nothing can interrupt libpq while it computes what a server asked for. SCRAM lets a server name
up to 2^31 rounds of a hash (RFC 5802, 5.1): hours in one call, which no timeout of ours or of
psycopg's sees. So whoever wants a session waits beside it, and may go.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

import psycopg

from elconsole.core.errors import Cancelled

STOP_POLL_S = 0.1
"""How often a wait that nothing can interrupt looks at the stop flag."""
STOP_GRACE_S = 1.0
"""How long work that the run's stop should end may take to end."""
LOOKUP_S = 60.0
"""How long the names of a server's hosts may take; resolvers give up sooner."""
GRACE_S = 1.0
"""psycopg ends an attempt in time by itself wherever libpq lets it, and says more of it."""
THREAD = "connect"
_ADDRESS_KEYS = ("host", "hostaddr", "port", "service")
_HERE: ContextVar[Attempt[Any] | None] = ContextVar("attempt", default=None)


class LeftBehind(psycopg.OperationalError):
    """An attempt to connect did not end in time, and goes on with nobody waiting for it."""


class _Abandonable(Protocol):
    def abandon(self) -> None: ...


_T = TypeVar("_T")
_S = TypeVar("_S", bound=_Abandonable)


class Attempt(Generic[_S]):
    """What connects to one host after the other, and how long it may go on."""

    def __init__(self, connect: Callable[[], _S], host_s: float) -> None:
        self._connect = connect
        self._host_s = host_s
        self._ends_at = time.monotonic() + LOOKUP_S
        self._overdue = f"its name was not found in {LOOKUP_S:g} s"
        self._leaving = threading.Lock()
        # Wakes whoever waits sooner than the thread's own end, which `join` waits for.
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_wanted = True
        self._made: _S | None = None
        self._error: BaseException | None = None
        # A daemon, so that it holds up no program's end.
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_overdue(self) -> bool:
        """Whether it goes on after its time."""
        return self.is_alive and time.monotonic() > self._ends_at

    def host_begins(self) -> None:
        """From now on the next host has its time."""
        self._overdue = f"its log-in did not end in {self._host_s:g} s"
        self._ends_at = time.monotonic() + self._host_s + GRACE_S

    def result(self, stop: threading.Event | None) -> _S:
        """Begin it and wait: what it made. Raises what it raised, Cancelled as soon as the run
        is stopped, and LeftBehind when its time is over."""
        self._thread.start()
        while not self._ends_within(STOP_POLL_S):
            if stop is not None and stop.is_set() and self._is_left():
                raise Cancelled("the sync was stopped")
            if self.is_overdue and self._is_left():
                raise LeftBehind(self._overdue)
        if self._error is not None:
            raise self._error
        assert self._made is not None
        return self._made

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._ended.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def _run(self) -> None:
        _HERE.set(self)
        try:
            self._make()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._error = error
        self._ended.put(None)

    def _make(self) -> None:
        made = self._connect()
        with self._leaving:
            self._made = made
            if self._is_wanted:
                return
        made.abandon()

    def _is_left(self) -> bool:
        """Go; False where a session has just been made."""
        with self._leaving:
            self._is_wanted = self._made is not None
            return not self._is_wanted


class Attempts:
    """Connects, and remembers the attempts that were left behind, by their address.

    Each may keep a processor busy for hours, so an address is not asked again while one of its
    own goes on after its time."""

    def __init__(self) -> None:
        self._left: list[tuple[tuple[str | None, ...], Attempt[Any]]] = []
        self._lock = threading.Lock()

    def connect(
        self,
        parameters: Mapping[str, Any],
        connect: Callable[[], _S],
        stop: threading.Event | None,
    ) -> _S:
        """What `connect` makes of libpq's parameters; raises as `Attempt.result`."""
        address = tuple(parameters.get(key) for key in _ADDRESS_KEYS)
        if self._is_busy(address):
            raise LeftBehind("an earlier log-in has still not ended")
        # psycopg gives a host two seconds at least.
        attempt = Attempt(connect, max(2.0, parameters["connect_timeout"]))
        try:
            return attempt.result(stop)
        except (Cancelled, LeftBehind):
            with self._lock:
                self._left.append((address, attempt))
            raise

    def _is_busy(self, address: tuple[str | None, ...]) -> bool:
        with self._lock:
            self._left = [one for one in self._left if one[1].is_alive]
            return any(where == address and one.is_overdue for where, one in self._left)


def are_left() -> bool:
    """Whether an attempt of this process goes on."""
    return any(thread.name == THREAD for thread in threading.enumerate())


def host_begins() -> None:
    """Give the attempt of this thread, where it is one, the time of another host."""
    attempt = _HERE.get()
    if attempt is not None:
        attempt.host_begins()


def beside(
    work: Callable[[], _T], name: str, stop: threading.Event | None = None
) -> Callable[[], _T]:
    """Begin some work in a daemon thread; the function returned waits for what it returns,
    or raises what it raised: Cancelled where it goes on after the run was stopped."""
    values: queue.SimpleQueue[_T] = queue.SimpleQueue()
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            values.put(work())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            errors.append(error)
        done.set()

    def result() -> _T:
        while not done.wait(None if stop is None else STOP_POLL_S):
            if stop is not None and stop.is_set() and not done.wait(STOP_GRACE_S):
                raise Cancelled("the sync was stopped")
        if errors:
            raise errors[0]
        return values.get()

    threading.Thread(target=run, name=name, daemon=True).start()
    return result


def side_by_side(
    works: Iterable[Callable[[], _T]], name: str, stop: threading.Event | None = None
) -> list[_T]:
    """Do all of them at once; what they return, in their order. Raises as `beside`."""
    results = [beside(work, f"{name}-{number}", stop) for number, work in enumerate(works)]
    return [result() for result in results]

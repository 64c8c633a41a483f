"""Waiting for several servers at once, in threads that hold up no program's end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from elconsole.core.errors import Cancelled
from elconsole.engine.connect.attempt import STOP_POLL_S

_T = TypeVar("_T")
STOP_GRACE_S = 1.0
"""How long work that the run's stop should end may take to end."""


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

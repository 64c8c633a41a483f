"""Waiting for several servers at once, in threads that hold up no program's end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


def beside(work: Callable[[], _T], name: str) -> Callable[[], _T]:
    """Begin some work in a daemon thread; the function returned waits for what it returns,
    or raises what it raised."""
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
        done.wait()
        if errors:
            raise errors[0]
        return values.get()

    threading.Thread(target=run, name=name, daemon=True).start()
    return result


def side_by_side(works: Iterable[Callable[[], _T]], name: str) -> list[_T]:
    """Do all of them at once; what they return, in their order."""
    results = [beside(work, f"{name}-{number}") for number, work in enumerate(works)]
    return [result() for result in results]

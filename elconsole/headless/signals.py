"""Signals during a headless sync: the first stops cleanly, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from elconsole.core.engine import StopFlag
from elconsole.core.errors import EXIT_SIGINT, EXIT_SIGTERM

Result = TypeVar("Result")

HEARTBEAT_S = 0.5
"""Longest time that a signal may go unheard while the main thread waits."""

_CODES = {
    signal.SIGINT: EXIT_SIGINT,
    signal.SIGTERM: EXIT_SIGTERM,
    signal.SIGHUP: EXIT_SIGTERM,
}


class StopSignals:
    """What to do when a signal asks for the end; `exit_code` is None until one did."""

    def __init__(
        self,
        stop: StopFlag,
        *,
        interrupt: Callable[[], None],
        say: Callable[[str], None],
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        self.exit_code: int | None = None
        self._stop = stop
        self._interrupt = interrupt
        self._say = say
        self._leave = leave

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """The handler: quick, and safe at any moment of the main thread."""
        code = _CODES[signal.Signals(number)]
        if self.exit_code is not None:
            self._leave(code)
            return
        self.exit_code = code
        self._stop.set()
        # Writing and cancelling take locks that the interrupted thread may hold.
        threading.Thread(target=self._stop_cleanly, args=(number,), daemon=True).start()

    def _stop_cleanly(self, number: int) -> None:
        self._say(
            f"{signal.Signals(number).name} received: stopping, nothing stays half-loaded; "
            "once more to leave at once"
        )
        self._interrupt()


@contextmanager
def handled(handler: StopSignals) -> Iterator[None]:
    """Install `handler` for SIGINT, SIGTERM and SIGHUP; restore the old ones after.

    A SIGHUP that was ignored before (nohup) stays ignored. Off the main thread, where
    Python takes no handlers, nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [
        number
        for number in _CODES
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def stoppable(work: Callable[[], Result], handler: StopSignals) -> Result:
    """Run `work` in a thread of its own and wait, so that signals are heard at once
    whatever `work` is blocked in. Raises what `work` raises."""
    results: list[Result] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            failures.append(error)
        finally:
            done.set()

    with handled(handler):
        threading.Thread(target=run, name="sync", daemon=True).start()
        while not done.wait(HEARTBEAT_S):
            pass
    if failures:
        raise failures[0]
    return results[0]

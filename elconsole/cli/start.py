"""The program's start and end: signals before anything stands that could stop cleanly, and
Python's garbage collector.

While modules are imported a KeyboardInterrupt may end in a traceback, or be swallowed by
Python; there is nothing to clean up yet, so the process leaves at once, with the signal's code.

Imports make some hundred thousand objects and hardly any garbage. Looking through them
again and again, and once more at exit, takes a fifth of a short sync's time."""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

_NUMBERS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


def leave_at_once() -> None:
    """Let signals end the process, with the code that their name promises, from here on.

    What was ignored (nohup, a shell's background) stays ignored.
    """
    for number in _NUMBERS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


def interrupt_again() -> None:
    """SIGINT raises KeyboardInterrupt again, for a command with something to tell or to end."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(_NUMBERS[signal.Signals(number)])


def collect_nothing() -> None:
    """Collect nothing until `collect_again`."""
    gc.disable()


def collect_again() -> None:
    """Collect as usual from here on, but for what exists already. Harmless if repeated."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def leave_garbage() -> None:
    """The process ends: spare it a last look through everything."""
    gc.disable()
    gc.freeze()

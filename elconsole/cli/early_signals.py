"""Signals before anything stands that could stop cleanly: the process ends with their code.

While modules are imported a KeyboardInterrupt may end in a traceback, or be swallowed by
Python; there is nothing to clean up yet, so the process leaves at once.
"""

from __future__ import annotations

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

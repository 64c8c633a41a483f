"""Signals that would end the program without restoring the terminal."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

ENDING = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT")


class SignalTrap:
    """Turns ending signals into an orderly end with exit code 128 + number."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def set(self) -> None:
        """Take the signals; only the main thread can."""
        if threading.current_thread() is not threading.main_thread() or self._app.is_headless:
            return
        loop = asyncio.get_running_loop()
        for name in ENDING:
            number = getattr(signal, name, None)
            if number is not None:
                loop.add_signal_handler(number, self._end, int(number))

    def _end(self, number: int) -> None:
        self._app.exit(return_code=128 + number)

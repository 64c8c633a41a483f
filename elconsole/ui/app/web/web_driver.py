"""The console's side of the pipes to `serve`, which end the console when they break."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from textual.drivers.web_driver import WebDriver


class ServedDriver(WebDriver):
    """Textual's driver for the web, whose console does not outlive its server."""

    def run_input_thread(self) -> None:
        """Read what the browser sends; the end of that, unasked, is the server's death."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            os.kill(os.getpid(), signal.SIGHUP)

    def write(self, data: str) -> None:
        """Write to the browser, if there is still someone who passes it on."""
        with suppress(BrokenPipeError):
            super().write(data)

    def write_meta(self, data: dict[str, object]) -> None:
        """Tell the server something, if it is still there."""
        with suppress(BrokenPipeError):
            super().write_meta(data)

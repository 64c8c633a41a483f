"""A page in a browser: the process of its console, and the end of it."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

DRIVER = "elconsole.ui.app.web.web_driver:ServedDriver"
GRACE_S = 1.2
"""How long a console may take to cancel its sync and end; then it is killed."""
FAREWELL_S = 0.2
"""How long what a console or a browser said last may take to arrive."""


class Page(AppService):  # type: ignore[misc, unused-ignore]
    """A console in a process of its own, which lives as long as the browser's page."""

    def __init__(
        self, command: Sequence[str], socket: web.WebSocketResponse, downloads: DownloadManager
    ) -> None:
        super().__init__(
            "",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=self._hang_up,
            download_manager=downloads,
        )
        self._arguments = tuple(command)
        self._socket = socket
        self._ending = asyncio.Lock()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        # No shell, and a group of its own that can be killed as a whole.
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height) | {"TEXTUAL_DRIVER": DRIVER},
            start_new_session=True,
        )
        assert process.stdin is not None
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Pass on what the console paints; the page closes when the console has ended."""
        await super().run()
        await self.remote_close()

    async def stop(self) -> None:
        """End the console, which does not wait for its browser; may be called again."""
        if self._process is None:
            return
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        if self._task is not None:
            self._task.cancel()
        async with self._ending:
            await _end(self._process)

    async def leave(self) -> None:
        """End the console and the page, since the server ends."""
        await asyncio.gather(self.stop(), self._hang_up())

    async def _hang_up(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._socket.close(code=WSCloseCode.GOING_AWAY), FAREWELL_S)


async def _end(process: Process) -> None:
    """End a process: asked first, then, with its whole group, killed."""
    # Not Process.terminate, which may take the exit status from under asyncio.
    for kill, number, seconds in (
        (os.kill, signal.SIGTERM, GRACE_S),
        (os.killpg, signal.SIGKILL, FAREWELL_S),
    ):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            kill(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)

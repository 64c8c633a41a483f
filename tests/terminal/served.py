"""A running `elconsole serve`, and a browser's part of talking to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.conftest import REPOSITORY
from tests.postgres import free_port
from tests.terminal.screen import PATIENCE_S

_ADDRESS = re.compile(r"(http://\S+)/\?token=(\S+)")


@dataclass(frozen=True, slots=True)
class Ended:
    """What was left of a server."""

    code: int
    seconds: float
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Served:
    """A server that takes connections."""

    process: subprocess.Popen[str]
    port: int
    told: str
    """The line with the address."""

    @property
    def origin(self) -> str:
        """Its address without a key."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The key in the printed address."""
        found = _ADDRESS.search(self.told)
        assert found is not None, self.told
        return found[2]

    @property
    def address(self) -> str:
        """The printed address."""
        return f"{self.origin}/?token={self.token}"

    def consoles(self) -> set[int]:
        """The processes of its pages."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return {int(pid) for pid in listed.stdout.split()}

    def end(self, number: signal.Signals) -> Ended:
        """Send it a signal, and wait."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        seconds = time.monotonic() - started
        return Ended(self.process.returncode, seconds, *self.process.communicate(timeout=5))


@contextlib.contextmanager
def serving(*options: str, after: Sequence[str] = ()) -> Iterator[Served]:
    """`elconsole serve` with global options and, `after` its name, its own; killed at the end
    if it still runs."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "elconsole", *options, "serve", "--port", str(port), *after],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True,
    )
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        while told and not _ADDRESS.search(told):
            told = process.stderr.readline()
        yield Served(process, port, told)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextlib.asynccontextmanager
async def visiting() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without a cookie."""
    jar = aiohttp.CookieJar(unsafe=True)  # keeps those of an IP address, as browsers do
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


async def enter(session: aiohttp.ClientSession, served: Served) -> str:
    """Open the printed address; that of the page, where it leads to."""
    async with session.get(served.address) as response:
        assert response.status == 200
        return str(response.url)


def socket_of(page: str) -> str:
    """The address of a page's WebSocket."""
    return page.replace("http:", "ws:").rstrip("/") + "/ws?width=100&height=30"


async def open_console(
    session: aiohttp.ClientSession, served: Served, page: str
) -> aiohttp.ClientWebSocketResponse:
    """A page's console."""
    return await session.ws_connect(socket_of(page), origin=served.origin)


async def paints(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    """Wait for the first picture."""
    painted = b""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            painted += message.data
        if len(painted) > 2000:
            break
    return painted

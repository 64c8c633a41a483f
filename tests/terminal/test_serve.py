"""The dashboard in a browser: who may reach it, and that it is the same dashboard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from elconsole.ui.app.web.visitors import is_loopback, private_place
from tests.conftest import RunCli
from tests.postgres import Factory, free_port
from tests.terminal.screen import PATIENCE_S
from tests.terminal.served import Served, enter, serving, visiting
from tests.waiting import until

pytestmark = pytest.mark.integration

ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=]*[A-Za-z]")


@pytest.fixture
def served(factory: Factory) -> Iterator[Served]:
    """A running `elconsole serve` on the pen plant."""
    text = ['name = "pen plant"']
    for name in (*factory.sources, "warehouse"):
        text.append("[warehouse]" if name == "warehouse" else f"[sources.{name}]")
        text += [f"{key} = {json.dumps(value)}" for key, value in factory.connection(name).items()]
    Path("elconsole.toml").write_text("\n".join(text))
    with serving() as running:
        assert f"{running.origin}/?token=" in running.told
        yield running
        ended = running.end(signal.SIGINT)
    assert (ended.code, ended.stdout) == (130, ""), ended.stderr


async def answer(session: aiohttp.ClientSession, url: str) -> str:
    """The text; asks again while nobody listens yet."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with session.get(url) as response:
                    return await response.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with visiting() as opened:
        yield opened


async def test_a_browser_gets_the_page_and_the_console(
    served: Served, session: aiohttp.ClientSession
) -> None:
    page = await enter(session, served)
    address = f"{page.replace('http:', 'ws:')}ws"
    assert address in await answer(session, page)
    painted = b""
    async with (
        asyncio.timeout(PATIENCE_S),
        session.ws_connect(f"{address}?width=120&height=40", origin=served.origin) as socket,
    ):
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                painted += message.data
            if b"all healthy" in ESCAPES.sub(b"", painted):
                break
        await socket.send_str(json.dumps(["stdin", "s"]))
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                painted += message.data
            if b"350 rows" in ESCAPES.sub(b"", painted):
                break
    assert b"pen plant" in painted


def test_only_this_machine_is_listened_to(served: Served) -> None:
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("needs /proc/net/tcp to see what is listened on")
    wanted = f":{served.port:04X}"

    def heard_at() -> set[str]:
        fields = [line.split() for line in listening.read_text().splitlines()[1:]]
        return {f[1].split(":")[0] for f in fields if f[1].endswith(wanted) and f[3] == "0A"}

    until(heard_at, "the server listens")
    assert heard_at() == {"0100007F"}
    everywhere = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
    assert wanted not in {
        ":" + line.split()[1].split(":")[1] for line in everywhere.splitlines()[1:]
    }


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_a_public_address_is_refused_without_the_flag(run_cli: RunCli, host: str) -> None:
    refused = run_cli("serve", "--host", host)
    assert refused.returncode == 2
    assert host in refused.stderr
    assert "--public" in refused.stderr


def test_a_taken_port_is_told(run_cli: RunCli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run_cli("serve", "--port", port)
    assert refused.returncode == 2
    assert port in refused.stderr
    assert "another --port" in refused.stderr
    assert "token" not in refused.stderr


def test_loopback_addresses_are_known() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.evil"))
    assert "[::1]:8000" in private_place("::1", None, 8000).names


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A page in headless Chromium, driven over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._number:
                if "error" in message:
                    raise LookupError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result

    async def evaluate(self, script: str) -> Any:
        answered = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answered["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until it is true, also over the loading of another page."""
        true = False
        while not true:
            with contextlib.suppress(LookupError):
                true = await self.evaluate(script)
            await asyncio.sleep(0.05)

    async def press(self, key: str) -> None:
        await self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        return base64.b64decode((await self.ask("Page.captureScreenshot"))["data"])


@pytest.fixture
async def browser(
    served: Served, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Browser]:
    """Chromium on the served console."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1280,900",
        f"--remote-debugging-port={port}",
        f"http://localhost:{served.port}/?token={served.token}&fontsize=14",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            pages: list[dict[str, str]] = []
            while not pages:
                text = await answer(session, f"http://127.0.0.1:{port}/json")
                pages = [page for page in json.loads(text) if str(served.port) in page["url"]]
        address = pages[0]["webSocketDebuggerUrl"]
        async with session.ws_connect(address, max_msg_size=0) as socket:
            yield Browser(socket)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
async def test_chromium_shows_the_console_and_its_keys_work(
    factory: Factory, browser: Browser, tmp_path: Path
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await browser.until("document.body.classList.contains('-first-byte')")
        started = False
        while not started:
            await browser.evaluate("document.querySelector('textarea').focus()")
            await browser.press("s")
            await asyncio.sleep(0.2)
            started = bool(factory.warehouse.scalar("SELECT to_regclass('elconsole.runs')"))
        while "succeeded" not in {
            row[0] for row in factory.warehouse.sql("SELECT status FROM elconsole.runs")
        }:
            await asyncio.sleep(0.05)
    picture = await browser.picture()
    assert len(picture) > 30_000, "a page full of text takes more than that"
    (tmp_path / "console.png").write_bytes(picture)
    assert "token" not in await browser.evaluate("location.href + document.referrer")
    requested = await browser.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.transferSize > 0)"
        ".map(e => new URL(e.name).hostname).join()"
    )
    assert set(requested.split(",")) <= {"localhost"}

"""Only whoever has the URL may type: other users of this machine, other pages, other names."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from elconsole.ui.app.web.server import MOST_PAGES
from elconsole.ui.app.web.visitors import fits
from tests.conftest import RunCli
from tests.terminal.screen import PATIENCE_S
from tests.terminal.served import (
    Served,
    alive,
    enter,
    open_console,
    paints,
    serving,
    socket_of,
    visiting,
)

pytestmark = [pytest.mark.faults, pytest.mark.integration]

PROMPT_S = 2.0


@pytest.fixture
def silent_plant() -> Iterator[None]:
    """Settings whose servers take connections and never say a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        place = f'host = "127.0.0.1"\nport = {listener.getsockname()[1]}\nuser = "u"\ndbname = "d"'
        Path("elconsole.toml").write_text(f"[warehouse]\n{place}\n[sources.refills]\n{place}\n")
        yield


@pytest.fixture
def served(silent_plant: None) -> Iterator[Served]:
    """A running server."""
    with serving() as running:
        yield running


@pytest.fixture
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody without the address."""
    async with visiting() as session:
        yield session


@pytest.fixture
async def visitor() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody with the address."""
    async with visiting() as session:
        yield session


async def status(session: aiohttp.ClientSession, url: str, **headers: str) -> int:
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return response.status


async def handshake(session: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """The status with which a WebSocket is refused; 101 where it is not."""
    try:
        async with session.ws_connect(url, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.02)


# Who


async def test_without_the_token_nothing_opens(
    served: Served, stranger: aiohttp.ClientSession, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    wrong = secrets.token_urlsafe(32)
    for place in (
        "/",
        f"/?token={wrong}",
        "/?token=",
        "/?token=%ff",
        "/ws",
        "/static/js/textual.js",
    ):
        assert await status(stranger, served.origin + place) == 403, place
    for url in (page, f"{page}static/js/textual.js", f"{served.origin}/download/{wrong}"):
        assert await status(stranger, url) == 403, url
        cookie = f"elconsole-{served.port}={wrong}"
        assert await status(stranger, url, Cookie=cookie) == 403, url
    for url in (f"{served.origin}/ws", socket_of(page), f"{socket_of(page)}&token={served.token}"):
        assert await handshake(stranger, url, Origin=served.origin) == 403, url
    assert served.consoles() == set()
    assert await handshake(visitor, socket_of(page), Origin=served.origin) == 101


async def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_never_get(
    served: Served, stranger: aiohttp.ClientSession
) -> None:
    async with stranger.get(f"{served.address}&fontsize=9", allow_redirects=False) as response:
        assert response.status == 303
        cookie = response.cookies[f"elconsole-{served.port}"]
        assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Strict", "")
        assert re.fullmatch(r"/[\w-]{40,}/\?fontsize=9", response.headers["Location"])
        assert served.token not in response.headers["Location"] + cookie.value
        assert not cookie["secure"]
    proxied = {"X-Forwarded-Proto": "https"}
    async with stranger.get(served.address, allow_redirects=False, headers=proxied) as response:
        assert response.cookies[f"elconsole-{served.port}"]["secure"]


async def test_the_cookie_alone_which_every_port_of_the_host_is_sent_opens_nothing(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    await enter(visitor, served)
    (cookie,) = _cookies(visitor, served)
    for place in ("/", f"/?token={cookie}"):
        assert await status(visitor, served.origin + place) == 403, place
    for place in ("/ws", f"/{cookie}/ws", f"/{served.token}/ws"):
        assert await handshake(visitor, served.origin + place, Origin=served.origin) == 404, place


def _cookies(visitor: aiohttp.ClientSession, served: Served) -> list[str]:
    jar = visitor.cookie_jar.filter_cookies(URL(served.origin))
    return [cookie.value for cookie in jar.values()]


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(secrets, "compare_digest", compare)
    assert fits("key", "key")
    assert not fits("kex", "key")
    assert not fits("\udcff", "key")
    assert not fits(None, "key")
    assert len(compared) == 3


async def test_the_keys_stand_in_no_process_list_environment_or_file(
    silent_plant: None, home: Path, visitor: aiohttp.ClientSession
) -> None:
    with serving("-v", "--log-file", "serve.log") as served:
        page = await enter(visitor, served)
        console = await open_console(visitor, served, page)
        await paints(console)
        path = page.rstrip("/").rsplit("/")[-1]
        keys = [served.token, path, *_cookies(visitor, served)]
        assert len(keys) == 3
        assert served.origin in Path("serve.log").read_text()
        for place in (*Path("/proc").glob("[0-9]*/cmdline"), *home.rglob("*"), *_environs(served)):
            content = _content(place)
            assert not any(key.encode() in content for key in keys), place
    assert served.told.count(served.token) == 1


def _environs(served: Served) -> Iterator[Path]:
    pids = {served.process.pid, *served.consoles()}
    assert len(pids) == 2
    return (Path(f"/proc/{pid}/environ") for pid in pids)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except (FileNotFoundError, ProcessLookupError):
        return b""


# From where


async def test_foreign_names_are_refused(served: Served, stranger: aiohttp.ClientSession) -> None:
    port = served.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert await status(stranger, served.address, Host=host) == 303, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1:{port + 1}",
        "127.0.0.1",
        f"localhost.:{port}",
        f"127.0.0.1:{port}.evil.example",
        f"0.0.0.0:{port}",
        "",
    ):
        assert await status(stranger, served.address, Host=host) == 403, host
    own = f"Host: 127.0.0.1:{port}\r\n"
    path = f"GET /?token={served.token} HTTP/1."
    assert _raw(served, f"{path}1\r\n{own}\r\n").startswith(b"HTTP/1.1 303")
    assert _raw(served, f"{path}0\r\n\r\n").startswith(b"HTTP/1.0 403")
    for two in (f"{own}Host: evil.example\r\n", f"Host: evil.example\r\n{own}"):
        assert b" 303 " not in _raw(served, f"{path}1\r\n{two}\r\n"), two


def _raw(served: Served, request: str) -> bytes:
    """The first bytes of an answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as connection:
        connection.sendall(request.encode("latin-1"))
        return connection.recv(4096)


async def test_foreign_pages_are_refused_and_no_origin_is_no_pass(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    port = served.port
    foreign = (
        "null",
        "",
        "http://evil.example",
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://localhost:{port}",
        f"ftp://127.0.0.1:{port}",
        f"http://evil@127.0.0.1:{port}",
    )
    for origin in foreign:
        assert await handshake(visitor, socket_of(page), Origin=origin) == 403, origin
        assert await status(visitor, page, Origin=origin) == 403, origin
    assert await handshake(visitor, socket_of(page)) == 403
    assert served.consoles() == set()
    assert await handshake(visitor, socket_of(page), Origin=served.origin) == 101


async def test_a_download_is_for_its_browser_alone(
    served: Served, visitor: aiohttp.ClientSession, stranger: aiohttp.ClientSession
) -> None:
    console = await open_console(visitor, served, await enter(visitor, served))
    await paints(console)
    for keys in ("\x10", "Screenshot", "\r"):
        await console.send_str(json.dumps(["stdin", keys]))
        await asyncio.sleep(1)
    message = await console.receive(PATIENCE_S)
    while message.type is not aiohttp.WSMsgType.TEXT:
        message = await console.receive(PATIENCE_S)
    kind, key = json.loads(message.data)
    assert kind == "deliver_file_start"
    download = f"{served.origin}/download/{key}"
    assert await status(stranger, download) == 403
    async with visitor.get(download) as response:
        assert response.status == 200
        assert (await response.text()).startswith("<svg")


async def test_no_answer_is_kept_framed_or_told_elsewhere(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    for url in (served.origin, page, f"{page}static/js/textual.js", f"{served.origin}/download/x"):
        async with visitor.get(url) as response:
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["X-Frame-Options"] == "DENY"
            policy = response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy
            assert ("sandbox" in policy) == ("/download/" in url)


@pytest.mark.parametrize("host", [(), ("--host", "0.0.0.0"), ("--host", "::"), ("--host", "::1")])
def test_a_public_server_needs_a_name(run_cli: RunCli, host: tuple[str, ...]) -> None:
    refused = run_cli("serve", "--public", *host)
    assert refused.returncode == 2
    assert "--host NAME" in refused.stderr


async def test_a_public_server_answers_to_its_name_alone(
    silent_plant: None, stranger: aiohttp.ClientSession
) -> None:
    options = ("--public", "--host", "Console.Example", "--listen", "127.0.0.1")
    with serving(after=options) as served:
        name = f"console.example:{served.port}"
        for host in (name, "console.example"):
            assert await status(stranger, served.address, Host=host) == 303
        assert await status(stranger, served.address) == 403
        assert await status(stranger, served.address, Host=f"localhost:{served.port}") == 403
        async with stranger.get(
            served.address, headers={"Host": name}, allow_redirects=False
        ) as entered:
            cookie = entered.cookies[f"elconsole-{served.port}"].value
            page = f"{served.origin}{entered.headers['Location']}ws"
        mine = {"Host": "console.example", "Cookie": f"elconsole-{served.port}={cookie}"}
        for origin in (f"https://{name}", "http://evil.example", served.origin):
            assert await handshake(stranger, page, Origin=origin, **mine) == 403, origin
        assert await handshake(stranger, page, Origin="https://console.example", **mine) == 101


# What is started, and its end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_signal_ends_the_server_with_its_pages(
    served: Served, visitor: aiohttp.ClientSession, number: signal.Signals, code: int
) -> None:
    page = await enter(visitor, served)
    first, second = [await open_console(visitor, served, page) for _ in range(2)]
    await asyncio.gather(paints(first), paints(second))
    await first.send_str(json.dumps(["stdin", "s"]))
    consoles = served.consoles()
    assert len(consoles) == 2
    os.kill(max(consoles), signal.SIGSTOP)
    ended = await asyncio.to_thread(served.end, number)
    assert (ended.code, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr
    assert ended.seconds < PROMPT_S
    assert not any(map(alive, consoles))


async def test_no_console_outlives_a_killed_server(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    await paints(await open_console(visitor, served, page))
    consoles = served.consoles()
    assert len(consoles) == 1
    served.end(signal.SIGKILL)
    await until(lambda: not any(map(alive, consoles)))
    assert not list(Path.home().rglob("crash-*"))


async def test_a_console_ends_when_its_browser_leaves(served: Served) -> None:
    async with visiting() as visitor:
        await paints(await open_console(visitor, served, await enter(visitor, served)))
        assert len(served.consoles()) == 1
    await until(lambda: not served.consoles())


async def test_a_page_closes_when_its_console_has_died(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    console = await open_console(visitor, served, await enter(visitor, served))
    await paints(console)
    os.kill(served.consoles().pop(), signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        async for _ in console:
            pass
    assert console.closed


async def test_only_so_many_pages_are_open_at_once(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    opened = [await open_console(visitor, served, page) for _ in range(MOST_PAGES)]
    assert await handshake(visitor, socket_of(page), Origin=served.origin) == 503
    assert await status(visitor, page) == 503
    assert len(served.consoles()) == MOST_PAGES
    await opened[0].close()
    await until(lambda: len(served.consoles()) < MOST_PAGES)
    # The server hears of its page's end a moment later.
    async with asyncio.timeout(10):
        while await status(visitor, page) != 200:
            await asyncio.sleep(0.05)


async def test_no_word_of_the_command_line_is_read_by_a_shell(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    odd = Path("a 'b\" $(touch owned) ; touch owned #.toml")
    odd.write_bytes(Path("elconsole.toml").read_bytes())
    with serving("-c", str(odd)) as other:
        await paints(await open_console(visitor, other, await enter(visitor, other)))
        command = Path(f"/proc/{other.consoles().pop()}/cmdline").read_bytes().split(b"\0")
    assert str(odd.absolute()).encode() in command
    assert not Path("owned").exists()


async def test_a_served_console_is_not_imported_from_the_working_folder(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    for module in ("elconsole", "textual"):
        Path(module).mkdir()
        Path(module, "__init__.py").write_text("open('owned', 'w'); raise SystemExit")
    console = await open_console(visitor, served, await enter(visitor, served))
    assert len(await paints(console)) > 2000
    assert not Path("owned").exists()


async def test_nonsense_leaves_no_trace_and_no_console(
    served: Served, visitor: aiohttp.ClientSession
) -> None:
    page = await enter(visitor, served)
    for nonsense in ("{", "[]", "7", '["stdin", 7]', '["resize", {}]', '["resize", null]'):
        console = await open_console(visitor, served, page)
        await console.send_str(nonsense)
        message = await console.receive(PATIENCE_S)
        while message.type is aiohttp.WSMsgType.BINARY:
            message = await console.receive(PATIENCE_S)
        assert message.type is aiohttp.WSMsgType.CLOSE
    for request in (
        "\x16\x03\x01",
        "GET /\x1b]0;mine\x07 HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\x1b: b\nforged: c\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x{'y' * 9000}\r\n\r\n",
    ):
        assert _raw(served, request).startswith(b"HTTP/1.") or _raw(served, request) == b""
    await until(lambda: not served.consoles())
    ended = served.end(signal.SIGTERM)
    assert (ended.stdout, ended.stderr) == ("", "")

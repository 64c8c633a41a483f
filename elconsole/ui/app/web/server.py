"""The dashboard in a browser: textual-serve's server behind a door of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError
from textual_serve.server import Server, to_int

from elconsole.core.errors import UsageError
from elconsole.ui.app.web.pages import FAREWELL_S, Page
from elconsole.ui.app.web.visitors import Keys, Place, asks_by_name, fits

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_PAGES = 8
"""How many pages may be open at once: each is a process with connections of its own."""
HEARTBEAT_S = 15
"""How often a browser is asked whether it is still there."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NONSENSE = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What reading a message that no page of ours sends may raise."""

NO_KEY = "This console opens by the address that `elconsole serve` printed at its start."
FULL = f"{MOST_PAGES} pages of this console are open: close one of them first."


def content_policy(request: web.Request) -> str:
    """What a page may load: only its own, so that no firewall delays it and no foreign
    server learns of it; and no other page may frame it (Content Security Policy 3).
    A downloaded file, whatever is in it, is no page of ours."""
    if request.path.startswith("/download/"):
        return "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
    own, host = "'self' 'unsafe-inline'", request.host
    return (
        f"default-src 'self'; script-src {own}; style-src {own}; img-src 'self' data:;"
        f" connect-src 'self' ws://{host} wss://{host};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class ConsoleServer(Server):  # type: ignore[misc, unused-ignore]
    """textual-serve's server, for those who have its keys."""

    def __init__(self, command: Sequence[str], place: Place, keys: Keys) -> None:
        super().__init__("", place.listen, place.port, title="elconsole", public_url=place.url)
        self._arguments = tuple(command)
        self._place = place
        self._keys = keys
        self._cookie = f"elconsole-{place.port}"
        self._pages: set[Page] = set()

    def run(self, tell: Callable[[], None]) -> int:
        """Serve until a signal ends it; its number. `tell` is called once browsers may come.

        Raises UsageError where the address can't be listened on."""
        return asyncio.run(self._run(tell))

    async def _run(self, tell: Callable[[], None]) -> int:
        ended = _ending_signal()
        runner = web.AppRunner(
            await self._make_app(),
            access_log=None,
            logger=_logger(),
            shutdown_timeout=FAREWELL_S,
        )
        await runner.setup()
        try:
            await self._listen(runner)
            tell()
            return await ended
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except OSError as error:
            raise UsageError(
                f"can't listen on {self.host}, port {self.port}: {error.strerror}",
                hint="say another --port",
            ) from error

    async def _make_app(self) -> web.Application:
        door = web.Application(middlewares=[self._admit])
        door.add_routes(
            [web.get("/", self._enter), web.get("/download/{key}", self.handle_download)]
        )
        door.add_subapp(f"/{self._keys.path}", await super()._make_app())
        door.on_response_prepare.append(self._add_headers)
        return door

    # The door

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not asks_by_name(request.headers, self._place.names):
            raise web.HTTPForbidden(text="elconsole answers its own page only")
        entering = request.path == "/"
        if not entering and not fits(request.cookies.get(self._cookie), self._keys.cookie):
            raise web.HTTPForbidden(text=NO_KEY)
        return await handler(request)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        """Exchange the token of the printed address for a cookie and the page."""
        if not fits(request.query.get("token"), self._keys.token):
            raise web.HTTPForbidden(text=NO_KEY)
        page = request.rel_url.without_query_params("token")
        entered = web.HTTPSeeOther(page.with_path(f"/{self._keys.path}/", keep_query=True))
        entered.set_cookie(
            self._cookie,
            self._keys.cookie,
            httponly=True,
            samesite="Strict",
            secure=_scheme(request) == "https",
        )
        raise entered

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(
            {
                "Cache-Control": "no-store",
                "Content-Security-Policy": content_policy(request),
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
            }
        )

    # The pages

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, whose addresses are those under which the browser asked for it."""
        self._require_room()
        self.public_url = f"{_scheme(request)}://{request.host}"
        page: web.StreamResponse = await super().handle_index(request)
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A console for the page that asks, as long as its browser is there."""
        if "Origin" not in request.headers:
            raise web.HTTPForbidden(text="elconsole answers its own page only")
        self._require_room()
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, timeout=FAREWELL_S)
        page = Page(self._arguments, socket, self.download_manager)
        self._pages.add(page)
        try:
            await socket.prepare(request)
            await page.start(*(to_int(request.query.get(n, ""), d) for n, d in _SIZE))
            await self._process_messages(socket, page)
        except NONSENSE:
            await socket.close(code=WSCloseCode.PROTOCOL_ERROR)
        finally:
            await page.stop()
            self._pages.discard(page)
        return socket

    def _require_room(self) -> None:
        if len(self._pages) >= MOST_PAGES:
            raise web.HTTPServiceUnavailable(text=FULL)

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002
        """End every page at once."""
        await asyncio.gather(*(page.leave() for page in self._pages))

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command line tells the address."""


_SIZE = (("width", 80), ("height", 24))


def _scheme(request: web.Request) -> str:
    """The browser's, also where a proxy in front of us does the encryption. A visitor who
    lies about it spoils his own page only."""
    return "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme


def _logger() -> logging.Logger:
    """For our own faults: whoever sends what is not HTTP writes no line of our log."""
    logger = logging.getLogger("elconsole.serve")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _ending_signal() -> asyncio.Future[int]:
    """The first signal that is to end the server. A second one ends it at once: the pages'
    consoles notice."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if ended.done():
            os._exit(128 + number)
        ended.set_result(number)

    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end, int(number))
    return ended

"""The dashboard in a browser: on this machine only, and only for pages of its own.

The browser's terminal speaks over a WebSocket, which a page of any other site may open
too (RFC 6455, section 10.2), and there is no login. So a request must name this server
as its host, and where it tells its origin, the same one: neither a foreign page nor a
foreign name that resolves to 127.0.0.1 reaches the console.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from elconsole.core.errors import UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_private(host: str, *, public: bool) -> None:
    """Raise UsageError where others could reach the address and nobody has said so."""
    if not (public or is_loopback(host)):
        raise UsageError(
            f"{host} can be reached from other machines, and the console has no login",
            hint="serve on 127.0.0.1 and go through ssh -L, or say --public",
        )


def own_hosts(host: str, port: int) -> frozenset[str]:
    """What a browser on this machine calls the server."""
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    bare = names if port == 80 else set()
    return frozenset(bare | {f"{name}:{port}" for name in names})


def is_own(request_host: str, origin: str | None, allowed: frozenset[str] | None) -> bool:
    """Whether a request comes from the server's own page; `allowed` None takes any host."""
    names = allowed if allowed is not None else {request_host.lower()}
    if request_host.lower() not in names:
        return False
    return origin is None or urlsplit(origin).netloc.lower() in names


def content_policy(host: str) -> str:
    """What the page may load: only its own, so that no firewall delays it and no foreign
    server learns of it; and no other page may frame it (Content Security Policy 3)."""
    own = "'self' 'unsafe-inline'"
    return (
        f"default-src 'self'; script-src {own}; style-src {own}; img-src 'self' data:;"
        f" connect-src 'self' ws://{host} wss://{host}; frame-ancestors 'none'"
    )


class ConsoleServer(Server):  # type: ignore[misc, unused-ignore]
    """textual-serve's server, for its own page alone."""

    def __init__(self, command: str, *, host: str, port: int, public: bool) -> None:
        shown = f"[{host}]" if ":" in host else host
        super().__init__(
            command,
            host=host,
            port=port,
            title="elconsole",
            public_url=f"http://{shown}:{port}",
        )
        self._allowed = None if public else own_hosts(host, port)

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._own_pages_only)
        return app

    @web.middleware
    async def _own_pages_only(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_own(request.host, request.headers.get("Origin"), self._allowed):
            raise web.HTTPForbidden(text="elconsole answers its own page only")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = content_policy(request.host)
        return response

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, whose addresses are those under which the browser asked for it."""
        self.public_url = f"{request.scheme}://{request.host}"
        page: web.StreamResponse = await super().handle_index(request)
        return page

    def initialize_logging(self) -> None:
        """Leave stdout alone; warnings and worse go to stderr."""

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command line has told the address already."""

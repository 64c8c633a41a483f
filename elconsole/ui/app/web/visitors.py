"""Who may enter: whoever has the printed address, and asks by a name of ours from our own page.

Every user of a machine reaches its loopback addresses, a page of any site may open a
WebSocket to them (RFC 6455, section 10.2), and a foreign name may resolve to them. So
neither the network nor the browser says who is there; the keys do.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

from multidict import CIMultiDictProxy

from elconsole.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the console: made anew at each start, kept in this process's memory alone.

    A browser sends a host's cookies to every port of it (RFC 6265, section 8.5), so to any
    server of another user, too. Hence the cookie opens nothing without the path, which only
    our own pages know, and is not the token, in exchange for which the path is told.
    """

    token: str = field(repr=False)
    cookie: str = field(repr=False)
    path: str = field(repr=False)


def new_keys() -> Keys:
    """Keys that nobody can guess."""
    token, cookie, path = (secrets.token_urlsafe(32) for _ in range(3))
    return Keys(token, cookie, path)


def fits(given: str | None, key: str) -> bool:
    """Whether a visitor gave the key; takes as long for a near miss as for a far one."""
    return given is not None and secrets.compare_digest(
        given.encode("utf-8", "replace"), key.encode()
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console is served."""

    listen: str
    """The address, or a name of it, on which connections are taken."""
    port: int
    host: str
    """What browsers call it, without brackets."""
    names: frozenset[str]
    """Every `Host` that is ours."""

    @property
    def url(self) -> str:
        """Its address, without a key."""
        return f"http://{_bracketed(self.host)}:{self.port}"


def private_place(host: str, listen: str | None, port: int) -> Place:
    """A place on this machine for browsers of this machine.

    Raises UsageError where others could reach the address."""
    foreign = next((name for name in (host, listen or host) if not is_loopback(name)), None)
    if foreign is not None:
        raise UsageError(
            f"{foreign} can be reached from other machines, without encryption",
            hint="serve on 127.0.0.1 and go through ssh -L, or say --public and --host NAME",
        )
    names = {"127.0.0.1", "localhost", "[::1]", _bracketed(host)}
    bare = names if port == 80 else set()
    return Place(listen or host, port, host, frozenset(bare | {f"{name}:{port}" for name in names}))


def public_place(host: str, listen: str | None, port: int) -> Place:
    """A place for browsers anywhere, which call it by this name alone.

    Raises UsageError where that is no name by which another machine could call it."""
    if is_loopback(host) or _is_wildcard(host):
        raise UsageError(
            f"--public needs the name by which browsers call this machine, and {host} is none",
            hint="say --host NAME; where to listen, if that is another address: --listen ADDRESS",
        )
    name = _bracketed(host.lower())
    return Place(listen or host, port, host, frozenset({name, f"{name}:{port}"}))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _is_wildcard(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def asks_by_name(headers: CIMultiDictProxy[str], names: frozenset[str]) -> bool:
    """Whether a request names us as its host, and as its origin where it tells one."""
    host = headers.get("Host", "").lower()  # the only one: aiohttp refuses two
    if host not in names:
        return False
    own = {f"http://{host}", f"https://{host}"}
    return all(origin.lower() in own for origin in headers.getall("Origin", []))

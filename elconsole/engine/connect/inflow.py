"""How much a server sends: libpq keeps all of an answer in memory, and can't be asked how much
that is, nor told a limit. So the socket is asked, before and after libpq reads from it."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import sys
import termios

from elconsole.core.errors import UnexpectedAnswer

ANSWER_BYTES = 12 * 1024 * 1024
"""Most bytes of the answers to one message: a catalog of some 80,000 tables. libpq and psycopg
keep several times as much while they take it apart. A single message that comes faster than
libpq reads is read in one call, whatever its length: nothing outside libpq can end that."""
LEAST_READ = 16 * 1024
"""libpq reads at least so much at once, where so much waits."""
_LOOKS_EVERY = 16
_TCP_INFO_BYTES = struct.Struct("Q")
_BYTES_RECEIVED_AT = 128
"""Where Linux's `tcp_info` has `tcpi_bytes_received`."""


class Inflow:
    """What came in on a socket since this was made; `reading` before each read, `read` after."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = 0
        self._seen = 0
        self._reads = 0
        self._began: int | None = None

    def reading(self) -> None:
        """Something is about to be read."""
        self._waiting = _waiting(self._descriptor)

    def read(self) -> None:
        """It was read."""
        left = _waiting(self._descriptor)
        self._seen += max(self._waiting - left, min(self._waiting, LEAST_READ))
        self._reads += 1
        if self._reads % _LOOKS_EVERY == 1:
            received = _tcp_received(self._descriptor)
            if received is not None and self._began is None:
                self._began = received - self._seen
            elif received is not None and self._began is not None:
                self._seen = max(self._seen, received - left - self._began)

    @property
    def bytes(self) -> int:
        """So many at least; over TCP on Linux exactly, but for the last few reads."""
        return self._seen

    def require_bounded(self, server: str, limit: int = ANSWER_BYTES) -> None:
        """Raise UnexpectedAnswer where it is more than one answer may be."""
        if self._seen > limit:
            raise UnexpectedAnswer(
                f"{server} sent more than {limit // 2**20} MB as the answer to one message",
                hint=f"see who runs {server}, and what stands between it and this machine; where"
                " it is a plug-in's own query, select less",
            )


def _waiting(descriptor: int) -> int:
    found = array.array("i", [0])
    try:
        fcntl.ioctl(descriptor, termios.FIONREAD, found)
    except OSError:
        return 0
    return found[0]


def _tcp_received(descriptor: int) -> int | None:
    """Bytes received in a connection's life; None where the system does not count them."""
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(fileno=_duplicate(descriptor)) as same:
            if same.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            end = _BYTES_RECEIVED_AT + _TCP_INFO_BYTES.size
            told = same.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, end)
    except OSError:
        return None
    if len(told) < end:
        return None
    received: int = _TCP_INFO_BYTES.unpack_from(told, _BYTES_RECEIVED_AT)[0]
    return received


def _duplicate(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 0)

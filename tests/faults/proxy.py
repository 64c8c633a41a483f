"""A TCP proxy that misbehaves on demand: it hangs, drops, half-closes, truncates, throttles."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["hang", "drop", "half_close", "truncate"]
CHUNK_BYTES = 16 * 1024
RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Proxy:
    """Forwards 127.0.0.1:`port` to a server; `arm` a fault, or set a pace."""

    server: tuple[str, int]
    rate_bytes_s: float | None = None
    """Bytes a second of each connection towards the client."""
    delay_s: float = 0.0
    """Added to each chunk towards the client."""
    port: int = 0
    tripped: threading.Event = field(default_factory=threading.Event)
    """Set once an armed fault has struck."""
    connections: int = 0
    _fault: Fault | None = None
    _towards: Literal["client", "server"] = "client"
    _after_bytes: int = 0
    _times: int = 0
    _refuses: bool = False
    _closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket = field(default_factory=socket.socket)
    _sockets: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(32)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(
        self,
        fault: Fault,
        *,
        towards: Literal["client", "server"] = "client",
        after_bytes: int = 0,
        times: int = 1,
    ) -> None:
        """Strike the next connection that carries more than so many bytes in one direction."""
        with self._lock:
            self._fault, self._towards = fault, towards
            self._after_bytes, self._times = after_bytes, times
        self.tripped.clear()

    def heal(self) -> None:
        """Forward faithfully again, and reset what still hangs."""
        with self._lock:
            self._fault, self._refuses, self._times = None, False, 0
            self.rate_bytes_s, self.delay_s = None, 0.0
        self.drop_all()

    def drop_all(self) -> None:
        """Reset every connection."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            _reset(one)

    def freeze(self) -> None:
        """Carry not one byte more, on any connection, and keep them all open."""
        self._refuses = True
        self.delay_s = 3600.0

    def swallow(self) -> None:
        """Accept new connections, and never say a word on them."""
        self._refuses = True

    def close(self) -> None:
        self._closing.set()
        self._listener.close()
        self.drop_all()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._refuses:
                self._sockets.append(client)
                continue
            try:
                server = socket.create_connection(self.server)
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._sockets += [client, server]
            for source, target, towards in (
                (server, client, "client"),
                (client, server, "server"),
            ):
                threading.Thread(
                    target=self._forward, args=(source, target, towards), daemon=True
                ).start()

    def _forward(self, source: socket.socket, target: socket.socket, towards: str) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if towards == "client":
                    self._take_time(len(data))
                carried += len(data)
                fault = self._struck(towards, carried)
                if fault:
                    self._strike(fault, source, target, data)
                    return
                target.sendall(data)
        # Also after a reset: the other side must hear of the end.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _take_time(self, size: int) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.rate_bytes_s:
            time.sleep(size / self.rate_bytes_s)

    def _struck(self, towards: str, carried: int) -> Fault | None:
        with self._lock:
            if self._fault is None or not self._times or towards != self._towards:
                return None
            if carried <= self._after_bytes:
                return None
            self._times -= 1
            return self._fault

    def _strike(
        self, fault: Fault, source: socket.socket, target: socket.socket, data: bytes
    ) -> None:
        self.tripped.set()
        if fault == "drop":
            _reset(source)
            _reset(target)
        elif fault == "half_close":
            target.shutdown(socket.SHUT_WR)
        elif fault == "truncate":
            target.sendall(data[: len(data) // 2])
            for one in (source, target):
                one.shutdown(socket.SHUT_RDWR)
        else:
            self._closing.wait()


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()

"""A wire between clients and a server's socket: it counts round trips, can be slow, and stop."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PORT = 5432
CHUNK_BYTES = 65536
PATIENCE_S = 5.0
TERMINATE = b"X\x00\x00\x00\x04"
"""A client's last message (protocol, Message Formats)."""


@dataclass
class Wire:
    """Passes bytes on between a socket in `folder` and the server's; `delay_s` each way."""

    folder: Path
    server: Path
    delay_s: float = 0.0
    connections: int = 0
    round_trips: int = 0
    """How often a client spoke after the server had: each costs a link's latency once."""
    stop_after_bytes: int | None = None
    """After so many bytes towards a client the wire carries none in that direction, until
    `go_on`."""
    stopped: threading.Event = field(default_factory=threading.Event)
    _moving: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def parameters(self) -> dict[str, str]:
        """libpq's host and port of this end."""
        return {"host": str(self.folder), "port": str(PORT)}

    def take(self) -> tuple[int, int]:
        """Connections and round trips since the last call."""
        with self._lock:
            taken = (self.connections, self.round_trips)
            self.connections = self.round_trips = 0
        return taken

    def go_on(self) -> None:
        """Carry again, and stop no more."""
        self.stop_after_bytes = None
        self._moving.set()

    def _wait_while_stopped(self, carried_bytes: int) -> None:
        if self.stop_after_bytes is not None and carried_bytes > self.stop_after_bytes:
            self.stopped.set()
            self._moving.wait()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(self.server))
            with self._lock:
                self.connections += 1
                self._open += [client, upstream]
            turns = _Turns(self)
            self._start(_pass_on, client, upstream, turns.client_spoke, self.delay_s)
            self._start(_pass_on, upstream, client, turns.server_spoke, self.delay_s)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _close(self) -> None:
        self.go_on()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for one in self._open:
            one.close()


class _Turns:
    """Whose turn it is on one connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._servers_word_was_last = True
        self._carried_bytes = 0

    def client_spoke(self, data: bytes) -> None:
        # Nobody waits for the answer to a farewell, which may pass at any later time.
        if self._servers_word_was_last and data != TERMINATE:
            with self._wire._lock:
                self._wire.round_trips += 1
        self._servers_word_was_last = False

    def server_spoke(self, data: bytes) -> None:
        self._servers_word_was_last = True
        self._carried_bytes += len(data)
        self._wire._wait_while_stopped(self._carried_bytes)


def _pass_on(
    reading: socket.socket, writing: socket.socket, note: Callable[[bytes], None], delay_s: float
) -> None:
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    writer = threading.Thread(target=_write_when_due, args=(waiting, writing), daemon=True)
    writer.start()
    data = b"-"
    while data:
        try:
            data = reading.recv(CHUNK_BYTES)
        except OSError:
            data = b""
        if data:
            note(data)
        waiting.put((time.monotonic() + delay_s, data))
    writer.join(PATIENCE_S)


def _write_when_due(
    waiting: queue.SimpleQueue[tuple[float, bytes]], writing: socket.socket
) -> None:
    while True:
        due, data = waiting.get()
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            if not data:
                writing.shutdown(socket.SHUT_WR)
                return
            writing.sendall(data)
        except OSError:
            return


@contextlib.contextmanager
def open_wire(folder: Path, server: Path, delay_s: float = 0.0) -> Iterator[Wire]:
    """A wire whose clients connect to `folder`; gone with its connections at the end."""
    folder.mkdir()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / f".s.PGSQL.{PORT}"))
    listening.listen()
    wire = Wire(folder, server, delay_s)
    wire._start(wire._accept, listening)
    try:
        yield wire
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        wire._close()

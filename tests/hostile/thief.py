"""A server that asks for a password and keeps it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_SSL, _GSS = 80877103, 80877104


@dataclass
class Thief:
    """Listens on a port of its own, speaks just enough of PostgreSQL's protocol."""

    passwords: list[str] = field(default_factory=list)
    visits: int = 0
    """How many clients were asked for a password."""
    port: int = 0


@contextmanager
def thief() -> Iterator[Thief]:
    """Runs until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Thief(port=listener.getsockname()[1])
        threading.Thread(target=_serve, args=(listener, made), daemon=True).start()
        yield made


def _serve(listener: socket.socket, made: Thief) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError, struct.error):
                client.settimeout(10)
                _ask(client, made)


def _ask(client: socket.socket, made: Thief) -> None:
    length, code = struct.unpack("!ii", _exactly(client, 8))
    while code in (_SSL, _GSS):
        client.sendall(b"N")
        length, code = struct.unpack("!ii", _exactly(client, 8))
    _exactly(client, length - 8)
    made.visits += 1
    client.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
    kind, length = struct.unpack("!ci", _exactly(client, 5))
    if kind == b"p":
        made.passwords.append(_exactly(client, length - 4).rstrip(b"\0").decode())


def _exactly(client: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        block = client.recv(size - len(content))
        if not block:
            raise OSError("the client has gone")
        content += block
    return content

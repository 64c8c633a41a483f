"""A pooler that takes no startup options, as PgBouncer says it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

REFUSAL = "unsupported startup parameter: options"


@contextlib.contextmanager
def refusing_options(folder: Path, server: Path) -> Iterator[dict[str, str]]:
    """Relay a server's unix socket; yields where to connect instead."""
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / server.name))
    listener.listen(16)
    threading.Thread(target=_accept, args=(listener, server), daemon=True).start()
    try:
        yield {"host": str(folder)}
    finally:
        listener.close()


def _accept(listener: socket.socket, server: Path) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, server), daemon=True).start()


def _serve(client: socket.socket, server: Path) -> None:
    with contextlib.suppress(OSError), client, socket.socket(socket.AF_UNIX) as onward:
        startup = client.recv(16 * 1024)
        if b"\0options\0" in startup:
            fields = f"SFATAL\0VFATAL\0C08P01\0M{REFUSAL}\0\0".encode()
            client.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
            return
        onward.connect(str(server))
        onward.sendall(startup)
        back = threading.Thread(target=_forward, args=(onward, client), daemon=True)
        back.start()
        _forward(client, onward)
        back.join()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(16 * 1024):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

"""A server that hangs up on whoever connects, and counts them; or keeps them waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Listener:
    """Counts who connected; answers nobody."""

    def __init__(self, *, hangs: bool) -> None:
        self.asked = 0
        self._hangs = hangs
        self._kept: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def parameters(self) -> dict[str, str]:
        """libpq's keywords; plain, so that a connection is one connection."""
        host, port = self._socket.getsockname()
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        return {"host": host, "port": str(port), "dbname": "any", "user": "any", **plain}

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._socket.accept()
                self.asked += 1
                if self._hangs:
                    self._kept.append(one)
                else:
                    one.close()

    def close(self) -> None:
        # Only a shutdown wakes a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for one in (self._socket, *self._kept):
            one.close()


@contextlib.contextmanager
def listening(*, hangs: bool = False) -> Iterator[Listener]:
    listener = Listener(hangs=hangs)
    try:
        yield listener
    finally:
        listener.close()

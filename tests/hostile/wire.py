"""A proxy that takes PostgreSQL's protocol apart and puts other messages into a client's way."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.faults.proxy import CHUNK_BYTES, Proxy

Rewrite = Callable[[bytes], Iterable[bytes]]
"""From a server's message to what the client gets in its place, which may never end."""
HEADER_BYTES = 5
TAGS = b"1 2 3 A C D E G H I K N R S T V W Z c d f n s t v".replace(b" ", b"")


def faithful(message: bytes) -> Iterable[bytes]:
    """Everything as it came."""
    return (message,)


@dataclass(slots=True)
class WireProxy(Proxy):
    """Forwards to a server; each of its messages goes through `rewrite`."""

    rewrite: Rewrite = field(default=faithful)

    def _forward(self, source: socket.socket, target: socket.socket, towards: str) -> None:
        if towards != "client":
            # `super()` does not know the class that `slots` makes.
            Proxy._forward(self, source, target, towards)
            return
        unread = bytearray()
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                unread += data
                for message in whole_messages(unread):
                    for part in self.rewrite(message):
                        target.sendall(part)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def whole_messages(unread: bytearray) -> Iterator[bytes]:
    """Take the messages that are complete."""
    while len(unread) >= HEADER_BYTES:
        end = 1 + struct.unpack_from("!i", unread, 1)[0]
        if len(unread) < end:
            return
        yield bytes(unread[:end])
        del unread[:end]


def message(tag: bytes, body: bytes) -> bytes:
    """A message of the protocol."""
    return tag + struct.pack("!i", len(body) + 4) + body


def error(words: bytes, state: bytes = b"22000") -> bytes:
    """An ErrorResponse with these words as its message, and a code."""
    return message(b"E", b"SERROR\0VERROR\0C" + state + b"\0M" + words + b"\0\0")


def notice(words: bytes) -> bytes:
    """A NoticeResponse with these words as its message."""
    return message(b"N", b"SNOTICE\0VNOTICE\0C00000\0M" + words + b"\0\0")


def notification(words: bytes) -> bytes:
    """A notification of some other session's."""
    return message(b"A", struct.pack("!i", 1) + b"elconsole\0" + words + b"\0")


def parameter(name: bytes, value: bytes) -> bytes:
    """A ParameterStatus."""
    return message(b"S", name + b"\0" + value + b"\0")


def row(*values: bytes | None) -> bytes:
    """A DataRow."""
    fields = b"".join(
        struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values
    )
    return message(b"D", struct.pack("!h", len(values)) + fields)


def row_description(columns: int) -> bytes:
    """A RowDescription of so many columns of text."""
    one = struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    fields = b"".join(b"c%d\0" % number + one for number in range(columns))
    return message(b"T", struct.pack("!H", columns) + fields)


@dataclass(slots=True)
class Fuzzer:
    """Changes messages at random; the same seed and messages give the same changes."""

    seed: str
    share: float
    """How many of the messages are changed, at most 1."""
    mild: bool = False
    """Whether only as PostgreSQL itself might: so a sync goes on, and meets more of them."""
    spared: int = 0
    """How many messages pass first: else few syncs come further than their log-in."""
    changed: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, one: bytes) -> Iterable[bytes]:
        self.spared -= 1
        # A log-in allows nothing in between.
        is_spared = self.spared >= 0 or (self.mild and one[:1] == b"R")
        if self._random.random() >= self.share or is_spared:
            return (one,)
        self.changed += 1
        return self._random.choice(MILD if self.mild else CHANGES)(one, self._random)


def _split(one: bytes, _chance: random.Random) -> Iterable[bytes]:
    return (one[n : n + 1] for n in range(len(one)))


def _other_length(one: bytes, chance: random.Random) -> Iterable[bytes]:
    lengths = (-1, 0, 3, 4, len(one) - 2, len(one), 2**16, 2**30, 2**31 - 1)
    return (one[:1] + struct.pack("!i", chance.choice(lengths)) + one[HEADER_BYTES:],)


def _other_tag(one: bytes, chance: random.Random) -> Iterable[bytes]:
    return (bytes([chance.choice(TAGS)]) + one[1:],)


def _other_bytes(one: bytes, chance: random.Random) -> Iterable[bytes]:
    body = bytearray(one)
    for _ in range(chance.randint(1, 4)):
        if len(body) > HEADER_BYTES:
            body[chance.randrange(HEADER_BYTES, len(body))] = chance.randrange(256)
    return (bytes(body),)


def _other_count(one: bytes, chance: random.Random) -> Iterable[bytes]:
    counts = (0, 1, 2, 255, 1600, 32767, 65535)
    rest = one[HEADER_BYTES + 2 :]
    return (message(one[:1], struct.pack("!H", chance.choice(counts)) + rest),)


def _cut(one: bytes, chance: random.Random) -> Iterable[bytes]:
    return (message(one[:1], one[HEADER_BYTES : chance.randint(HEADER_BYTES, len(one))]),)


def _longer(one: bytes, chance: random.Random) -> Iterable[bytes]:
    return (message(one[:1], one[HEADER_BYTES:] + chance.randbytes(chance.randint(1, 5000))),)


def _nothing(_one: bytes, _chance: random.Random) -> Iterable[bytes]:
    return ()


def _twice(one: bytes, _chance: random.Random) -> Iterable[bytes]:
    return (one, one)


def _garbage(one: bytes, chance: random.Random) -> Iterable[bytes]:
    return (chance.randbytes(chance.randint(1, 64)), one)


def _more(one: bytes, chance: random.Random) -> Iterable[bytes]:
    words = chance.randbytes(chance.randint(0, 300)).replace(b"\0", b"")
    made = (error, notice, notification, lambda w: parameter(b"client_encoding", w), row)
    return (chance.choice(made)(words), one)


def _several(one: bytes, chance: random.Random) -> Iterable[bytes]:
    words = chance.randbytes(20).replace(b"\0", b"")
    return (notification(words) * 100, notice(words) * 10, parameter(words, words), one)


MILD = (_split, _several)
CHANGES: tuple[Callable[[bytes, random.Random], Iterable[bytes]], ...] = (
    _split,
    _split,
    _several,
    _several,
    _other_length,
    _other_tag,
    _other_bytes,
    _other_count,
    _cut,
    _longer,
    _nothing,
    _twice,
    _garbage,
    _more,
)

"""Where passwords stand, and with which address they stay: the one that their layer, or one
below, gave them."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elconsole.config.dsn import DSN_SECRETS, parse_dsn
from elconsole.core.errors import ConfigurationError
from elconsole.core.files import read_regular
from elconsole.core.safe_text import clean_text

if TYPE_CHECKING:
    import subprocess

PASSWORD_KEYS = ("password", "password_file", "password_command")
"""The settings that give a connection its password: one of them at a time."""
SECRET_KEYS = frozenset({"password", "dsn", "hash_salt", "ping_url"})
"""The settings whose values are secrets, or hold one."""
_PLACE_KEYS = ("host", "port")

LARGEST_BYTES = 2**16
COMMAND_TIMEOUT_S = 60.0
"""A vault may ask its user for a finger."""


def connection_blocks(values: Mapping[str, Any]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """The connections that a layer says something of, by their keys."""
    sources = values.get("sources")
    blocks: dict[tuple[str, ...], object] = {("warehouse",): values.get("warehouse")}
    if isinstance(sources, Mapping):
        blocks |= {("sources", name): block for name, block in sources.items()}
    return {path: block for path, block in blocks.items() if isinstance(block, Mapping)}


def place_of(block: Mapping[str, Any]) -> dict[str, str]:
    """Where a connection leads, of `service`, `host`, `hostaddr` and `port` what is given."""
    parts = parsed(block)
    keys = {key: str(block[key]) for key in _PLACE_KEYS if block.get(key) is not None}
    if "host" in keys:
        parts.pop("hostaddr", None)
    both = {**parts, **keys}
    return {key: both[key] for key in ("service", "host", "hostaddr", "port") if both.get(key)}


def moves(held: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a layer's `values` lead a connection away from where the `held` ones lead.

    A layer that brings a whole `dsn` is none of this: it replaces the address, password and all.
    """
    named = {key: str(values[key]) for key in _PLACE_KEYS if values.get(key) is not None}
    if not named or "dsn" in values:
        return False
    parts = parsed(held)
    address = {**parts, **{k: str(held[k]) for k in _PLACE_KEYS if held.get(k) is not None}}
    passed_over = "host" in named and "hostaddr" in parts
    return passed_over or any(value != address.get(key) for key, value in named.items())


def dsn_left_behind(dsn: object) -> str | None:
    """A dsn without its passwords; None where it has none.

    A service's password can't be seen: an empty one keeps libpq from taking it, and sends
    it to ~/.pgpass, which knows addresses.
    """
    parts = parsed({"dsn": dsn})
    if not (DSN_SECRETS & parts.keys() or "service" in parts):
        return None
    from psycopg.conninfo import make_conninfo

    kept = {key: value for key, value in parts.items() if key not in DSN_SECRETS}
    if "service" in parts:
        kept["password"] = ""
    return make_conninfo(**kept)


def parsed(block: Mapping[str, Any]) -> dict[str, str]:
    """What the dsn of a connection says; nothing where libpq can't read it."""
    dsn = block.get("dsn")
    if not isinstance(dsn, str):
        return {}
    try:
        return parse_dsn(dsn)
    except ValueError:
        # Validation says so in its turn, with the key's name.
        return {}


def password_of_file(where: str, name: str) -> str:
    """The first line of a regular file. Raises ConfigurationError in the words of `where`, the
    setting."""
    path = Path(name).expanduser()
    try:
        content = read_regular(path, LARGEST_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"{where}: {clean_text(path)} can't be read: {error.strerror}",
            hint=f"make it readable to this user, or correct {where}",
        ) from None
    return _password(where, f"{clean_text(path)} holds", content)


def password_of_command(where: str, command: tuple[str, ...]) -> str:
    """The first line that a command prints; it is run once a process, without a shell. Raises
    ConfigurationError in the words of `where`, the setting, and not with its arguments."""
    try:
        printed = _printed(command)
    except ValueError as error:
        message = f"{where}: {_program(command)} {error}"
        raise ConfigurationError(message, hint="run it by hand, and correct it") from None
    return _password(where, f"{_program(command)} printed", printed)


def require_program(where: str, command: tuple[str, ...]) -> None:
    """Raise ConfigurationError, in the words of `where`, where there is no such program; nothing
    is run."""
    import shutil

    if shutil.which(command[0]) is None:
        raise ConfigurationError(
            f"{where}: there is no program {_program(command)}",
            hint="name one that can be run, with its path or on PATH",
        )


@lru_cache(maxsize=64)
def _printed(command: tuple[str, ...]) -> bytes:
    """What a command prints; ValueError with what became of it where it fails."""
    import subprocess

    no_input, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=no_input, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise ValueError(f"can't be run: {error.strerror}") from None
    with process:
        try:
            printed, words = _drained(process)
            code = process.wait()
        finally:
            process.kill()
    if code:
        said = clean_text(words.decode(errors="replace").strip().partition("\n")[0], 200)
        raise ValueError(f"ended with {code}" + (f": {said}" if said else ""))
    return printed


def _drained(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a process says on stdout and the beginning of what it says on stderr, until it has
    ended. ValueError where that is too much or takes too long."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    printed, words = said
    ends_at = time.monotonic() + COMMAND_TIMEOUT_S
    with selectors.DefaultSelector() as ready:
        for descriptor in said:
            ready.register(descriptor, selectors.EVENT_READ)
        # What it left in the background may keep the pipes open.
        while (events := ready.select(0.1)) or process.poll() is None:
            for key, _ in events:
                block = os.read(key.fd, LARGEST_BYTES)
                if not block:
                    ready.unregister(key.fd)
                said[key.fd] = (said[key.fd] + block)[: LARGEST_BYTES + 1]
            if len(said[printed]) > LARGEST_BYTES:
                raise ValueError(f"printed more than {LARGEST_BYTES // 2**10} kB")
            if time.monotonic() > ends_at:
                raise ValueError(f"did not end within {COMMAND_TIMEOUT_S:.0f} s")
    return said[printed], said[words]


def _program(command: tuple[str, ...]) -> str:
    """What is run, without its arguments: one may be a token."""
    return clean_text(command[0], 120)


def _password(where: str, who: str, content: bytes) -> str:
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    try:
        password = line.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{where}: {who} no UTF-8 text", hint="its first line must be the password"
        ) from None
    if not password or "\0" in password:
        what = "an empty first line" if not password else "a NUL character"
        raise ConfigurationError(
            f"{where}: {who} {what}", hint="its first line must be the password"
        )
    return password

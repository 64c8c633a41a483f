"""Files found in the working folder: read only where nobody else can have written them.

A file that is named on the command line, or that stands in the user's configuration
folder, was chosen; one in the working folder is merely met.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from elconsole.config.dsn import DSN_SECRETS, filled_dsn
from elconsole.config.layers import is_reference
from elconsole.config.passwords import SECRET_KEYS, parsed
from elconsole.core.errors import ConfigurationError
from elconsole.core.files import open_regular, read_descriptor
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text

LARGEST_BYTES = 2**20
"""No settings are longer."""
LARGEST_DOTENV_BYTES = 2**16
MOST_WRONG_LINES = 10
_SECRET_NAME = re.compile(r"(?i).*(?:PASSWORD|PASSWORD_COMMAND|DSN|HASH_SALT|PING_URL)")


@record(frozen=True, slots=True)
class FoundFile:
    """What stands in a file, and why it must not be heeded."""

    path: Path
    content: bytes
    stranger: str | None
    """Who else can have written it, in words; None where nobody can."""

    def require_own(self) -> None:
        """Raise ConfigurationError where somebody else can have written it."""
        if self.stranger is not None:
            _refuse(self.path, self.stranger)


def _refuse(path: Path, stranger: str) -> None:
    quoted = clean_text(path)
    another = " or name another file with -c" if path.suffix == ".toml" else ""
    raise ConfigurationError(
        f"{quoted}: {stranger}, so what it says is not heeded",
        hint=f"look at it, then make it yours alone (chown, chmod go-w), remove it,{another}"
        if another
        else "look at it, then make it yours alone (chown, chmod go-w), or remove it",
    )


def read_found(path: Path) -> FoundFile:
    """A file of the working folder. Raises OSError where it can't be read or is too large."""
    # The link, its folder and the file that is read in the end: each could be exchanged.
    stranger = _stranger(path.parent, path.parent.stat()) or _stranger(path, path.lstat())
    try:
        descriptor = open_regular(path)
    except PermissionError:
        if stranger is not None:
            _refuse(path, stranger)
        raise
    stranger = stranger or _stranger(path, os.fstat(descriptor))
    return FoundFile(path, read_descriptor(descriptor, LARGEST_BYTES), stranger)


def others_can_write(path: Path) -> str | None:
    """Who else can write or exchange a file that was chosen, in words; None where nobody can."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        ways = ((path.parent, path.parent.stat()), (path, path.lstat()), (path, status))
    except OSError:
        return None
    return next(filter(None, (_stranger(*way) for way in ways)), None)


def _stranger(path: Path, status: os.stat_result) -> str | None:
    """Who but the user and root can exchange or write this, in words."""
    is_folder = stat.S_ISDIR(status.st_mode)
    what = f"its folder {clean_text(path)}" if is_folder else "it"
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_uid not in (os.geteuid(), 0):
        return f"{what} belongs to {_user_name(status.st_uid)} ({mode})"
    # A link's mode means nothing; a sticky folder's files can be exchanged by their owners alone.
    if stat.S_ISLNK(status.st_mode) or (is_folder and status.st_mode & stat.S_ISVTX):
        return None
    if status.st_mode & stat.S_IWOTH:
        return f"every user can write to {what} ({mode})"
    if status.st_mode & stat.S_IWGRP and not _is_private_group(status.st_gid):
        return f"the group {_group_name(status.st_gid)} can write to {what} ({mode})"
    return None


def _is_private_group(gid: int) -> bool:
    """Whether a group is the user's own: many systems give each user one, and umask 002."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return (
        group.gr_gid == user.pw_gid
        and group.gr_name == user.pw_name
        and not (set(group.gr_mem) - {user.pw_name})
    )


def _user_name(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (user {uid})"
    except KeyError:
        return f"user {uid}"


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _readable_by_others(path: Path) -> str | None:
    """The file's mode in octal where group or others may read it, else None."""
    if os.name != "posix":
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o044:
        return None
    return f"{stat.S_IMODE(status.st_mode):04o}"


def told_to_others(path: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """A warning, where others can read a file that holds a secret."""
    mode = _readable_by_others(path)
    if mode and _holds_secret(values):
        yield f"{path} holds a secret and others can read it (mode {mode}): run chmod 600 {path}"


def _holds_secret(block: Mapping[str, Any]) -> bool:
    for key, value in block.items():
        if isinstance(value, Mapping):
            found = _holds_secret(value)
        elif key == "dsn":
            found = bool(DSN_SECRETS & parsed(block).keys())
        else:
            found = key in SECRET_KEYS and not is_reference(value)
        if found:
            return True
    return False


@record(frozen=True, slots=True)
class OurVariables:
    """What a `.env` file says to us."""

    values: dict[str, str]
    written: dict[str, str]
    """As they stand there, those whose values are filled in from others (`${NAME}`)."""
    secret_names: frozenset[str]
    """Variables of the environment that are filled into those of them that may be secrets."""
    wrong_lines: tuple[int, ...]
    """Lines that are no `NAME=value`; the first few."""


def names_ours(content: bytes, prefix: str) -> bool:
    """Whether a `.env` file may set a variable that begins with `prefix`, in any case."""
    text = content.decode("utf-8", "replace")
    begins = rf"(?im)(?:^|\r)[^\S\r\n]*(?:export[^\S\r\n]+)?'?{re.escape(prefix)}"
    return re.search(begins, text) is not None


def our_variables(content: bytes, prefix: str, environ: Mapping[str, str]) -> OurVariables:
    """The variables of a `.env` file that begin with `prefix`, in any case, `${NAME}` filled in
    from lines above and, below them, from `environ`.

    Raises ValueError, with what is wrong, for a file that is not UTF-8 text, is too long, or
    would be."""
    from dotenv.parser import parse_stream

    if len(content) > LARGEST_DOTENV_BYTES:
        raise ValueError(f"it is longer than {LARGEST_DOTENV_BYTES // 1024} kB")
    filling = _Filling(environ)
    values: dict[str, str] = {}
    written: dict[str, str] = {}
    secret_names: frozenset[str] = frozenset()
    wrong: list[int] = []
    for binding in parse_stream(io.StringIO(_text(content))):
        # Each may have been looked for up to the file's end.
        if binding.error and len(wrong := [*wrong, binding.original.line]) >= MOST_WRONG_LINES:
            raise ValueError(f"lines {', '.join(map(str, wrong))} and more are no NAME=value")
        if binding.key is None or binding.value is None:
            continue
        value = filling.filled(binding.key, binding.value, _is_literal(binding.original.string))
        if binding.key.upper().startswith(prefix):
            values[binding.key] = value
            written.pop(binding.key, None)
            if _SECRET_NAME.fullmatch(binding.key) or value.lstrip().startswith("{"):
                secret_names |= filling.sources[binding.key]
            if value != binding.value:
                written[binding.key] = binding.value
    return OurVariables(values, written, secret_names, tuple(wrong))


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


def _is_literal(line: str) -> bool:
    """Whether a shell would leave the value as it is."""
    return line.partition("=")[2].lstrip().startswith("'")


class _Filling:
    """The variables of a file so far, over those of the environment; with a bound, since each
    line may double the one above."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._known = dict(environ)
        self._used: set[str] = set()
        self.sources: dict[str, frozenset[str]] = {}
        """By variable of the file, those of the environment that its value was made of."""
        self._left = LARGEST_BYTES

    def filled(self, name: str, value: str, is_literal: bool) -> str:
        """The value with every `${NAME}` and `${NAME:-default}` filled in. Raises ValueError
        where too much came together."""
        self._used = set()
        self._known[name] = value if is_literal or "${" not in value else self._fill(name, value)
        self.sources[name] = frozenset(self._used)
        return self._known[name]

    def _fill(self, name: str, value: str) -> str:
        whole = value.startswith("${") and value.find("}") == len(value) - 1
        if whole or not name.upper().endswith("__DSN"):
            return "".join(self._parts(value))
        with suppress(ValueError):
            return filled_dsn(value, lambda text: "".join(self._parts(text)))
        raise ConfigurationError(
            f".env: {clean_text(name)} has ${{…}} where it is no value",
            hint="write it as the value of a keyword, or alone",
        )

    def _parts(self, value: str) -> Iterator[str]:
        position, is_json = 0, value.lstrip().startswith(("{", "["))
        while (start := value.find("${", position)) >= 0:
            end = value.find("}", start)
            if end < 0:
                break
            name, colon, default = value[start + 2 : end].partition(":")
            self._used |= self.sources.get(name, {name})
            is_reference = not colon or default.startswith("-")
            yield self._counted(value[position:start])
            word = self._known.get(name, default[1:]) if is_reference else value[start : end + 1]
            yield self._counted(json.dumps(word)[1:-1] if is_json else word)
            position = end + 1
        yield self._counted(value[position:])

    def _counted(self, part: str) -> str:
        self._left -= len(part)
        if self._left < 0:
            raise ValueError(f"its ${{…}} fill in more than {LARGEST_BYTES // 2**20} MB")
        return part

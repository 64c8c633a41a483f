"""Files that we are told to read or write: only ever regular files, and only so much of them.

A device or a named pipe in a file's place would fill the memory, wait for ever, or be
replaced; none of them is opened, and nothing but a regular file makes room for another.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_NEVER_WAIT = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _refuse(path: Path, what: str) -> OSError:
    return OSError(errno.EINVAL, what, str(path))


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _refuse(path, "it is not a regular file")


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file by. Raises OSError."""
    # Merely opening some devices does something: they are recognised before.
    _require_regular(path, path.stat())
    descriptor = os.open(path, os.O_RDONLY | _NEVER_WAIT)
    try:
        _require_regular(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_descriptor(descriptor: int, limit_bytes: int) -> bytes:
    """All that an open file holds; closes it. Raises OSError where that is more than the limit."""
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        limit = (
            f"{limit_bytes // 2**20} MB" if limit_bytes >= 2**20 else f"{limit_bytes // 2**10} kB"
        )
        raise OSError(errno.EFBIG, f"it is larger than {limit}")
    return content


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """A regular file's content. Raises OSError, also where it is larger than the limit."""
    return read_descriptor(open_regular(path), limit_bytes)


def replace_regular(path: Path, content: bytes, mode: int) -> None:
    """Put content in a file's place so that no reader sees half of it.

    Raises OSError where something other than a regular file stands there, a link included.
    """
    import tempfile

    with suppress(FileNotFoundError):
        _require_regular(path, path.lstat())
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise


def create_private(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read.

    Raises OSError where anything stands in its place, a dangling link included."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


def open_log(path: Path) -> int:
    """A descriptor to append by, of a file (made at mode 0600), a terminal or /dev/null.

    Raises OSError for anything else, and for a link that another user made.
    """
    with suppress(FileNotFoundError):
        link = path.lstat()
        if stat.S_ISLNK(link.st_mode) and link.st_uid not in (os.geteuid(), 0):
            raise _refuse(path, "it is another user's link")
        _require_log(path, path.stat())
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NEVER_WAIT
    descriptor = os.open(path, flags, 0o600)
    try:
        _require_log(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_log(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISCHR(status.st_mode):
        _require_regular(path, status)

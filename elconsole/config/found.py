"""Files found in the working folder: read only where nobody else can have written them.

A file that is named on the command line, or that stands in the user's configuration
folder, was chosen; one in the working folder is merely met.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from elconsole.core.errors import ConfigurationError
from elconsole.core.files import open_regular, read_descriptor
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text

LARGEST_BYTES = 2**20
"""No settings are longer."""


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
    """Who else can write a file that was chosen, in words; None where nobody can."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _stranger(path, status) if stat.S_ISREG(status.st_mode) else None


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


def our_variables(text: str, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of a `.env` file that begin with `prefix`, in any case; and, as they stand
    there, those whose values are filled in from the environment (`${NAME}`)."""
    from dotenv import dotenv_values

    def values(*, interpolate: bool) -> dict[str, str]:
        found = dotenv_values(stream=io.StringIO(text), interpolate=interpolate)
        ours = {name: value for name, value in found.items() if name.upper().startswith(prefix)}
        return {name: value for name, value in ours.items() if value is not None}

    plain, filled = values(interpolate=False), values(interpolate=True)
    filled |= {name: plain[name] for name in _in_single_quotes(text) if name in plain}
    return filled, {name: plain[name] for name in filled if filled[name] != plain[name]}


def _in_single_quotes(text: str) -> set[str]:
    """The variables whose values a shell would leave as they are; the last of a name counts."""
    from dotenv.parser import parse_stream

    quoted = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None:
            value = binding.original.string.partition("=")[2]
            quoted[binding.key] = value.lstrip().startswith("'")
    return {name for name, is_quoted in quoted.items() if is_quoted}

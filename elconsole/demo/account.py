"""Which operating-system account runs the embedded server, and which folders it can reach.

PostgreSQL refuses to run as root. Root therefore runs it as an existing unprivileged
account; nobody is created, and no folder that isn't ours changes its mode or owner.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path

from elconsole.core.errors import DemoUnavailable
from elconsole.core.record import record

_UNPRIVILEGED_NAMES = ("nobody", "daemon", "bin", "www-data", "games")


@record(frozen=True, slots=True)
class Account:
    """Who runs the server and who connects to it."""

    name: str
    uid: int
    gid: int
    client_name: str
    """The operating-system user elconsole itself runs as: the only one let in."""
    borrowed: bool
    """True where root hands the server to another account."""

    def own(self, folder: Path, mode: int) -> None:
        """Make a folder of ours, at this mode, the server's."""
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
        if self.borrowed:
            os.chown(folder, self.uid, self.gid)


def server_account() -> Account:
    """The account to run the server as.

    Raises `DemoUnavailable` where there is none that PostgreSQL accepts.
    """
    uid = os.geteuid()
    client = _name_of(uid)
    if client is None:
        raise DemoUnavailable(
            f"PostgreSQL needs a name for user {uid}, and the user database has none.",
            hint="run elconsole as a user that `id -un` can name",
        )
    if uid != 0:
        return Account(client, uid, os.getegid(), client, borrowed=False)
    for name in _UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid, client, borrowed=True)
    raise DemoUnavailable(
        "PostgreSQL refuses to run as root, and there is no unprivileged account "
        f"({', '.join(_UNPRIVILEGED_NAMES)}) to run it as.",
        hint="run elconsole --demo as a normal user",
    )


def can_reach(account: Account, folder: Path) -> bool:
    """Whether the account can pass through every folder down to this one.

    Folders that don't exist yet count as they would be made under the present umask.
    """
    if not account.borrowed:
        return True
    umask = os.umask(0)
    os.umask(umask)
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            mode = 0o777 & ~umask
        except OSError:
            return False
        if not mode & stat.S_IXOTH:
            return False
    return True


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raise `DemoUnavailable` where the folder's disk has less room than that."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DemoUnavailable(
            f"The demo needs {needed_bytes // 2**20} MB in {folder}, "
            f"and its disk has {free_bytes // 2**20} MB left.",
            hint="free some space, or set XDG_DATA_HOME to a folder on another disk",
        )


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None

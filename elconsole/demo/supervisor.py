"""An embedded PostgreSQL server that several processes share and that ends with the last.

One folder holds a server: its data, socket, log and three lock files. `start.lock` is
held by whoever opens the server, so that only one process at a time creates, starts or
fills it. `users.lock` is held, shared, by every user for as long as it lives.
`keeper.lock` is held by the watcher (`postmaster.py`) that runs the server and stops it when
`users.lock` is free, also after a kill -9 of every user.

Connections come through a Unix socket in a private folder and only from the operating
system's user who runs elconsole (`peer`); no password exists and no port is open.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from elconsole.core.errors import DemoUnavailable
from elconsole.demo import postmaster
from elconsole.demo.account import Account, check_room
from elconsole.demo.cluster import SUPERUSER, environment, last_line, make_cluster
from elconsole.demo.installation import Installation
from elconsole.demo.locks import POLL_S, held, is_held, is_last

_MAP = "elconsole"
_SOCKET_PATH_MAX_BYTES = 107
"""`sun_path` less its final zero (Linux unix(7))."""
_STOP_TIMEOUT_S = 30.0
_NEWCOMER_S = 0.5
"""How long the watcher may take to notice that the last user has gone."""
_CLUSTER_BYTES = 200 * 2**20
_PATIENCE_S = postmaster.START_TIMEOUT_S + 10.0


def _be_silent(_text: str) -> None:
    return None


class EmbeddedServer:
    """One server in one folder; `open` it, connect, `close` it.

    `settings` are server settings, `host_access` further lines of `pg_hba.conf`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        installation: Installation,
        account: Account,
        settings: Mapping[str, str] | None = None,
        host_access: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self._installation = installation
        self._account = account
        self._settings = {"listen_addresses": "", "port": "5432", **(settings or {})}
        self._host_access = host_access
        self._users: int | None = None

    def open(
        self,
        prepare: Callable[[EmbeddedServer], None] | None = None,
        *,
        expect: str = "",
        narrate: Callable[[str], None] = _be_silent,
    ) -> None:
        """Join the running server, or create and start it.

        `prepare` runs before anybody else may join. `expect` names what the data folder
        holds; one made for something else, or by another major version, is made anew.
        `narrate` hears of that, and of a long wait. Raises `DemoUnavailable`, naming the
        folder and the next step.
        """
        try:
            self._open(prepare, expect, narrate)
        except OSError as error:
            self.close()
            raise self._refused(error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the server. The last to leave waits until it has stopped."""
        if self._users is None:
            return
        users, self._users = self._users, None
        last = is_last(users)
        os.close(users)
        if last:
            self._wait_until_stopped()

    @property
    def socket_folder(self) -> str:
        """The folder to connect to, as libpq's `host`."""
        lines = postmaster.postmaster_lines(self.data)
        return lines[4].strip() if len(lines) > 4 else str(self.folder / "socket")

    @property
    def port(self) -> int:
        return int(self._settings["port"])

    @property
    def pid(self) -> int:
        """The postmaster's process id; 0 while it doesn't run."""
        return postmaster.running_postmaster(self.data, self._account.uid)

    def parameters(self, dbname: str = "postgres", user: str = SUPERUSER) -> dict[str, str]:
        """What libpq needs to connect."""
        return {
            "host": self.socket_folder,
            "port": str(self.port),
            "dbname": dbname,
            "user": user,
        }

    def _open(
        self,
        prepare: Callable[[EmbeddedServer], None] | None,
        expect: str,
        narrate: Callable[[str], None],
    ) -> None:
        self._make_folder()
        with held(self.folder / "start.lock", narrate):
            self._users = self._join()
            if not self._is_running():
                self._create_data(expect, narrate)
                self._start()
            if prepare is not None:
                prepare(self)

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._account.borrowed:
            self.folder.chmod(0o755)

    def _join(self) -> int:
        """Hold `users.lock`; wait while a watcher is stopping the server for want of users."""
        users = os.open(self.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
        except BaseException:
            os.close(users)
            raise
        return users

    def _is_running(self) -> bool:
        """Whether a watcher keeps a server that serves; waits while it starts or stops one."""
        deadline = time.monotonic() + _PATIENCE_S
        while is_held(self.folder / "keeper.lock"):
            lines = postmaster.postmaster_lines(self.data)
            if len(lines) > 7 and lines[7].strip() == "ready" and self.pid:
                return True
            if time.monotonic() > deadline:
                raise DemoUnavailable(
                    f"The demo's server in {self.folder} neither serves nor stops.",
                    hint=f"read {self.log}, end its processes and try again",
                )
            time.sleep(POLL_S)
        return False

    def _create_data(self, expect: str, narrate: Callable[[str], None]) -> None:
        """Make the data folder where it is missing, half-made or made for something else."""
        wanted = f"{self._installation.major} {expect}".strip()
        marker = self.folder / "made-for"
        if self.data.is_dir() and _text(marker) == wanted:
            return
        if marker.exists():
            narrate(
                f"The demo in {self.folder} was made by another version (for {_text(marker)}, "
                f"now {wanted}): making it anew."
            )
        marker.unlink(missing_ok=True)
        for leftover in (self.data, *self.folder.glob("data.*.new")):
            shutil.rmtree(leftover, ignore_errors=True)
        check_room(self.folder, _CLUSTER_BYTES)
        draft = self.folder / f"data.{os.getpid()}.new"
        make_cluster(draft, self._installation, self._account)
        draft.rename(self.data)
        marker.write_text(wanted)

    def _start(self) -> None:
        socket_folder, temporary = self._make_socket_folder()
        self._write_access()
        settings = {
            **self._settings,
            "unix_socket_directories": f'"{socket_folder}"',
            "hba_file": str(self.folder / "pg_hba.conf"),
            "ident_file": str(self.folder / "pg_ident.conf"),
        }
        command = [self._installation.program("postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        error = self._watch(
            {
                "folder": str(self.folder),
                "data": str(self.data),
                "log": str(self.log),
                "command": command,
                "environment": environment(),
                "uid": self._account.uid,
                "gid": self._account.gid,
                "borrowed": self._account.borrowed,
                "temporary_socket_folder": str(temporary) if temporary else None,
            }
        )
        if error is not None:
            self._wait_until_stopped()
            raise DemoUnavailable(
                f"The demo's server in {self.folder} did not start: {error} "
                f"({last_line(_text(self.log))}).",
                hint=f"read {self.log}; removing {self.folder} makes the demo start afresh",
            )

    def _watch(self, spec: Mapping[str, object]) -> str | None:
        """Start the watcher; None once the server serves, else why it doesn't."""
        ours, theirs = os.pipe()
        try:
            with self.log.open("wb") as log:
                subprocess.run(
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        postmaster.__file__,
                        json.dumps(spec),
                        str(theirs),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs,),
                    check=False,
                    cwd="/",
                )
            os.close(theirs)
            theirs = -1
            answer = _read_line(ours, _PATIENCE_S)
        finally:
            os.close(ours)
            if theirs >= 0:
                os.close(theirs)
        if not answer:
            return "its watcher ended"
        error = json.loads(answer)["error"]
        return None if error is None else str(error)

    def _make_socket_folder(self) -> tuple[Path, Path | None]:
        """A private folder for the socket; a temporary one where its path would not do."""
        place = self.folder / "socket"
        path = str(place / f".s.PGSQL.{self.port}")
        fits = len(os.fsencode(path)) <= _SOCKET_PATH_MAX_BYTES
        if fits and not set(path) & set(",\"'\\"):
            self._account.own(place, 0o700)
            return place, None
        temporary = Path(tempfile.mkdtemp(prefix="elconsole-", dir=_short_temporary_folder()))
        self._account.own(temporary, 0o700)
        return temporary, temporary

    def _write_access(self) -> None:
        """Let in, as any role, the one operating-system user who runs elconsole."""
        hba = [f"local all all peer map={_MAP}", *self._host_access]
        client = self._account.client_name.replace('"', '""')
        for name, lines in (
            ("pg_hba.conf", hba),
            ("pg_ident.conf", [f'{_MAP} "{client}" all']),
        ):
            place = self.folder / name
            place.write_text("\n".join(lines) + "\n")
            place.chmod(0o644)

    def _wait_until_stopped(self) -> None:
        """Return when the watcher has ended, or when a newcomer keeps it at work."""
        began = time.monotonic()
        while is_held(self.folder / "keeper.lock"):
            waited_s = time.monotonic() - began
            kept = waited_s > _NEWCOMER_S and not is_held(self.folder / "users.lock")
            if kept or waited_s > _STOP_TIMEOUT_S:
                return
            time.sleep(POLL_S)

    def _refused(self, error: OSError) -> DemoUnavailable:
        place = error.filename or self.folder
        hint = "set XDG_DATA_HOME to a folder this user may write to"
        if error.errno == errno.ENOSPC:
            hint = "free some space, or set XDG_DATA_HOME to a folder on another disk"
        return DemoUnavailable(
            f"The demo can't keep its server in {self.folder}: {place}: {error.strerror}.",
            hint=hint,
        )


def _short_temporary_folder() -> str | None:
    """Where a socket's path stays short, whatever TMPDIR says."""
    return "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108  mkdtemp makes it private


def _read_line(descriptor: int, patience_s: float) -> bytes:
    deadline = time.monotonic() + patience_s
    received = b""
    while not received.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        block = os.read(descriptor, 4096) if readable else b""
        if not block:
            break
        received += block
    return received


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

"""Keeps one embedded server running while anybody uses it: a process of its own.

Each user holds a shared lock on `users.lock`, which the kernel releases however the
user ends. This process starts the server, waits for the exclusive lock, which it gets
when the last user has gone, and stops the server. It runs by path, on nothing but the
standard library, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

START_TIMEOUT_S = 120.0
_POLL_S = 0.01
_STOPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
"""Fast, immediate, and the kernel's way, each with the seconds it is given."""


class Postmaster:
    """A postmaster: our own child or one that a killed watcher left behind."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.data = Path(spec["data"])
        self.child: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self) -> str | None:
        """Start or adopt the server and wait until it serves; the reason if it doesn't."""
        deadline = time.monotonic() + START_TIMEOUT_S
        self.pid = running_postmaster(self.data, self.spec["uid"])
        while not self.pid or not self._is_ready():
            if time.monotonic() > deadline:
                return f"it did not get ready within {START_TIMEOUT_S:.0f} seconds"
            if not self.pid:
                self._spawn()
            elif not self.is_alive():
                if not self._held_by_a_dying_server():
                    return "it stopped while starting"
                self.pid = 0
            time.sleep(_POLL_S)
        return None

    def is_alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return is_postmaster(self.pid, self.data, self.spec["uid"])

    def wait(self) -> None:
        """Return when the server has ended."""
        if self.child is not None:
            self.child.wait()
        while self.is_alive():
            time.sleep(0.2)

    def stop(self) -> None:
        for number, patience_s in _STOPS:
            deadline = time.monotonic() + patience_s
            if self.is_alive():
                os.kill(self.pid, number)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            if not self.is_alive():
                return

    def _spawn(self) -> None:
        account: dict[str, Any] = {}
        if self.spec["borrowed"]:
            account = {"user": self.spec["uid"], "group": self.spec["gid"], "extra_groups": []}
        forget_foreign_pid(self.data, self.spec["uid"])
        self.child = subprocess.Popen(
            self.spec["command"],
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=self.spec["environment"],
            start_new_session=True,
            umask=0o077,
            **account,
        )
        self.pid = self.child.pid

    def _is_ready(self) -> bool:
        lines = postmaster_lines(self.data)
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _held_by_a_dying_server(self) -> bool:
        """A killed postmaster's last backends keep its shared memory for a moment."""
        with contextlib.suppress(OSError):
            return b"shared memory block" in Path(self.spec["log"]).read_bytes()[-2000:]
        return False


def postmaster_lines(data: Path) -> list[str]:
    """The lines of `postmaster.pid`; none where there is no such file."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def running_postmaster(data: Path, uid: int) -> int:
    """The process id of the server that runs on this data folder, or 0."""
    lines = postmaster_lines(data)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    return pid if is_postmaster(pid, data, uid) else 0


def is_postmaster(pid: int, data: Path, uid: int) -> bool:
    """Whether that process is the server of this data folder, not a later owner of its number."""
    if pid <= 1:
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    process = Path("/proc", str(pid))
    if not process.is_dir():
        return not Path("/proc/self").exists()
    try:
        return process.stat().st_uid == uid and (process / "cwd").resolve() == data.resolve()
    except OSError:
        return False


def forget_foreign_pid(data: Path, uid: int) -> None:
    """Remove a stale `postmaster.pid` whose number another process of ours has now.

    PostgreSQL itself removes one whose process is gone, but can't tell a stranger apart.
    """
    lines = postmaster_lines(data)
    if not lines or not lines[0].isdigit() or is_postmaster(int(lines[0]), data, uid):
        return
    with contextlib.suppress(OSError):
        os.kill(int(lines[0]), 0)
        (data / "postmaster.pid").unlink()


def keep(spec: dict[str, Any], answer: int) -> None:
    """Run the server until its last user has gone."""
    folder = Path(spec["folder"])
    keeper = os.open(folder / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(keeper, fcntl.LOCK_EX)
    users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    server = Postmaster(spec)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, _leave)
    try:
        error = server.start()
        _tell(answer, error)
        if error is None:
            threading.Thread(target=_follow, args=(server, stopping, spec), daemon=True).start()
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        stopping.set()
        server.stop()
        _remove_socket_folder(spec)
        fcntl.flock(keeper, fcntl.LOCK_UN)


def _follow(server: Postmaster, stopping: threading.Event, spec: dict[str, Any]) -> None:
    """End with a server that ends by itself, so that the next user starts another."""
    server.wait()
    if not stopping.is_set():
        _remove_socket_folder(spec)
        os._exit(1)


def _remove_socket_folder(spec: dict[str, Any]) -> None:
    if spec["temporary_socket_folder"]:
        shutil.rmtree(spec["temporary_socket_folder"], ignore_errors=True)


def _tell(answer: int, error: str | None) -> None:
    with contextlib.suppress(OSError):
        os.write(answer, json.dumps({"error": error}).encode() + b"\n")
        os.close(answer)


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def _detach() -> None:
    """Become nobody's child, so that nobody has to reap us and no terminal stops us."""
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    _detach()
    keep(json.loads(sys.argv[1]), int(sys.argv[2]))

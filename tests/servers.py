"""Servers that a test runs by itself: standbys, and other versions of PostgreSQL."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from elconsole.demo.account import server_account
from elconsole.demo.cluster import SUPERUSER, environment
from tests.postgres import Database
from tests.waiting import until

START_S, STOP_S = 60.0, 30.0


@contextlib.contextmanager
def running(program: Path, data: Path, settings: Mapping[str, str]) -> Iterator[Database]:
    """A server on this data folder, its socket beside it; its database `postgres`."""
    server_account().own(data.parent, 0o755)
    command = [str(program), "-D", str(data)]
    own = {"unix_socket_directories": str(data.parent), "listen_addresses": ""}
    for name, value in {**own, **settings}.items():
        command += ["-c", f"{name}={value}"]
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **as_account())
    place = {"host": str(data.parent), "port": "5432", "dbname": "postgres", "user": SUPERUSER}
    found = Database("postgres", place)
    try:
        until(lambda: _answers(found), timeout_s=START_S)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)


def as_account() -> dict[str, Any]:
    """How to start a program as the account that servers run as."""
    account = server_account()
    started: dict[str, Any] = {"cwd": "/", "env": environment()}
    if account.borrowed:
        started.update(user=account.uid, group=account.gid, extra_groups=[])
    return started


def _answers(database: Database) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return bool(database.scalar("SELECT true"))
    return False

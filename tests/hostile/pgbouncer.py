"""The real PgBouncer in front of the test server, as an account without rights."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elconsole.demo.account import server_account
from tests.postgres import PostgresServer, free_port

PROGRAM = "pgbouncer"
START_TIMEOUT_S = 10.0


def program() -> str:
    """Where PgBouncer is; a test that needs it fails in CI where it is not, and is skipped
    elsewhere."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which(PROGRAM, path=path)
    if found is None:
        missing = "PgBouncer is not installed: apt-get install pgbouncer"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running PgBouncer."""

    port: int
    password: str
    """Of every role."""

    def through(self, block: Mapping[str, Any]) -> dict[str, Any]:
        """A connection's settings, led through the pooler."""
        return {**block, "host": "127.0.0.1", "port": self.port, "password": self.password}


@contextlib.contextmanager
def pooler(
    server: PostgresServer, folder: Path, roles: list[str], **settings: str
) -> Iterator[Pooler]:
    """Run PgBouncer for these roles until the block ends; `settings` are its own."""
    found, account = program(), server_account()
    account.own(folder, 0o700)
    ours = Pooler(int(settings.get("listen_port") or free_port()), server.password)
    for role in roles:
        server.admin.sql(f"ALTER ROLE \"{role}\" PASSWORD '{ours.password}'")
    users = folder / "users.txt"
    users.write_text("".join(f'"{role}" "{ours.password}"\n' for role in roles))
    file = folder / "pgbouncer.ini"
    file.write_text(_configuration(server, ours.port, users, settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [found, str(file)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=account.uid if account.borrowed else None,
            group=account.gid if account.borrowed else None,
            extra_groups=[] if account.borrowed else None,
        )
    try:
        _await_start(process, ours.port, folder / "log")
        yield ours
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _configuration(
    server: PostgresServer, port: int, users: Path, settings: Mapping[str, str]
) -> str:
    keys = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(users),
        "max_client_conn": "200",
        "default_pool_size": "40",
        "server_fast_close": "1",
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in keys.items()]
    databases = f"* = host=127.0.0.1 port={server.tcp_port}"
    return "\n".join(["[databases]", databases, "[pgbouncer]", *lines, ""])


def _await_start(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail(f"PgBouncer did not start: {log.read_text()}")

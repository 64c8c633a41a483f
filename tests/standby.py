"""A standby of a test's own server: a copy of its files that replays its finished WAL."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg

from elconsole.demo.account import server_account
from tests.postgres import Database, PostgresServer
from tests.servers import running

HARDLY_EVER = {"checkpoint_timeout": "1h", "checkpoint_completion_target": "0.9"}
"""A checkpoint that nobody presses takes as long as it may."""


@contextlib.contextmanager
def standby_of(server: PostgresServer, folder: Path) -> Iterator[Database]:
    """The standby's database `postgres`; the server's own WAL folder is its archive."""
    account = server_account()
    data, primary = folder / "data", server.embedded.data
    with server.admin.connect() as connection:
        start, stop = _backup_functions(connection)
        connection.execute(f"SELECT {start}".encode())
        _copy(primary, data)
        ((label, *_),) = connection.execute(f"SELECT labelfile FROM {stop}".encode()).fetchall()
    (data / "backup_label").write_text(label)
    (data / "standby.signal").touch()
    own = {
        "restore_command": f"cp {primary}/pg_wal/%f %p",
        "hba_file": str(server.embedded.folder / "pg_hba.conf"),
        "ident_file": str(server.embedded.folder / "pg_ident.conf"),
        "max_connections": "200",
        "max_prepared_transactions": "10",
        **HARDLY_EVER,
    }
    for place in (folder, data, *data.rglob("*")):
        shutil.chown(place, account.uid, account.gid)
    with running(Path(server.installation.program("postgres")), data, own) as found:
        yield found


def _backup_functions(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[str, str]:
    if connection.info.server_version >= 150000:
        return "pg_backup_start('copy', true)", "pg_backup_stop(false)"
    return "pg_start_backup('copy', true, false)", "pg_stop_backup(false, false)"


def _copy(primary: Path, data: Path) -> None:
    left_out = shutil.ignore_patterns("postmaster.*", "pg_replslot", "pg_internal.init*")
    shutil.copytree(primary, data, ignore=left_out)
    shutil.rmtree(data / "pg_wal")
    for name in ("pg_wal", "pg_replslot", "pg_wal/archive_status"):
        (data / name).mkdir(mode=0o700)
    data.chmod(0o700)

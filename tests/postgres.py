"""Real PostgreSQL for tests: one embedded server, databases that come and go."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from elconsole import demo
from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.load import load_settings
from elconsole.demo.account import Account, can_reach, server_account
from elconsole.demo.cluster import SUPERUSER
from elconsole.demo.installation import Installation, install_for
from elconsole.demo.supervisor import EmbeddedServer

SOURCES = ("refills", "bodies", "springs")
SEED = Path(demo.__file__).parent / "seed"
PREFIX = "elconsole-test-"
MEMORY = Path("/dev/shm")
"""On a disk, CREATE DATABASE takes ten times the processor's time, for its 300 files."""
MEMORY_BYTES = 4 * 2**30
DROP_TRIES = 6
TEST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that the server's account can pass through, removed at the end."""
    _sweep(MEMORY)
    for parent in (*_roomy(MEMORY), Path(tempfile.gettempdir()), Path("/var/tmp")):
        prefix = f"{PREFIX}{os.getpid()}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        folder.chmod(0o755)
        if can_reach(server_account(), folder):
            break
        shutil.rmtree(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _roomy(memory: Path) -> tuple[Path, ...]:
    """The file system in memory, where there is one with room for servers and their programs."""
    if not os.access(memory, os.W_OK):
        return ()
    found = os.statvfs(memory)
    roomy = found.f_bavail * found.f_frsize >= MEMORY_BYTES
    return (memory,) if roomy and not found.f_flag & os.ST_NOEXEC else ()


def _sweep(memory: Path) -> None:
    """Remove what sessions that were killed have left in memory."""
    for folder in memory.glob(f"{PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(PREFIX).split("-")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the test server, with the superuser's connection data."""

    name: str
    params: dict[str, str]

    @property
    def conninfo(self) -> str:
        return make_conninfo("", **cast("dict[str, Any]", self.params))

    def as_role(self, user: str, password: str | None = None) -> dict[str, str]:
        """The connection data of another role (peer lets the test be anyone)."""
        secret = {} if password is None else {"password": password}
        return {**self.params, "user": user, **secret}

    def connect(self, **changes: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that commits by itself; `changes` are libpq keywords."""
        parameters: dict[str, Any] = {**self.params, **changes}
        return psycopg.connect(make_conninfo("", **parameters), autocommit=True)

    def sql(self, text: str, *arguments: object, **changes: Any) -> list[tuple[Any, ...]]:
        """Run SQL as superuser (several statements where no arguments); the last one's rows."""
        with self.connect(**changes) as connection:
            cursor = connection.execute(text, arguments or None)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description is not None else []

    def scalar(self, text: str, *arguments: object) -> Any:
        """The first column of the first row."""
        return self.sql(text, *arguments)[0][0]


class PostgresServer:
    """An embedded server for tests, with the databases and roles made on it."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        account: Account = server_account()
        self.installation: Installation = install_for(account, folder)
        self.password = secrets.token_hex(8)
        self.tcp_port = free_port()
        self._numbers = itertools.count(1)
        self.embedded = EmbeddedServer(
            folder / "server",
            installation=self.installation,
            account=account,
            settings={
                **TEST_SETTINGS,
                "listen_addresses": "127.0.0.1",
                "port": str(self.tcp_port),
                **(settings or {}),
            },
            host_access=("host all all 127.0.0.1/32 scram-sha-256",),
        )

    def start(self) -> None:
        self.embedded.open()
        self.admin.sql(f"ALTER ROLE {SUPERUSER} PASSWORD '{self.password}'")

    def stop(self) -> None:
        self.embedded.close()

    @property
    def pid(self) -> int:
        return self.embedded.pid

    @property
    def admin(self) -> Database:
        """The superuser's database `postgres`."""
        return Database("postgres", self.embedded.parameters())

    def tcp(self, database: Database) -> Database:
        """The same database over TCP with the superuser's password."""
        address = {"host": "127.0.0.1", "password": self.password}
        return Database(database.name, {**database.params, **address})

    def create_database(
        self, name_hint: str = "source", encoding: str = "UTF8", owner: str | None = None
    ) -> Database:
        """A new, empty database of a unique name."""
        name = f"{name_hint}_{os.getpid()}_{next(self._numbers)}"
        statement = sql.SQL(
            "CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0 STRATEGY file_copy"
        ).format(sql.Identifier(name), sql.Literal(encoding))
        if owner is not None:
            statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
        with self.admin.connect() as connection:
            connection.execute(statement)
        return Database(name, self.embedded.parameters(name))

    def drop_database(self, database: Database) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
            sql.Identifier(database.name)
        )
        # The server gives those that it ends five seconds, which a busy machine may need.
        for patience in reversed(range(DROP_TRIES)):
            try:
                with self.admin.connect() as connection:
                    connection.execute(statement)
                return
            except psycopg.errors.ObjectInUse:
                if not patience:
                    raise

    def create_role(self, name_hint: str = "role", options: str = "LOGIN") -> str:
        """A new role of a unique name, without a password."""
        name = f"{name_hint}_{os.getpid()}_{next(self._numbers)}"
        self.admin.sql(f'CREATE ROLE "{name}" {options}')
        return name

    def drop_role(self, name: str) -> None:
        """Drop a role whose databases are gone already."""
        self.admin.sql(f'DROP ROLE IF EXISTS "{name}"')


@dataclass(frozen=True, slots=True)
class Factory:
    """The pen plant in databases of one test: sources with units, and an empty warehouse."""

    sources: dict[str, Database]
    warehouse: Database
    roles: dict[str, str]
    """By source name and `warehouse`: the least-privileged role."""

    def connection(self, name: str) -> dict[str, Any]:
        """A `[sources.NAME]` or `[warehouse]` block: the least-privileged role over the socket."""
        database = self.warehouse if name == "warehouse" else self.sources[name]
        parameters = database.as_role(self.roles[name])
        return {**parameters, "port": int(parameters["port"])}

    def overrides(self) -> dict[str, Any]:
        """For `load_settings(overrides=…)`."""
        return {
            "warehouse": self.connection("warehouse"),
            "sources": {
                name: {**self.connection(name), "tables": [f"{name}_production"]}
                for name in self.sources
            },
        }


def seed_source(database: Database, name: str, rows: int | None = None) -> None:
    """Fill a database with the pen plant's units of one source."""
    with database.connect() as connection, connection.transaction():
        connection.execute(
            "SELECT set_config('elconsole.demo_rows', %s, true)", [str(rows) if rows else ""]
        )
        connection.execute((SEED / f"{name}.sql").read_bytes())


def grant_least(factory: Factory) -> None:
    """Give the roles exactly what `elconsole grants` prints, and take away what all have."""
    settings = load_settings(overrides=factory.overrides(), environ={}).settings
    for name, database in factory.sources.items():
        _grant(database, source_grants(name, settings.sources[name]))
    _grant(factory.warehouse, warehouse_grants(settings.warehouse))


def _grant(database: Database, statements: str) -> None:
    database.sql(f'REVOKE ALL ON DATABASE "{database.name}" FROM PUBLIC')
    database.sql(statements)

"""The pen plant on an embedded server: three sources, a warehouse, and their rows.

Each plant lies in a folder of its own: `plant` with the 350 units, `plant-N` with N
units a source. What a sync loaded into the warehouse stays there between runs.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elconsole.core.errors import DemoUnavailable
from elconsole.core.record import record
from elconsole.demo.account import Account, can_reach, check_room, server_account
from elconsole.demo.installation import find_installation, install_for
from elconsole.demo.supervisor import EmbeddedServer

if TYPE_CHECKING:
    import psycopg

SOURCES = ("refills", "bodies", "springs")
WAREHOUSE = "warehouse"
OWNER = "plant_owner"
"""Owns the sources and their tables; elconsole itself reads them as `<source>_user`."""
_SHARED_FOLDER = Path("/var/lib/elconsole")
_EDITION = "1"
"""Changes with the seed's SQL: a plant of another edition is made anew."""
_BYTES_PER_UNIT = 1200
"""Room for a unit in a source, in its log and twice in the warehouse."""

_SETTINGS = {
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_checkpoints": "off",
}
"""A demo has no replicas: a table filled where it was created needs no log."""

ROWS_TO_JUDGE = 20_000
"""Units of each source of which every line and material has enough a day for a chart."""

Narrate = Callable[[str], None]


@record(frozen=True, slots=True)
class Plant:
    """A running plant."""

    home: Path
    """The demo's folder: programs, plants, logs; nothing lies elsewhere."""
    server: EmbeddedServer
    rows: int | None
    """Units in each source; None for the plant of 350."""

    def overrides(self) -> dict[str, Any]:
        """The settings that point elconsole at this plant instead of the default addresses."""
        return {
            "name": "pen plant (demo)",
            "warehouse": self._connection(WAREHOUSE),
            "sources": {
                name: {**self._connection(name), "tables": [f"{name}_production"]}
                for name in SOURCES
            },
        }

    def connect(self, dbname: str, user: str = OWNER) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that commits by itself; as the owner unless told."""
        return _connect(self.server, dbname, user)

    def _connection(self, dbname: str) -> dict[str, Any]:
        parameters: dict[str, Any] = self.server.parameters(dbname, f"{dbname}_user")
        return {**parameters, "port": int(parameters["port"])}


@contextlib.contextmanager
def open_plant(rows: int | None = None, *, narrate: Narrate | None = None) -> Iterator[Plant]:
    """Start or join the plant and leave it at the end; the last to leave stops it.

    `rows` are the units of each source, None the 350 of the documentation. `narrate`
    hears of work that takes more than a moment, and once, when the plant is made, where it
    lives. Raises `DemoUnavailable`.
    """
    if rows is not None and rows < 1:
        raise DemoUnavailable(
            f"A plant can't have {rows} units a source.", hint="give --demo-rows 1 or more"
        )
    tell = narrate or _be_silent
    find_installation()
    account = server_account()
    home = demo_folder(account)
    with _refusals(home):
        _make_home(home, account)
        server = EmbeddedServer(
            home / ("plant" if rows is None else f"plant-{rows}"),
            installation=install_for(account, home),
            account=account,
            settings=_SETTINGS,
        )
    server.open(
        lambda running: _ensure_seeded(running, home, rows, tell),
        expect=f"plant {_EDITION}",
        narrate=tell,
    )
    try:
        yield Plant(home, server, rows)
    finally:
        server.close()


def demo_folder(account: Account) -> Path:
    """The folder everything of the demo lies in.

    The platform's data folder or, where the server's account can't get there (root's
    home is private), one of ours that belongs to that data folder alone.
    """
    import hashlib

    from platformdirs import user_data_path

    folder = user_data_path("elconsole", appauthor=False) / "demo"
    if can_reach(account, folder):
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    return _SHARED_FOLDER / f"demo-{name}"


def _make_home(home: Path, account: Account) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    if home.parent == _SHARED_FOLDER:
        _SHARED_FOLDER.chmod(0o755)
    home.mkdir(exist_ok=True)
    home.chmod(0o755 if account.borrowed else 0o700)
    if not can_reach(account, home):
        raise DemoUnavailable(
            f"The account {account.name}, which runs the demo's server for root, "
            f"can't reach {home}.",
            hint="set XDG_DATA_HOME to a folder that every user may pass through",
        )


@contextlib.contextmanager
def _refusals(home: Path) -> Iterator[None]:
    """Turn the file system's refusals into an error that names the folder and a way out."""
    try:
        yield
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.strerror else str(error)[:200]
        raise DemoUnavailable(
            f"The demo can't keep its files in {home}: {reason}.",
            hint="set XDG_DATA_HOME to a folder this user may write to, with 500 MB of room",
        ) from error


def _be_silent(_text: str) -> None:
    return None


def _connect(
    server: EmbeddedServer, dbname: str, user: str | None = None
) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    parameters: dict[str, Any] = server.parameters(dbname)
    if user is not None:
        parameters["user"] = user
    return psycopg.connect(**parameters, autocommit=True, connect_timeout=10)


def _ensure_seeded(server: EmbeddedServer, home: Path, rows: int | None, tell: Narrate) -> None:
    """Fill a plant that was never filled to the end; the mark on the owner's role comes last."""
    import psycopg

    try:
        with _connect(server, "postgres") as admin:
            if _is_seeded(admin):
                return
            _say_what_takes_time(rows, tell)
            check_room(server.folder, 0 if rows is None else rows * 3 * _BYTES_PER_UNIT)
            _create_databases(admin)
            _seed_sources(server, rows)
            with _connect(server, WAREHOUSE) as warehouse:
                warehouse.execute(_statements("warehouse_rights"))
            admin.execute("COMMENT ON ROLE plant_owner IS 'seeded'")
            admin.execute("CHECKPOINT")
        for line in notice(home, rows):
            tell(line)
    except psycopg.Error as error:
        raise DemoUnavailable(
            f"The demo plant in {server.folder} could not be filled: {str(error).strip()}.",
            hint=f"read {server.log}; removing {server.folder} makes it start afresh",
            sqlstate=error.sqlstate,
        ) from error


def notice(home: Path, rows: int | None) -> Iterator[str]:
    """Where the demo lives, how to remove it and how to get one that charts can judge; a command
    to paste ends its line."""
    yield f"The demo plant lives in {home}; to remove it: rm -r {shlex.quote(str(home))}"
    if rows is None:
        yield (
            "It has 350 units, too few for its control charts to judge:"
            f" --demo-rows {ROWS_TO_JUDGE} makes one with enough, beside it"
        )


def _say_what_takes_time(rows: int | None, tell: Narrate) -> None:
    if rows is not None and rows > 50_000:
        tell(f"Making the demo plant with {rows:,} units in each source…")


def _is_seeded(admin: psycopg.Connection[tuple[Any, ...]]) -> bool:
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", [OWNER]
    ).fetchone()
    return row is not None and row[0] == "seeded"


def _create_databases(admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Make roles and empty databases, in place of what an interrupted seeding left."""
    from psycopg import sql

    for name in (*SOURCES, WAREHOUSE):
        admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
    for role in (OWNER, *(f"{name}_user" for name in (*SOURCES, WAREHOUSE))):
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    for name in (*SOURCES, WAREHOUSE):
        admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(OWNER)
            )
        )


def _seed_sources(server: EmbeddedServer, rows: int | None) -> None:
    """Fill the three sources at once; an interrupt cancels their statements."""
    connections: list[psycopg.Connection[tuple[Any, ...]]] = []
    adding = threading.Lock()

    def seed(name: str) -> None:
        with _connect(server, name, OWNER) as connection:
            with adding:
                connections.append(connection)
            _seed(connection, name, rows)

    with ThreadPoolExecutor(len(SOURCES), thread_name_prefix="seed") as pool:
        pending = [pool.submit(seed, name) for name in SOURCES]
        try:
            for future in pending:
                future.result()
        except BaseException:
            with adding:
                for connection in connections:
                    connection.cancel_safe(timeout=5.0)
            raise


def _seed(connection: psycopg.Connection[tuple[Any, ...]], name: str, rows: int | None) -> None:
    with connection.transaction():
        connection.execute(
            "SELECT set_config('elconsole.demo_rows', %s, true)",
            ["" if rows is None else str(rows)],
        )
        connection.execute(_statements(name))
        connection.execute(_statements("source_rights"))
    connection.execute("VACUUM (ANALYZE)")


def _statements(name: str) -> bytes:
    """A file of `seed/`, as bytes: its `%` signs are SQL's own."""
    return resources.files("elconsole.demo").joinpath("seed", f"{name}.sql").read_bytes()

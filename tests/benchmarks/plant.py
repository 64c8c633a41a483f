"""The pen plant to measure on: one embedded server for the sources, one for the warehouses."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.postgres import (
    SOURCES,
    Database,
    Factory,
    PostgresServer,
    grant_least,
    reachable_folder,
    seed_source,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER_SETTINGS = {
    # What tests/postgres.py changes for fast tests, back at PostgreSQL's own defaults.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # It starts at moments of its own, in one contender's run and not in the other's.
    "autovacuum": "off",
}
METADATA_COLUMNS = (
    "_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL,"
    " _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint NOT NULL"
)
METADATA_EXPRESSIONS = (
    'gen_random_uuid()::text, now(), \'{"sync_id": 1, "changes": []}\'::jsonb, 1::bigint'
)


@dataclass(frozen=True, slots=True)
class Plant:
    """Seeded sources on one server, and a warehouse server to make databases on."""

    folder: Path
    source_server: PostgresServer
    warehouse_server: PostgresServer
    sources: Mapping[str, Database]

    @property
    def postmasters(self) -> dict[str, int]:
        return {"sources": self.source_server.pid, "warehouse": self.warehouse_server.pid}

    @property
    def psql(self) -> str:
        return self.source_server.installation.program("psql")

    @property
    def environment(self) -> dict[str, str]:
        """An empty home, none of the developer's settings, and this checkout's code."""
        foreign = ("ELCONSOLE_", "XDG_", "PG", "PYTHON")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return {**kept, "HOME": str(self.folder / "home"), "PYTHONPATH": str(REPOSITORY)}

    def row_count(self) -> int:
        """Rows of all sources now."""
        return sum(db.scalar(f"SELECT count(*) FROM {table(n)}") for n, db in self.sources.items())

    def make_warehouse(self, name: str) -> Database:
        """A new database on the warehouse server, reached over TCP."""
        server = self.warehouse_server
        return server.tcp(server.create_database(name))

    def settle(self) -> None:
        """Write what earlier runs left behind, so that no run pays for another."""
        for server in (self.source_server, self.warehouse_server):
            server.admin.sql("CHECKPOINT")


@contextlib.contextmanager
def open_plant(rows: int | None, sources: tuple[str, ...] = SOURCES) -> Iterator[Plant]:
    """Both servers, with `rows` rows a source (None: the demo's 350), gone at the end."""
    with reachable_folder() as folder, contextlib.ExitStack() as stack:
        (folder / "home").mkdir()
        source_server = _server(folder / "sources", stack)
        warehouse_server = _server(folder / "warehouse", stack)
        databases = {
            name: source_server.tcp(source_server.create_database(name)) for name in sources
        }
        for name, database in databases.items():
            seed_source(database, name, rows)
            database.sql(f"VACUUM (FREEZE, ANALYZE) {table(name)}")
        yield Plant(folder, source_server, warehouse_server, databases)


def _server(folder: Path, stack: contextlib.ExitStack) -> PostgresServer:
    folder.mkdir()
    folder.chmod(0o755)
    server = PostgresServer(folder, settings=SERVER_SETTINGS)
    server.start()
    stack.callback(server.stop)
    return server


def table(source: str) -> str:
    return f"{source}_production"


def column_names(database: Database, source: str) -> list[str]:
    found = database.sql(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table(source),
    )
    return [str(name) for (name,) in found]


def make_plain_tables(plant: Plant, *, metadata: bool = True) -> Database:
    """A warehouse database with the source's columns, and the metadata's, in plain tables."""
    warehouse = plant.make_warehouse("plain")
    for name, database in plant.sources.items():
        columns = database.sql(
            "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) ||"
            " CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END"
            " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            table(name),
        )
        first = [METADATA_COLUMNS] if metadata else []
        listed = ", ".join([*first, *(str(column) for (column,) in columns)])
        warehouse.sql(f"CREATE TABLE {table(name)} ({listed})")
    return warehouse


def write_settings(
    plant: Plant, warehouse_name: str, table_settings: Mapping[str, Any] | None = None
) -> tuple[Path, Database]:
    """A settings file for a new warehouse of its own, under the roles that `grants` makes; and
    that warehouse, as the superuser sees it."""
    secret = {"password": secrets.token_hex(8)}
    login = f"LOGIN PASSWORD '{secret['password']}'"
    roles = {name: plant.source_server.create_role(name, login) for name in plant.sources}
    roles["warehouse"] = plant.warehouse_server.create_role("warehouse", login)
    warehouse = plant.make_warehouse(warehouse_name)
    factory = Factory(dict(plant.sources), warehouse, roles)
    grant_least(factory)
    place = plant.folder / f"{warehouse_name}.toml"
    lines = ["[warehouse]", *_toml({**factory.connection("warehouse"), **secret})]
    for name in factory.sources:
        tables = {"tables": [table(name)]}
        lines += [f"[sources.{name}]", *_toml({**factory.connection(name), **secret, **tables})]
        if table_settings:
            lines += [f"[sources.{name}.table.{table(name)}]", *_toml(table_settings)]
    place.write_text("\n".join(lines) + "\n")
    place.chmod(0o600)
    return place, warehouse


def _toml(values: Mapping[str, Any]) -> list[str]:
    """Texts, numbers and lists are written alike in JSON and TOML."""
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def elconsole(settings: Path, *arguments: str) -> list[str]:
    """The command line of a headless elconsole."""
    return [sys.executable, "-m", "elconsole", "-c", str(settings), "--headless", *arguments]

"""A source and a warehouse of plain tables on one server, for many, wide and far-off ones."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.models import Settings
from tests.benchmarks.machine import Cost, measure
from tests.benchmarks.plant import SERVER_SETTINGS
from tests.postgres import Database, PostgresServer, reachable_folder

REPOSITORY = Path(__file__).resolve().parents[2]
STATEMENTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Site:
    """Fresh databases, the roles that `grants` makes, and what to write into settings."""

    folder: Path
    server: PostgresServer
    source: Database
    warehouse: Database
    roles: tuple[str, str] = field(repr=False)

    @property
    def socket(self) -> Path:
        return Path(self.source.params["host"]) / f".s.PGSQL.{self.source.params['port']}"

    def make_tables(self, count: int) -> None:
        """Small ones, of three rows."""
        made = [
            f"CREATE TABLE t{n} (id int PRIMARY KEY, name text, at timestamptz);"
            f" INSERT INTO t{n} SELECT i, 'unit ' || i, now() FROM generate_series(1, 3) i"
            for n in range(count)
        ]
        for start in range(0, count, STATEMENTS_AT_ONCE):
            self.source.sql(";".join(made[start : start + STATEMENTS_AT_ONCE]))

    def values(
        self, *, source: Mapping[str, Any], addresses: Mapping[str, str] | None = None, **top: Any
    ) -> dict[str, Any]:
        """Settings; `addresses` replace the server's, for both sides."""
        connections = [
            {**database.as_role(role), **(addresses or {})}
            for database, role in zip((self.source, self.warehouse), self.roles, strict=True)
        ]
        blocks = [{**block, "port": int(block["port"])} for block in connections]
        plant = {**blocks[0], "tables": ["*"], **source}
        return {**top, "warehouse": blocks[1], "sources": {"plant": plant}}

    def grant(self, values: Mapping[str, Any]) -> None:
        settings = Settings(**values)
        self.source.sql(source_grants("plant", settings.sources["plant"]))
        self.warehouse.sql(warehouse_grants(settings.warehouse))

    def run(self, values: Mapping[str, Any], *arguments: str) -> Cost:
        """A headless elconsole as a process."""
        place = self.folder / f"{self.source.name}.toml"
        place.write_text("\n".join(_toml(values)) + "\n")
        place.chmod(0o600)
        command = [sys.executable, "-m", "elconsole", "-c", str(place), "--headless", *arguments]
        foreign = ("ELCONSOLE_", "XDG_", "PG", "PYTHON")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        env = {**kept, "HOME": str(self.folder), "PYTHONPATH": str(REPOSITORY)}
        return measure([[command]], {"server": self.server.pid}, env)


def _toml(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Plain values first, then the blocks."""
    plain = [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, Mapping)]
    blocks: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            name = f"{prefix}{key}"
            blocks += [f"[{name}]", *_toml(value, f"{name}.")]
    return plain + blocks


@contextlib.contextmanager
def open_server() -> Iterator[tuple[Path, PostgresServer]]:
    """One embedded server with PostgreSQL's own settings, gone at the end."""
    with reachable_folder() as folder:
        server = PostgresServer(folder, settings={**SERVER_SETTINGS, "max_connections": "300"})
        server.start()
        try:
            yield folder, server
        finally:
            server.stop()


@contextlib.contextmanager
def open_site(folder: Path, server: PostgresServer) -> Iterator[Site]:
    """New databases, dropped at the end."""
    source, warehouse = server.create_database("source"), server.create_database("warehouse")
    roles = server.create_role("source"), server.create_role("warehouse")
    try:
        yield Site(folder, server, source, warehouse, roles)
    finally:
        for database in (source, warehouse):
            server.drop_database(database)
        for role in roles:
            server.drop_role(role)

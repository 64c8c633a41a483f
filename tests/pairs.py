"""A source and a warehouse for one test, and the engine between them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from elconsole.config.models import Settings
from elconsole.core.events import Event
from elconsole.core.results import PlannedTable, RunDetail, SyncRequest, TableRun
from elconsole.engine.service import PostgresEngine
from tests.postgres import Database

METADATA = (
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
)
Row = tuple[Any, ...]


@dataclass(slots=True)
class Pair:
    """One source, one warehouse, least-privileged roles. The source is named `plant`."""

    source: Database
    warehouse: Database
    source_role: str
    warehouse_role: str
    source_address: dict[str, Any] = field(default_factory=dict)
    """Overrides of the source's connection, e.g. a proxy's port."""
    warehouse_address: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    engine: PostgresEngine | None = None

    @classmethod
    def of(
        cls, source: Database, warehouse: Database, source_role: str, warehouse_role: str
    ) -> Pair:
        source.sql(
            f'REVOKE ALL ON DATABASE "{source.name}" FROM PUBLIC;'
            f'GRANT CONNECT ON DATABASE "{source.name}" TO "{source_role}";'
            f'GRANT USAGE ON SCHEMA public TO "{source_role}"'
        )
        source.sql(f'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "{source_role}"')
        warehouse.sql(
            f'REVOKE ALL ON DATABASE "{warehouse.name}" FROM PUBLIC;'
            f'GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "{warehouse.name}"'
            f' TO "{warehouse_role}"'
        )
        return cls(source, warehouse, source_role, warehouse_role)

    def clear(self) -> None:
        """Empty both databases, whoever uses them."""
        self.close()
        self.source_address, self.warehouse_address = {}, {}
        for database in (self.source, self.warehouse):
            database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        self.source.sql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
            f'GRANT USAGE ON SCHEMA public TO "{self.source_role}"'
        )
        self.warehouse.sql("DROP SCHEMA IF EXISTS raw, elconsole, elconsole_storage CASCADE")

    def settings(
        self, table: Mapping[str, Mapping[str, Any]] | None = None, **top: Any
    ) -> Settings:
        """Settings of this pair; `table` are the blocks of single tables."""
        return Settings(
            warehouse=self._connection(self.warehouse, self.warehouse_role, self.warehouse_address),
            sources={
                "plant": {
                    **self._connection(self.source, self.source_role, self.source_address),
                    **top.pop("plant", {}),
                    "table": dict(table or {}),
                }
            },
            **{"workers": 2, **top},
        )

    def _connection(
        self, database: Database, role: str, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        parameters: dict[str, Any] = {**database.as_role(role), **changes}
        return {**parameters, "port": int(parameters["port"])}

    def configure(self, table: Mapping[str, Mapping[str, Any]] | None = None, **top: Any) -> None:
        """Build the engine that `sync` and `plan` use."""
        self.close()
        self.engine = PostgresEngine(self.settings(table, **top))

    def incremental(self, table: str = "t", **settings: Any) -> None:
        """Configure one table as incremental."""
        self.configure({table: {"mode": "incremental", **settings}})

    def run(
        self, *, full: bool = False, stop: threading.Event | None = None, selection: str = ""
    ) -> RunDetail:
        """Sync; the events of the run stay in `events`."""
        assert self.engine is not None
        self.events.clear()
        request = SyncRequest((selection,) if selection else (), full=full)
        return self.engine.sync(request, emit=self.events.append, stop=stop or threading.Event())

    def sync(self, *, full: bool = False) -> TableRun:
        """Sync the one table there is; it must succeed."""
        (table,) = self.run(full=full).tables
        assert table.error is None, table.error
        assert table.status == "succeeded"
        return table

    def plan(self, *, counted: bool = False) -> PlannedTable:
        """The plan of the one table there is."""
        assert self.engine is not None
        (planned,) = self.engine.plan(SyncRequest(counted=counted)).tables
        return planned

    def raw(self, columns: str = "*", table: str = "t", order: str = "1") -> list[Row]:
        return self.warehouse.sql(f"SELECT {columns} FROM raw.{table} ORDER BY {order}")

    def rows(self, columns: str = "*", table: str = "t", order: str = "1") -> list[Row]:
        return self.source.sql(f"SELECT {columns} FROM {table} ORDER BY {order}")

    def stored(self, key: str = "id", table: str = "t") -> dict[Any, tuple[str, Any]]:
        """Raw id and extraction time of every row: they change when a row is written."""
        listed = f"{key}, _airbyte_raw_id, _airbyte_extracted_at"
        return {row[0]: row[1:] for row in self.raw(listed, table)}

    def leftovers(self) -> list[str]:
        """Storage tables that no raw table uses."""
        return [
            row[0]
            for row in self.warehouse.sql(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
                " AND relnamespace = to_regnamespace('elconsole_storage')"
            )
        ]

    def advisory_locks(self) -> int:
        """Advisory locks that sessions in the warehouse hold."""
        held = self.warehouse.scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return int(held)

    def close(self) -> None:
        if self.engine is not None:
            with suppress(Exception):
                self.engine.close()
        self.engine = None

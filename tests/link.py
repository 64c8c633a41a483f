"""Sources and a warehouse of one test, and syncs between them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.models import Settings
from elconsole.core.events import Event
from elconsole.core.results import RunDetail, SyncRequest, TableRun
from elconsole.engine.service import PostgresEngine
from tests.postgres import Database


@dataclass
class Link:
    """Databases of a test; syncs run as the roles, under no more than `grants` prints."""

    sources: dict[str, Database]
    warehouse: Database
    roles: dict[str, str]
    tables: dict[str, list[str]] = field(default_factory=dict)
    """Per source, the `tables` setting; all base tables where there is none."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per source, further keys of its settings block."""
    events: list[Event] = field(default_factory=list)
    grants_wanted: bool = True
    """Whether to grant before each sync; off while a table is locked."""
    _engines: list[PostgresEngine] = field(default_factory=list)

    @property
    def source(self) -> Database:
        """The first source."""
        return next(iter(self.sources.values()))

    @property
    def name(self) -> str:
        return next(iter(self.sources))

    def block(self, name: str) -> dict[str, Any]:
        """A `[sources.NAME]` or `[warehouse]` block."""
        database = self.warehouse if name == "warehouse" else self.sources[name]
        parameters = database.as_role(self.roles[name])
        return {**parameters, "port": int(parameters["port"])}

    def values(self, **changes: Any) -> dict[str, Any]:
        """All settings as plain values."""
        return {
            "lock_wait": 2.0,
            "warehouse": self.block("warehouse"),
            "sources": {
                name: {
                    **self.block(name),
                    "tables": self.tables.get(name, ["*.*"]),
                    **self.options.get(name, {}),
                }
                for name in self.sources
            },
            **changes,
        }

    def settings(self, **changes: Any) -> Settings:
        return Settings(**self.values(**changes))

    def grant(self, settings: Settings) -> None:
        """Run what `elconsole grants` prints, and nothing else."""
        if not self.grants_wanted:
            return
        for name, source in settings.sources.items():
            self.sources[name].sql(source_grants(name, source))
        self.warehouse.sql(warehouse_grants(settings.warehouse))

    def engine(self, **changes: Any) -> PostgresEngine:
        """An engine whose roles have what they need; closed at the test's end."""
        settings = self.settings(**changes)
        self.grant(settings)
        self._engines.append(PostgresEngine(settings))
        return self._engines[-1]

    def sync(self, *selection: str, adopt: bool = False, **changes: Any) -> RunDetail:
        """Sync whatever the outcome."""
        engine = self.engine(**changes)
        request = SyncRequest(selection, adopt=adopt)
        return engine.sync(request, emit=self.events.append, stop=threading.Event())

    def synced(self, *selection: str, adopt: bool = False, **changes: Any) -> RunDetail:
        """Sync, and see every table succeed."""
        detail = self.sync(*selection, adopt=adopt, **changes)
        errors = {table.table: table.error for table in detail.tables if table.error}
        assert detail.run.status == "succeeded", errors
        return detail

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


def only(detail: RunDetail) -> TableRun:
    """The run's one table."""
    (table,) = detail.tables
    return table


def by_table(detail: RunDetail) -> dict[str, TableRun]:
    return {table.table: table for table in detail.tables}

"""How often a sync waits for a server, counted on the wire: latency times this is its floor."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elconsole.config.grants import source_grants, warehouse_grants
from elconsole.config.models import Settings
from elconsole.core.results import SyncRequest
from elconsole.engine.service import PostgresEngine
from tests.benchmarks.wire import Wire, open_wire
from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Database

pytestmark = pytest.mark.integration

FEW_TABLES, MANY_TABLES = 4, 24
FIRST_LOAD_TRIPS_MAX = 6.9
REFRESH_TRIPS_MAX = 6.9
INCREMENTAL_TRIPS_MAX = 4.9
"""6, 6 and 4, and what the ledger's writer adds by its own clock."""
CONNECTIONS_MAX = 4
"""Whatever the number of tables, where one is synced at a time; 3 measured: one to the
source, one to the warehouse, and the ledger's."""


@dataclass(frozen=True, slots=True)
class Site:
    """A source of small tables and a warehouse, behind a wire."""

    source: Database
    wire: Wire
    values: dict[str, Any]

    def trips_per_table(self, mode: str) -> float:
        """What each further table of a sync costs in round trips, both servers together."""
        few, many = (self.trips(tables, mode) for tables in (FEW_TABLES, MANY_TABLES))
        return (many - few) / (MANY_TABLES - FEW_TABLES)

    def trips(self, tables: int, mode: str) -> int:
        self.values["sources"]["plant"]["tables"] = [f"t{n}" for n in range(tables)]
        self.values["sources"]["plant"]["mode"] = mode
        settings = Settings(**self.values)
        engine = PostgresEngine(settings)
        self.wire.take()
        try:
            detail = engine.sync(SyncRequest(), emit=lambda _event: None, stop=threading.Event())
        finally:
            engine.close()
        assert [table.status for table in detail.tables] == ["succeeded"] * tables
        connections, trips = self.wire.take()
        assert connections <= CONNECTIONS_MAX
        return trips


@pytest.fixture
def site(
    make_database: MakeDatabase, make_role: MakeRole, session_folder: Path, home: Path
) -> Iterator[Site]:
    roles = {name: make_role(name) for name in ("source", "warehouse")}
    source, warehouse = make_database("source"), make_database("warehouse")
    source.sql(
        "; ".join(
            f"CREATE TABLE t{n} (id int PRIMARY KEY, name text);"
            f" INSERT INTO t{n} SELECT i, 'unit ' || i FROM generate_series(1, 3) i"
            for n in range(MANY_TABLES)
        )
    )
    server = Path(source.params["host"]) / f".s.PGSQL.{source.params['port']}"
    with open_wire(session_folder / f"wire-{home.name}", server) as wire:

        def block(database: Database, role: str) -> dict[str, Any]:
            through = {**database.as_role(roles[role]), **wire.parameters}
            return {**through, "port": int(through["port"])}

        values = {
            "workers": 1,
            "warehouse": block(warehouse, "warehouse"),
            "sources": {"plant": {**block(source, "source"), "tables": ["*"]}},
        }
        settings = Settings(**values)
        source.sql(source_grants("plant", settings.sources["plant"]))
        warehouse.sql(warehouse_grants(settings.warehouse))
        yield Site(source, wire, values)


@pytest.mark.slow
def test_a_first_load_makes_few_round_trips_a_table(site: Site) -> None:
    few = site.trips(FEW_TABLES, "full")
    # The first tables are refreshed now, and the others loaded for the first time.
    many = site.trips(MANY_TABLES, "full")
    assert (many - few) / (MANY_TABLES - FEW_TABLES) <= FIRST_LOAD_TRIPS_MAX


def test_a_refresh_makes_few_round_trips_a_table(site: Site) -> None:
    site.trips(MANY_TABLES, "full")
    assert site.trips_per_table("full") <= REFRESH_TRIPS_MAX


@pytest.mark.slow
def test_an_idle_incremental_sync_makes_few_round_trips_a_table(site: Site) -> None:
    site.trips(MANY_TABLES, "incremental")
    assert site.trips_per_table("incremental") <= INCREMENTAL_TRIPS_MAX

"""Every supported source version into every supported warehouse version, with real servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.engine.plan.test_types import BUILT_IN, content, fill
from tests.pairs import Pair
from tests.postgres import Database, reachable_folder
from tests.servers import running
from tests.versions import VERSIONS, installation, make_cluster

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
NEWER = {
    "interval": ["'infinity'", "'-infinity'", "'1 day'"],
    "interval[]": ["'{infinity,1 day}'"],
    "jsonpath": ["'$.a.bigint()'", "'$.d.date()'", "'$.a'"],
    "jsonpath[]": ["'{$.a.number()}'"],
    "numeric(3,-2)[]": ["'{12300,NULL}'"],
    "xml": ["'<a>é</a>'", "'text <b/> only'"],
}
Started = Callable[[int], Database]


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """Servers by major version, each from when it is first asked for."""
    with contextlib.ExitStack() as stack:
        servers: dict[int, Database] = {}

        def start(major: int) -> Database:
            if major not in servers:
                programs = installation(major)
                if programs is None:
                    pytest.skip("no servers: see tests/versions.py")
                data = stack.enter_context(reachable_folder()) / "data"
                make_cluster(programs, data)
                server = running(programs / "postgres", data, SETTINGS)
                servers[major] = stack.enter_context(server)
            return servers[major]

        yield start


@contextlib.contextmanager
def database(server: Database, name: str) -> Iterator[Database]:
    server.sql(f"CREATE DATABASE {name}")
    try:
        yield Database(name, {**server.params, "dbname": name})
    finally:
        server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def pair_of(source: Database, warehouse: Database) -> Iterator[Pair]:
    with database(source, "plant") as plant, database(warehouse, "house") as house:
        source.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
        warehouse.sql("DROP ROLE IF EXISTS loader; CREATE ROLE loader LOGIN")
        pair = Pair.of(plant, house, "reader", "loader")
        yield pair
        pair.close()


def possible(source: Database, types: dict[str, list[str]]) -> dict[str, list[str]]:
    """The types with those of their values that this server has."""
    with source.connect() as connection:
        found: dict[str, list[str]] = {}
        for kind, values in types.items():
            for value in values:
                with contextlib.suppress(psycopg.Error):
                    made = (
                        f"CREATE TEMP TABLE v (v {kind}); INSERT INTO v VALUES (({value})::{kind})"
                    )
                    connection.execute(made.encode())
                    found.setdefault(kind, []).append(value)
                connection.execute("DROP TABLE IF EXISTS v")
    return found


def names(count: int) -> list[str]:
    return ["n", *(f"c{number}" for number in range(count))]


@pytest.mark.parametrize("warehouse_major", [major for major in VERSIONS if major >= 14])
@pytest.mark.parametrize("source_major", list(VERSIONS))
def test_every_value_of_the_source_arrives(
    started: Started, source_major: int, warehouse_major: int
) -> None:
    with pair_of(started(source_major), started(warehouse_major)) as pair:
        types = possible(pair.source, BUILT_IN)
        newer = possible(pair.source, NEWER)
        fill(pair.source, "t", types)
        fill(pair.source, "newer", newer)
        blocks = {"*": {"mode": "incremental", "deletes": "sweep"}}
        pair.configure(blocks)
        for change in ("", "UPDATE t SET n = n + 100; DELETE FROM newer WHERE n = 0"):
            if change:
                pair.source.sql(change)
            assert {table.table: table.error for table in pair.run().tables} == {
                "t": None,
                "newer": None,
            }
            for table, columns in (("t", names(len(types))), ("newer", names(len(newer)))):
                assert content(pair.warehouse, f"raw.{table}", columns) == content(
                    pair.source, f"public.{table}", columns
                )
        assert pair.engine is not None
        reconciled = pair.engine.reconcile((), stop=threading.Event()).tables
        assert {one.table: (one.error, one.different_keys) for one in reconciled} == {
            "t": (None, ()),
            "newer": (None, ()),
        }

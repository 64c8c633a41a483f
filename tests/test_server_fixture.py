"""The test server itself: what every other integration test stands on."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Factory, PostgresServer

pytestmark = pytest.mark.integration


@pytest.mark.slow
def test_databases_have_the_encoding_asked_for(make_database: MakeDatabase) -> None:
    database = make_database("latin", encoding="LATIN1")
    assert database.scalar("SHOW server_encoding") == "LATIN1"


def test_a_role_connects_as_itself(make_database: MakeDatabase, make_role: MakeRole) -> None:
    role = make_role("reader")
    database = make_database()
    with database.connect(user=role) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_tcp_needs_the_password(make_database: MakeDatabase, server: PostgresServer) -> None:
    database = server.tcp(make_database())
    assert database.scalar("SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password"):
        database.connect(password="wrong")


def test_the_factory_reads_its_sources_and_writes_its_warehouse(factory: Factory) -> None:
    refills = factory.sources["refills"]
    with refills.connect(user=factory.roles["refills"]) as connection:
        assert connection.execute("SELECT count(*) FROM refills_production").fetchone() == (100,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM refills_production")
    with factory.warehouse.connect(user=factory.roles["warehouse"]) as connection:
        connection.execute("CREATE SCHEMA raw")

"""What the settings hand to libpq really connects, by every way to keep a password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql

from elconsole.config.load import ConnectionSettings, load_settings
from elconsole.engine.connect.options import UNLESS_REFUSED
from tests.conftest import MakeDatabase, MakeRole
from tests.postgres import Database, PostgresServer

pytestmark = pytest.mark.integration

PASSWORD = "p@ss:w/ör d'\\%"


@pytest.fixture
def address(
    server: PostgresServer, make_database: MakeDatabase, make_role: MakeRole
) -> dict[str, str]:
    """Host, port, dbname and user of a database that asks for PASSWORD."""
    role = make_role("asked")
    database: Database = server.tcp(make_database("asked"))
    with database.connect() as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD))
        )
    named = {**database.params, "user": role}
    return {key: named[key] for key in ("host", "port", "dbname", "user")}


def current_user(connection: ConnectionSettings) -> str:
    parameters = cast("dict[str, Any]", connection.resolved_parameters("warehouse"))
    with psycopg.connect(**parameters) as opened:
        row = opened.execute("SELECT current_user::text").fetchone()
    assert row is not None
    return str(row[0])


def warehouse(folder: Path, **values: str) -> ConnectionSettings:
    """The warehouse's settings where only the environment says anything."""
    environ = {f"ELCONSOLE_WAREHOUSE__{key.upper()}": value for key, value in values.items()}
    return load_settings(environ=environ, cwd=folder).settings.warehouse


@pytest.mark.slow
def test_a_password_from_the_environment_connects(address: dict[str, str], tmp_path: Path) -> None:
    assert current_user(warehouse(tmp_path, **address, password=PASSWORD)) == address["user"]


def test_a_dsn_with_a_password_of_its_own_layer_connects(
    address: dict[str, str], tmp_path: Path
) -> None:
    dsn = "postgresql://{user}@{host}:{port}/{dbname}?sslmode=disable".format(**address)
    assert current_user(warehouse(tmp_path, dsn=dsn, password=PASSWORD)) == address["user"]


@pytest.mark.parametrize("kind", ["file", "command"])
def test_a_password_that_stands_elsewhere_connects(
    address: dict[str, str], tmp_path: Path, kind: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    value = {"file": str(secret), "command": json.dumps(["cat", str(secret)])}[kind]
    values = {**address, f"password_{kind}": value}
    assert current_user(warehouse(tmp_path, **values)) == address["user"]


def test_a_password_file_connects(
    address: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passfile = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passfile.write_text(f"*:*:*:{address['user']}:{escaped}\n", encoding="utf-8")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert current_user(warehouse(tmp_path, **address)) == address["user"]


def test_a_service_file_connects(
    address: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    lines = [f"{key}={value}" for key, value in {**address, "password": PASSWORD}.items()]
    services.write_text("\n".join(["[plant]", *lines, ""]), encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert current_user(warehouse(tmp_path, dsn="service=plant")) == address["user"]


def test_the_first_of_several_hosts_that_answers_is_used(
    address: dict[str, str], tmp_path: Path
) -> None:
    dsn = "postgresql://{user}@127.0.0.1:1,{host}:{port}/{dbname}".format(**address)
    assert current_user(warehouse(tmp_path, dsn=dsn, password=PASSWORD)) == address["user"]


@pytest.mark.parametrize(
    ("version", "looks_after_clients"),
    [
        ("PostgreSQL 17.5 on x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit", True),
        ("PostgreSQL 16.2 on aarch64-apple-darwin23, compiled by Apple clang 15.0", True),
        ("PostgreSQL 15.8, compiled by Visual C++ build 1940, 64-bit", False),
        ("PostgreSQL 17.0 on x86_64-windows, compiled by msvc-19.41.34123, 64-bit", False),
        ("PostgreSQL 16.1 on x86_64-w64-mingw32, compiled by gcc.exe 13.2.0", False),
    ],
)
def test_a_server_on_windows_is_not_asked_for_what_it_refuses(
    server: PostgresServer, version: str, looks_after_clients: bool
) -> None:
    condition = UNLESS_REFUSED.replace("pg_catalog.version()", sql.Literal(version).as_string())
    names = server.admin.sql(
        "SELECT name FROM (VALUES ('client_connection_check_interval'), ('TimeZone')) AS t (name)"
        f" WHERE {condition} ORDER BY name"
    )
    assert (("client_connection_check_interval",) in names) == looks_after_clients
    assert ("TimeZone",) in names

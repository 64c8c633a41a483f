"""A connection string among the layers, and what it cuts off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from elconsole.config.load import (
    SourceSettings,
    load_settings,
)
from tests.config.conftest import Load

pytestmark = pytest.mark.unit


def test_a_dsn_discards_the_address_of_lower_layers(load: Load) -> None:
    settings = load(environ={"ELCONSOLE_WAREHOUSE__DSN": "service=wh"}).settings
    assert settings.warehouse.connection_parameters() == {"service": "wh"}
    assert settings.warehouse.address == "service=wh"
    assert settings.warehouse.target_schema == "raw"


def test_keys_of_higher_layers_override_parts_of_a_dsn(load: Load) -> None:
    loaded = load(
        toml="[warehouse]\nhost='gone'\npassword='gone'\n",
        dotenv="ELCONSOLE_WAREHOUSE__DSN=postgresql://me:pw@h:1/d?sslmode=verify-full\n",
        environ={"ELCONSOLE_WAREHOUSE__PORT": "2"},
        overrides={"warehouse": {"dbname": "e"}},
    )
    assert loaded.settings.warehouse.connection_parameters() == {
        "user": "me",
        "host": "h",
        "port": "2",
        "dbname": "e",
        "sslmode": "verify-full",
    }
    assert "warehouse.host" not in loaded.origins
    assert loaded.settings.warehouse.address == "h:2/e"


def test_a_dsn_over_a_dsn_replaces_it(load: Load) -> None:
    loaded = load(
        toml="[warehouse]\ndsn='host=a user=x password=y'\nport=3\n",
        environ={"ELCONSOLE_WAREHOUSE__DSN": "host=b"},
    )
    assert loaded.settings.warehouse.connection_parameters() == {"host": "b"}


def test_keys_beside_a_dsn_in_one_layer_override_it(load: Load) -> None:
    toml = "[sources.a]\ndsn='postgresql://h/d'\npassword='p'\n"
    assert load(toml=toml).settings.sources["a"].connection_parameters() == {
        "host": "h",
        "dbname": "d",
        "password": "p",
    }


def test_a_dsn_takes_whatever_libpq_takes() -> None:
    for dsn, address in {
        "host=a,b port=1,2 dbname=d target_session_attrs=read-write": "a:1,b:2/d",
        "postgresql://u@a:1,b/d": "a:1,b:5432/d",
        "postgresql://u@[::1]:7/d": "[::1]:7/d",
        "postgresql:///d?host=/var/run/postgresql": "/var/run/postgresql:5432/d",
        "dbname=d passfile=/x user=u": "[local]:5432/d",
        "user=u hostaddr=10.0.0.1": "10.0.0.1:5432/u",
        "service=x dbname=d": "service=x/d",
    }.items():
        assert SourceSettings(dsn=SecretStr(dsn)).address == address


def test_another_host_also_overrides_the_hostaddr_of_a_dsn() -> None:
    source = SourceSettings(dsn=SecretStr("hostaddr=10.0.0.1 dbname=d"), host="h")
    assert source.connection_parameters() == {"dbname": "d", "host": "h"}


def test_another_role_leaves_the_default_password_behind(load: Load) -> None:
    """Otherwise the plant's password would keep libpq from asking ~/.pgpass."""
    environ = {"ELCONSOLE_WAREHOUSE__USER": "me"}
    assert "password" not in load(environ=environ).settings.warehouse.connection_parameters()
    same = load(environ={"ELCONSOLE_WAREHOUSE__USER": "warehouse_user"}).settings.warehouse
    assert same.connection_parameters()["password"] == "warehouse_password"
    both = {**environ, "ELCONSOLE_WAREHOUSE__PASSWORD": "p"}
    assert load(environ=both).settings.warehouse.connection_parameters()["password"] == "p"


@given(
    st.dictionaries(
        st.sampled_from(["host", "port", "dbname", "user", "password"]),
        st.integers(1, 65535).map(str),
    ),
    st.dictionaries(
        st.sampled_from(["host", "port", "dbname", "user", "password"]),
        st.integers(1, 65535).map(str),
    ),
)
def test_a_dsn_in_the_middle_cuts_off_what_lies_below(
    inside: dict[str, str], above: dict[str, str]
) -> None:
    dsn = " ".join(f"{key}={value}" for key, value in inside.items()) or "application_name=x"
    settings = load_settings(
        Path(os.devnull),
        {"warehouse": above},
        environ={"ELCONSOLE_WAREHOUSE__DSN": dsn},
        cwd=Path("/dev"),
    ).settings
    parameters = settings.warehouse.connection_parameters()
    parameters.pop("application_name", None)
    moved = any(above[key] != inside.get(key) for key in ("host", "port") if key in above)
    left_behind = {"password"} if moved else set()
    kept = {key: value for key, value in inside.items() if key not in left_behind}
    assert parameters == {**kept, **above}

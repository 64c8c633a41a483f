"""Layers, precedence, and what a table's blocks add up to."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import elconsole
from elconsole.config.load import (
    LoadedSettings,
    QualitySettings,
    Settings,
    SourceSettings,
    TableSettings,
    WarehouseSettings,
    config_locations,
    duration_seconds,
    load_settings,
    table_matches,
)
from elconsole.core.errors import ConfigurationError

pytestmark = pytest.mark.unit

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads from a folder of the test's own, with nothing of this machine in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))

    def load_from(
        toml: str | None = None,
        dotenv: str | None = None,
        environ: dict[str, str] | None = None,
        overrides: dict[str, Any] | None = None,
        config_file: Path | None = None,
    ) -> LoadedSettings:
        for name, text in (("elconsole.toml", toml), (".env", dotenv)):
            if text is not None:
                (tmp_path / name).write_text(text, encoding="utf-8")
                (tmp_path / name).chmod(0o600)
        return load_settings(config_file, overrides, environ=environ or {}, cwd=tmp_path)

    return load_from


def test_without_any_layer_it_is_the_pen_plant(load: Load) -> None:
    loaded = load()
    settings = loaded.settings
    assert settings.name == "pen plant"
    assert [(n, s.address) for n, s in settings.sources.items()] == [
        ("refills", "localhost:5432/refills"),
        ("bodies", "localhost:5433/bodies"),
        ("springs", "localhost:5434/springs"),
    ]
    assert settings.warehouse.connection_parameters() == {
        "host": "localhost",
        "port": "5435",
        "dbname": "warehouse",
        "user": "warehouse_user",
        "password": "warehouse_password",
    }
    assert settings.warehouse.target_schema == "raw"
    refills = settings.sources["refills"]
    assert refills.connection_parameters()["user"] == "refills_user"
    assert refills.connection_parameters()["password"] == "refills_password"
    assert loaded.config_file is None
    assert loaded.warnings == ()
    assert set(loaded.origins.values()) == {"default"}
    assert Settings() == settings


LAYERS = ("file", ".env", "environment", "command line")


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(LAYERS, 2)))
def test_the_higher_layer_wins(load: Load, lower: str, higher: str, tmp_path: Path) -> None:
    given_values: dict[str, Any] = {}
    for layer, port in ((lower, 6001), (higher, 6002)):
        if layer == "file":
            given_values["toml"] = f"[warehouse]\nport = {port}\n"
        elif layer == ".env":
            given_values["dotenv"] = f"ELCONSOLE_WAREHOUSE__PORT={port}\n"
        elif layer == "environment":
            given_values["environ"] = {"ELCONSOLE_WAREHOUSE__PORT": str(port)}
        else:
            given_values["overrides"] = {"warehouse.port": port}
    loaded = load(**given_values)
    assert loaded.settings.warehouse.port == 6002
    assert loaded.settings.warehouse.dbname == "warehouse"
    origin = {
        ".env": ".env",
        "environment": "environment ELCONSOLE_WAREHOUSE__PORT",
        "command line": "command line",
    }[higher]
    assert loaded.origins["warehouse.port"] == origin
    assert loaded.origins["warehouse.host"] == "default"


def test_every_layer_beats_the_default(load: Load) -> None:
    toml = load(toml="workers = 7")
    assert toml.settings.workers == 7
    assert toml.origins["workers"] == str(toml.config_file)
    assert load(toml="", dotenv="ELCONSOLE_WORKERS=8").settings.workers == 8
    assert load(dotenv="", environ={"ELCONSOLE_WORKERS": "9"}).settings.workers == 9
    assert load(overrides={"workers": 10, "retries": None}).settings.workers == 10


def test_one_variable_changes_one_password_of_the_default_plant(load: Load) -> None:
    loaded = load(environ={"ELCONSOLE_SOURCES__REFILLS__PASSWORD": "other"})
    sources = loaded.settings.sources
    assert list(sources) == ["refills", "bodies", "springs"]
    assert sources["refills"].connection_parameters()["password"] == "other"
    assert sources["refills"].port == 5432
    assert sources["bodies"].connection_parameters()["password"] == "bodies_password"
    assert loaded.settings.name == "pen plant"


def test_a_file_that_names_a_source_replaces_the_default_sources(load: Load) -> None:
    settings = load(toml="[sources.paint]\ndbname = 'paint'\n").settings
    assert list(settings.sources) == ["paint"]
    assert settings.name == ""
    assert settings.sources["paint"].connection_parameters() == {"dbname": "paint"}
    assert settings.sources["paint"].tables == ("*",)
    assert settings.warehouse.port == 5435


def test_a_file_without_sources_keeps_the_default_sources(load: Load) -> None:
    settings = load(toml="workers = 2\n[sources]\n[warehouse]\nport = 1\n").settings
    assert list(settings.sources) == ["refills", "bodies", "springs"]
    assert settings.name == "pen plant"


def test_a_default_sources_name_in_a_file_keeps_nothing_of_the_default(load: Load) -> None:
    settings = load(toml="[sources.refills]\nport = 7000\n").settings
    assert settings.sources["refills"].connection_parameters() == {"port": "7000"}


def test_the_environment_adds_to_the_files_sources(load: Load) -> None:
    settings = load(
        toml="[sources.Paint]\ndbname = 'paint'\n[sources.my-line]\ndbname = 'a'\n",
        environ={
            "ELCONSOLE_SOURCES__PAINT__HOST": "h",
            "ELCONSOLE_SOURCES__MY_LINE__PORT": "9",
            "ELCONSOLE_SOURCES__Glue__DBNAME": "glue",
        },
    ).settings
    assert list(settings.sources) == ["Paint", "my-line", "glue"]
    assert settings.sources["Paint"].host == "h"
    assert settings.sources["my-line"].port == 9


def test_the_environment_reaches_names_with_double_underscores(load: Load) -> None:
    settings = load(
        toml="[sources.a__b]\ndbname='x'\n[sources.a]\ndbname='y'\n",
        environ={"ELCONSOLE_SOURCES__A__B__PORT": "5"},
    ).settings
    assert (settings.sources["a__b"].port, settings.sources["a"].port) == (5, None)


def test_the_environment_reaches_a_tables_block(load: Load) -> None:
    settings = load(
        toml='[sources.a]\ndbname="a"\n[sources.a.table."sales.Orders"]\nmode="full"\n',
        environ={
            "ELCONSOLE_SOURCES__A__TABLE__SALES_ORDERS__MODE": "incremental",
            "ELCONSOLE_SOURCES__A__TABLE__NEW__QUALITY__BY": "x, y",
            "ELCONSOLE_SOURCES__A__TABLES": '["x,1", "y"]',
        },
    ).settings
    source = settings.sources["a"]
    assert source.table["sales.Orders"].mode == "incremental"
    assert source.table_settings("public", "new").quality == QualitySettings(by=("x", "y"))
    assert source.tables == ("x,1", "y")


def test_variable_names_count_in_any_case_and_capitals_win(load: Load) -> None:
    environ = {"elconsole_warehouse__port": "1", "ELCONSOLE_WAREHOUSE__PORT": "2"}
    assert load(environ=environ).settings.warehouse.port == 2
    assert load(environ={"elconsole_workers": "3"}).settings.workers == 3


def test_a_block_in_one_variable_is_json_and_single_keys_lie_over_it(load: Load) -> None:
    settings = load(
        environ={
            "ELCONSOLE_WAREHOUSE__PORT": "2",
            "ELCONSOLE_WAREHOUSE": json.dumps({"port": 1, "dbname": "w", "schema": "lake"}),
        }
    ).settings
    assert (settings.warehouse.port, settings.warehouse.dbname) == (2, "w")
    assert settings.warehouse.target_schema == "lake"


def test_commands_in_a_variable_keep_their_commas(load: Load) -> None:
    loaded = load(environ={"ELCONSOLE_NOTIFY__ON_FAILURE": "mail -s a,b ops"})
    assert loaded.settings.notify.on_failure == ("mail -s a,b ops",)


def test_other_keys_of_dotenv_are_none_of_our_business(load: Load) -> None:
    loaded = load(dotenv="DJANGO_KEY=1\nexport ELCONSOLE_WORKERS='5'\nMY_ELCONSOLE_X=1\n")
    assert loaded.settings.workers == 5


def test_a_virtual_environment_called_dotenv_is_left_alone(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load().settings == Settings()


def test_the_file_is_looked_for_here_and_then_in_the_users_folder(
    load: Load, tmp_path: Path
) -> None:
    here, home = config_locations(tmp_path)
    assert here == tmp_path / "elconsole.toml"
    assert home == tmp_path / "home" / "elconsole" / "elconsole.toml"
    home.parent.mkdir(parents=True)
    home.write_text("workers = 21")
    assert load().settings.workers == 21
    assert load().config_file == home
    assert load(toml="workers = 22").settings.workers == 22
    named = tmp_path / "named.toml"
    named.write_text("workers = 23")
    loaded = load(config_file=named)
    assert loaded.settings.workers == 23
    assert loaded.files == (named, tmp_path / ".env")


def test_layers_merge_lists_as_a_whole_and_tables_key_by_key(load: Load) -> None:
    settings = load(
        toml="[sources.s]\ndbname='d'\n[sources.s.table.t.quality]\nby=['x']\n",
        environ={"ELCONSOLE_PLUGINS": "a,b"},
        overrides={
            "plugins": ["c"],
            "sources": {"s": {"table": {"t": {"quality": {"status": "q"}}}}},
        },
    ).settings
    assert settings.plugins == ("c",)
    quality = settings.sources["s"].table_settings("public", "t").quality
    assert quality == QualitySettings(status="q", by=("x",))


# --- dsn -----------------------------------------------------------------------------------


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


# --- tables --------------------------------------------------------------------------------


def test_the_more_specific_block_of_a_table_wins_key_by_key() -> None:
    source = SourceSettings(
        mode="incremental",
        lookback="1 hour",
        table={
            "sales.orders": TableSettings(where="exact"),
            "orders": TableSettings(where="bare", deletes="ignore"),
            "*": TableSettings(where="any", deletes="sweep", splits=2),
            "ord*": TableSettings(splits=3),
        },
    )
    assert source.table_settings("sales", "orders") == TableSettings(
        mode="incremental", lookback="1 hour", where="exact", deletes="ignore", splits=3
    )
    assert source.table_settings("public", "orders").where == "bare"
    assert source.table_settings("public", "other").where == "any"
    assert source.table_settings("public", "other").splits == 2


def test_without_blocks_a_table_is_refreshed_fully() -> None:
    settings = SourceSettings().table_settings("public", "t")
    assert (settings.mode, settings.strategy, settings.deletes) == ("full", "xmin", "ignore")
    assert settings.quality is None


def test_columns_of_one_block_replace_excluded_ones_of_another() -> None:
    source = SourceSettings(
        table={"*": TableSettings(columns=("a",)), "t": TableSettings(exclude_columns=("b",))}
    )
    settings = source.table_settings("public", "t")
    assert (settings.columns, settings.exclude_columns) == (None, ("b",))


def test_the_plants_tables_know_their_dimensions_wherever_they_are_named() -> None:
    plain = SourceSettings(dbname="x").table_settings("public", "bodies_production").quality
    assert plain == QualitySettings(by=("line_id", "material"))
    own = SourceSettings(
        table={"bodies_production": TableSettings(quality=QualitySettings(status="s"))}
    )
    assert own.table_settings("public", "bodies_production").quality == QualitySettings(
        status="s", by=("line_id", "material")
    )
    none = SourceSettings(table={"*": TableSettings(quality=QualitySettings(by=()))})
    quality = none.table_settings("public", "bodies_production").quality
    assert quality is not None
    assert quality.by == ()


@pytest.mark.parametrize(
    ("pattern", "schema", "table", "expected"),
    [
        ("*", "s", "t", True),
        ("t", "s", "t", True),
        ("s.t", "s", "t", True),
        ("T", "s", "t", False),
        ("s.*", "s", "t", True),
        ("s*", "s", "t", False),
        ("other.t", "s", "t", False),
        ("a.b", "s", "a.b", True),
        ("t[1]", "s", "t[1]", True),
        ("t[1]", "s", "t1", True),
        ("t?", "s", "t", False),
    ],
)
def test_a_pattern_names_a_table(pattern: str, schema: str, table: str, expected: bool) -> None:
    assert table_matches(pattern, schema, table) is expected


def test_excluded_tables_are_not_selected() -> None:
    source = SourceSettings(tables=("sales.*",), exclude=("tmp_*",))
    assert source.selects("sales", "orders")
    assert not source.selects("sales", "tmp_orders")
    assert not source.selects("public", "orders")


def test_checks_of_a_table_lie_over_the_general_ones(load: Load) -> None:
    settings = load(
        toml="[checks]\nzero_rows=true\nrow_jump=0.5\n[sources.a]\ndbname='a'\n"
        "[sources.a.table.t.checks]\nzero_rows=false\naccepted_values={q=['ok']}\n"
    ).settings
    own = settings.table_checks("a", "public", "t")
    assert (own.zero_rows, own.row_jump, own.accepted_values) == (False, 0.5, {"q": ("ok",)})
    assert settings.table_checks("a", "public", "other").zero_rows


# --- durations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("5m", 300), ("1h 30m", 5400), ("1 day", 86400), ("1.5 hours", 5400)],
)
def test_durations_are_read(text: str, expected: float) -> None:
    assert duration_seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "5 parsecs", "-5m", "0s", "m5", "1e3s", "99999999 weeks"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        duration_seconds(text)


def test_auto_sync_is_off_or_an_interval(load: Load) -> None:
    assert load().settings.auto_sync_seconds is None
    assert load(toml="auto_sync = false").settings.auto_sync == "off"
    assert load(toml="auto_sync = 'OFF'").settings.auto_sync_seconds is None
    assert load(toml="auto_sync = '5m'").settings.auto_sync_seconds == 300
    with pytest.raises(ConfigurationError, match="auto_sync: must be a duration"):
        load(toml="auto_sync = '5'")


def test_a_source_may_be_added_by_the_command_line(load: Load) -> None:
    loaded = load(overrides={"sources": {"x": {"dbname": "d", "host": None}}})
    assert loaded.settings.sources["x"].connection_parameters() == {"dbname": "d"}


def test_the_target_schema_has_its_name_in_both_worlds() -> None:
    assert WarehouseSettings(target_schema="lake").target_schema == "lake"


def test_importing_the_settings_imports_no_database_driver() -> None:
    code = (
        "import sys, elconsole.config.load as s; from pathlib import Path;"
        "s.load_settings(environ={}, cwd=Path(sys.argv[1]));"
        "print([m for m in ('psycopg', 'pydantic_settings', 'textual') if m in sys.modules])"
    )
    nowhere = str(Path("/dev"))
    done = subprocess.run(
        [sys.executable, "-c", code, nowhere],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(elconsole.__file__).parent.parent,
        env={**os.environ, "XDG_CONFIG_HOME": nowhere},
    )
    assert done.stdout.strip() == "[]"


def test_what_settings_leave_out_is_left_to_libpq(load: Load) -> None:
    """No password goes along where none is set, or libpq would not ask its own files."""
    toml = "[warehouse]\ndsn = 'service=wh'\nuser = 'me'\n[sources.a]\nhost='h'\ndbname='d'\n"
    settings = load(toml=toml).settings
    assert settings.warehouse.connection_parameters() == {"service": "wh", "user": "me"}
    assert settings.sources["a"].connection_parameters() == {"host": "h", "dbname": "d"}


def test_a_working_folder_that_is_gone_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    loaded = load_settings(environ={})
    assert loaded.settings == Settings()
    assert loaded.files == (tmp_path / "elconsole" / "elconsole.toml",)

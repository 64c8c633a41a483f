"""Layers and their precedence."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import elconsole
from elconsole.config.load import (
    QualitySettings,
    Settings,
    WarehouseSettings,
    config_locations,
    duration_seconds,
    load_settings,
)
from elconsole.core.errors import ConfigurationError
from tests.config.conftest import Load

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize(
    ("toml", "days"),
    [("", 400), ('keep_runs = "90d"', 90), ("keep_runs = 7", 7), ('keep_runs = "1 week"', 7)],
)
def test_runs_are_kept_for_a_duration_or_a_number_of_days(load: Load, toml: str, days: int) -> None:
    assert load(toml=toml).settings.keep_runs_seconds == days * 86400


@pytest.mark.parametrize("value", ['"soon"', "0", "-1", "true", '""'])
def test_runs_are_kept_for_no_other_time(load: Load, value: str) -> None:
    with pytest.raises(ConfigurationError, match="keep_runs"):
        load(toml=f"keep_runs = {value}")

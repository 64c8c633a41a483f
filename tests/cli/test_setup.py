"""The commands that set elconsole up, and the settings a command works on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from elconsole.cli.compose import CommandContext, GlobalOptions, Parts
from elconsole.cli.setup import console_arguments
from tests.cli.commandline import CommandLine

pytestmark = pytest.mark.unit


def test_the_demo_takes_the_plant_s_settings_and_no_file(tmp_path: Path) -> None:
    Path("elconsole.toml").write_text('[sources.mine]\ndbname = "mine"\n')
    line = CommandLine()
    ended = line.run("check --demo-rows 7 --demo")
    assert ended.code == 0
    assert ended.err == ""
    assert line.plants == [7]
    assert line.settings[0].name == "demo"
    assert "mine" not in line.settings[0].sources


def test_a_configuration_error_exits_2_and_names_the_key() -> None:
    Path("my.toml").write_text("worker = 3\n")
    ended = CommandLine().run("check --json -c my.toml")
    assert (ended.code, ended.out) == (2, "")
    assert "worker" in ended.err
    assert "hint: " in ended.err


def test_init_writes_a_private_file_once() -> None:
    ended = CommandLine().run("init")
    assert (ended.code, ended.out.strip()) == (0, str(Path("elconsole.toml").absolute()))
    assert Path("elconsole.toml").stat().st_mode & 0o777 == 0o600
    Path("elconsole.toml").write_text("workers = 2")
    assert CommandLine().run("init").code == 2
    assert Path("elconsole.toml").read_text() == "workers = 2"
    assert CommandLine().run("init --path other.toml").code == 0


def test_config_names_each_origin_and_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELCONSOLE_WAREHOUSE__PASSWORD", "s3cret-w0rd")
    ended = CommandLine().run("config")
    assert ended.code == 0
    assert "s3cret-w0rd" not in ended.out
    assert "ELCONSOLE_WAREHOUSE__PASSWORD" in ended.out


def test_grants_print_sql() -> None:
    ended = CommandLine().run("grants")
    assert ended.code == 0
    assert "GRANT CONNECT ON DATABASE refills TO refills_user;" in ended.out


def test_a_served_console_opens_with_the_same_options(tmp_path: Path) -> None:
    options = GlobalOptions(
        read_only=True, demo=True, demo_rows=5, config_file=Path("my.toml"), log_file=Path("l")
    )
    assert console_arguments(CommandContext(options, Parts())) == [
        "--read-only", "--demo", "--demo-rows", "5",
        "--config", str(tmp_path / "my.toml"), "--log-file", str(tmp_path / "l"),
    ]  # fmt: skip


def test_serving_without_the_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = CommandLine().run("serve")
    assert ended.code == 2
    assert "pip install 'elconsole[web]'" in ended.err


def test_settings_are_checked_without_a_connection(tmp_path: Path) -> None:
    Path("my.toml").write_text('[warehouse]\nhost = "wh"\n[sources.crm]\nhost = "crm"\n')
    Path("my.toml").chmod(0o600)
    ended = CommandLine().run("config --check -c my.toml")
    assert (ended.code, ended.out) == (0, "settings are right: crm into wh:5435/warehouse\n")
    ended = CommandLine().run("config --check --json -c my.toml")
    assert json.loads(ended.out) == {
        "warnings": [],
        "used": ["my.toml"],
        "looked_for": ["my.toml", str(tmp_path / ".env")],
    }


def test_a_check_of_settings_tries_the_passwords_that_stand_elsewhere() -> None:
    Path("my.toml").write_text('[sources.crm]\nhost = "c"\npassword_file = "/nowhere"\n')
    ended = CommandLine().run("config --check -c my.toml")
    assert (ended.code, ended.out) == (2, "")
    assert "sources.crm.password_file: /nowhere can't be read" in ended.err
    assert CommandLine().run("config -c my.toml").code == 0


def test_settings_are_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELCONSOLE_WAREHOUSE__PASSWORD", "s3cret-w0rd")
    ended = CommandLine().run("config --json --profile=")
    settings = json.loads(ended.out)["settings"]
    assert settings["workers"] == {"value": 4, "from": "default"}
    assert settings["sources.refills.tables"]["value"] == ["refills_production"]
    assert settings["warehouse.password"]["from"] == "environment ELCONSOLE_WAREHOUSE__PASSWORD"
    assert "s3cret-w0rd" not in ended.out


def test_a_profile_is_named_before_or_after_the_command() -> None:
    Path("my.toml").write_text("[profiles.small]\nworkers = 1\n")
    for line in (
        "--profile small config --json -c my.toml",
        "config --json -c my.toml --profile small",
    ):
        settings = json.loads(CommandLine().run(line).out)["settings"]
        assert settings["workers"] == {"value": 1, "from": "my.toml [profiles.small]"}
    assert CommandLine().run("config -c my.toml --profile smal").code == 2


def test_the_demo_heeds_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELCONSOLE_PROFILE", "prod")
    assert CommandLine().run("check --demo").code == 0


def test_the_schema_of_settings_needs_no_settings() -> None:
    Path("elconsole.toml").write_text("worker = 3\n")
    ended = CommandLine().run("config schema")
    assert ended.code == 0
    assert json.loads(ended.out)["properties"]["workers"]["type"] == "integer"
    assert CommandLine().run("config scheme").code == 2


def test_grants_of_one_server_as_text_and_as_json() -> None:
    ended = CommandLine().run("grants refills")
    assert ended.out.count("GRANT CONNECT") == 1
    ended = CommandLine().run("grants warehouse --reader bi --json")
    assert (
        "GRANT SELECT ON ALL TABLES IN SCHEMA raw TO bi;"
        in json.loads(ended.out)["grants"]["warehouse"]
    )
    ended = CommandLine().run("grants refils")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean refills?" in ended.err

"""The commands that set elconsole up, and the settings a command works on."""

from __future__ import annotations

import importlib.util
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
    assert ended.err == "The demo plant lives in a test.\n"
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

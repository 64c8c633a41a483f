"""What the environment fills into settings is shown to nobody."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from elconsole.config.load import LoadedSettings, SourceSettings, load_settings
from elconsole.config.template import effective, effective_values
from elconsole.config.trust import trust
from elconsole.core.errors import ConfigurationError
from tests.conftest import RunCli
from tests.hostile.folders import UNREACHABLE, user_settings, write

pytestmark = pytest.mark.faults

SECRET = "hunter2"
WORDS = {"DB_PASS": SECRET}


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder. Files of it may take words of the process's environment."""
    monkeypatch.setenv("DB_PASS", SECRET)
    return home / "work"


def said(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return f"{error.value}{error.value.hint}{error.value.__context__}{error.value.__cause__}"


WRONG = {
    "a number": 'keep_runs = "${DB_PASS}"',
    "a port": '[warehouse]\nport = "${DB_PASS}"',
    "a choice": 'colour = "${DB_PASS}"',
    "a name": '[sources.a]\ntarget = "{${DB_PASS}}"',
    "a list": '[sources.a.table.t]\nmode = "${DB_PASS}"',
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_shown_as_it_stands_in_the_file(home: Path, here: Path, text: str) -> None:
    user_settings(home, text)
    with pytest.raises(ConfigurationError) as told:
        load_settings(environ=WORDS)
    assert SECRET not in said(told)
    assert "${DB_PASS}" in str(told.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("elconsole.toml", '[warehouse]\nport = "${DB_PASS}"'),
        ("elconsole.toml", 'plugins = ["${DB_PASS}"]'),
        ("elconsole.toml", '[warehouse]\npassword_file = "${DB_PASS}"'),
        (".env", "ELCONSOLE_WAREHOUSE__PORT=${DB_PASS}"),
        (".env", "ELCONSOLE_PLUGINS=x,${DB_PASS}"),
        (".env", "ELCONSOLE_WAREHOUSE='{}'\nELCONSOLE_SOURCES={\"${DB_PASS}\": {}}"),
    ],
)
def test_a_met_file_is_asked_for_trust_before_it_gets_a_word(
    here: Path, name: str, text: str
) -> None:
    write(here / name, text + "\n")
    with pytest.raises(ConfigurationError, match="is not trusted") as told:
        load_settings(environ=WORDS)
    assert SECRET not in said(told)


def test_once_trusted_it_shows_none_either(here: Path) -> None:
    path = write(here / ".env", "ELCONSOLE_WAREHOUSE__PORT=${DB_PASS}\n")
    trust(path)
    with pytest.raises(ConfigurationError, match=r"whole number \(it is \$\{DB_PASS\}\)") as told:
        load_settings(environ=WORDS)
    assert SECRET not in said(told)


def listed(loaded: LoadedSettings) -> str:
    return repr(effective(loaded)) + json.dumps(effective_values(loaded)) + repr(loaded.written)


def test_config_shows_where_a_word_comes_from_and_not_the_word(home: Path, here: Path) -> None:
    text = """
    [warehouse]
    user = "u_${DB_PASS}"
    password = "${DB_PASS}"
    [sources.a]
    dbname = "a"
    tables = ["${DB_PASS}_x", "y"]
    """
    path = user_settings(home, text)
    loaded = load_settings(environ=WORDS)
    assert loaded.settings.warehouse.user == f"u_{SECRET}"
    shown = listed(loaded)
    assert SECRET not in shown
    assert ("warehouse.user", "u_${DB_PASS}", str(path)) in effective(loaded)
    assert ("sources.a.tables", "[${DB_PASS}_x, y]", str(path)) in effective(loaded)
    higher = load_settings(environ=WORDS | {"ELCONSOLE_WAREHOUSE__USER": "me"})
    assert ("warehouse.user", "me") in [row[:2] for row in effective(higher)]


def test_config_shows_none_of_a_dotenv_file(here: Path) -> None:
    text = 'ELCONSOLE_SOURCES={"a": {"dbname": "d", "user": "${DB_PASS}"}}\n'
    trust(write(here / ".env", text))
    loaded = load_settings(environ=WORDS)
    assert loaded.settings.sources["a"].user == SECRET
    assert SECRET not in listed(loaded)


# --- passwords that stand elsewhere --------------------------------------------------------


def refused(**block: object) -> str:
    """What is said of a source's password that can't be had."""
    source = SourceSettings.model_validate(block)
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as told:
        source.resolved_parameters("sources.a")
    assert time.monotonic() - started < 20
    return said(told)


def test_a_password_file_is_a_regular_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "it is not a regular file" in refused(password_file=str(tmp_path / "pipe"))
    write(tmp_path / "long", "x" * 70_000)
    assert "larger than 64 kB" in refused(password_file=str(tmp_path / "long"))


def test_a_command_that_prints_without_end_is_ended() -> None:
    for command in (["yes"], ["sh", "-c", "yes; true"]):
        assert "printed more than 64 kB" in refused(password_command=command)
    flood = ["sh", "-c", "yes | head -c 9000000 >&2; exit 3"]
    assert "ended with 3: y" in refused(password_command=flood)


def test_what_a_command_leaves_in_the_background_is_not_waited_for() -> None:
    source = SourceSettings(password_command=("sh", "-c", "echo word; sleep 60 &"))
    started = time.monotonic()
    assert source.resolved_parameters("a")["password"] == "word"
    assert time.monotonic() - started < 20


def test_arguments_of_commands_are_shown_to_nobody(home: Path) -> None:
    text = f"""{UNREACHABLE}password_command = ["vault", "--token={SECRET}"]
    [notify]
    on_failure = "curl -H Authorization:{SECRET} https://h"
    """
    user_settings(home, text)
    loaded = load_settings(environ={})
    assert SECRET not in listed(loaded)
    assert "vault" in listed(loaded)
    assert "curl" in listed(loaded)
    failing = ["sh", "-c", "exit 3", SECRET]
    assert SECRET not in refused(password_command=failing)


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("config", False),
        ("config --check", False),
        ("grants", False),
        ("__complete runs elconsole", False),
        ("check", True),
    ],
)
def test_a_password_command_is_run_by_who_connects_alone(
    run_cli: RunCli, home: Path, tmp_path: Path, words: str, runs: bool
) -> None:
    mark = tmp_path / "mark"
    user_settings(home, f'{UNREACHABLE}password_command = ["sh", "-c", "echo x | tee {mark}"]\n')
    ended = run_cli(*words.split())
    assert mark.exists() == runs, ended.stderr


def test_a_password_that_a_command_printed_is_in_no_log(
    run_cli: RunCli, home: Path, tmp_path: Path
) -> None:
    command = f'password_command = ["echo", "{SECRET}"]\n'
    text = UNREACHABLE.replace("127.0.0.1", f"{SECRET}.invalid", 1)
    user_settings(home, text.replace("[sources.paint]", f"{command}[sources.paint]"))
    log = tmp_path / "log"
    run_cli("-v", "--log-file", str(log), "check")
    assert SECRET not in log.read_text()
    assert "**********.invalid" in log.read_text()

"""What the environment fills into settings is shown to nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elconsole.config.load import LoadedSettings, load_settings
from elconsole.config.template import effective, effective_values
from elconsole.config.trust import trust
from elconsole.core.errors import ConfigurationError
from tests.hostile.folders import user_settings, write

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

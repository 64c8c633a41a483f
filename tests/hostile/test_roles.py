"""A role's name is one role's, and a word within an address stays within it."""

from __future__ import annotations

from pathlib import Path

import pytest

from elconsole.config.grants import grants_by_server
from elconsole.config.load import Settings, WarehouseSettings, load_settings
from elconsole.config.trust import trust
from elconsole.core.errors import ConfigurationError, UsageError
from tests.hostile.folders import write

pytestmark = pytest.mark.faults

UNSEEN = "boss\u200b"


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ("", "1 to 63 bytes, and this one 0"),
        ("x" * 64, "and this one 64"),
        ("ö" * 32, "and this one 64"),
        ("public", "public is no role, but everybody"),
        ("PUBLIC", "public is no role, but everybody"),
        (UNSEEN, "characters that are not seen"),
        ("x\x1b]0;pwn\x07", "characters that are not seen"),
        ("a\nb", r"a\\nb has characters"),
        ("a\0b", "characters that are not seen"),
    ],
)
def test_a_readers_name_that_means_another_role_is_refused(reader: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as told:
        grants_by_server(Settings(), reader=reader)
    assert str(told.value).isprintable()
    assert "--reader ROLE" in str(told.value.hint)


def test_any_other_name_is_one_role() -> None:
    granted = grants_by_server(Settings(), reader='Größe "x"; DROP ROLE y; --')["warehouse"]
    assert 'TO "Größe ""x""; DROP ROLE y; --";' in granted


def test_nor_may_the_role_of_a_connection_be_called_so() -> None:
    settings = Settings(warehouse=WarehouseSettings(user=UNSEEN))
    with pytest.raises(UsageError, match="characters that are not seen"):
        grants_by_server(settings)


WORDS = {
    "another host": "x host=evil.example",
    "a quote": "x' host='evil.example",
    "a backslash": "x\\",
    "a line break": "x\nhost=evil.example",
    "parts of an address": "x@evil.example:1/d?host=evil.example",
    "nothing": "",
}
DSNS = (
    "host=db password=${P} port=7",
    "host=db password='${P}' port=7",
    "host=db port=7 password=${P}${Q}",
    "postgresql://me:${P}@db:7/",
    "postgresql://db:7/?password=${P}",
)


@pytest.mark.parametrize("dsn", DSNS)
@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("kind", ["file", ".env"])
def test_a_word_in_a_dsn_stays_one_value(home: Path, dsn: str, word: str, kind: str) -> None:
    environ = {"P": word, "Q": ""}
    named = write(home / "named.toml", f'[warehouse]\ndsn = "{dsn}"\n' if kind == "file" else "")
    if kind == ".env":
        trust(write(home / "work" / ".env", f'ELCONSOLE_WAREHOUSE__DSN="{dsn}"\n'))
    found = load_settings(named, environ=environ).settings.warehouse.connection_parameters()
    assert (found["host"], found["port"], found["password"]) == ("db", "7", word)


def test_a_word_may_be_the_whole_dsn_and_is_no_keyword(home: Path) -> None:
    named = write(home / "named.toml", '[warehouse]\ndsn = "${URL}"\n')
    loaded = load_settings(named, environ={"URL": "postgresql://db:7/d?sslmode=require"})
    assert loaded.settings.warehouse.connection_parameters()["sslmode"] == "require"
    for dsn in ("${URL} sslmode=require", "host=db ${URL}"):
        write(named, f'[warehouse]\ndsn = "{dsn}"\n')
        with pytest.raises(ConfigurationError, match="where it is no value"):
            load_settings(named, environ={"URL": "host=x"})
        trust(write(home / "work" / ".env", f'ELCONSOLE_WAREHOUSE__DSN="{dsn}"\n'))
        with pytest.raises(ConfigurationError, match="where it is no value"):
            load_settings(environ={"URL": "host=x"})


def test_a_word_in_a_block_of_dotenv_stays_one_text(home: Path) -> None:
    text = 'ELCONSOLE_WAREHOUSE={"host": "db", "user": "${P}"}\n'
    trust(write(home / "work" / ".env", text))
    word = 'x", "host": "evil.example'
    warehouse = load_settings(environ={"P": word}).settings.warehouse
    assert (warehouse.host, warehouse.user) == ("db", word)

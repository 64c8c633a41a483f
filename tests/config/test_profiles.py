"""Profiles, words of the environment, passwords that stand elsewhere, and what containers need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elconsole.config.load import LoadedSettings, load_settings
from elconsole.config.models import SourceSettings
from elconsole.config.template import json_schema
from elconsole.config.trust import trust
from elconsole.core.errors import ConfigurationError
from tests.config.conftest import Load

pytestmark = pytest.mark.unit

PROFILED = """
workers = 2
[warehouse]
host = "dev"
[sources.crm]
host = "crm"
[profiles.prod]
workers = 8
[profiles.prod.warehouse]
host = "prod"
[profiles.test.sources.crm]
port = 6000
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file that was named on the command line."""
    path = tmp_path / "named.toml"
    path.touch(0o600)
    return path


def named(path: Path, text: str, profile: str | None = None, **environ: str) -> LoadedSettings:
    path.write_text(text)
    return load_settings(path, environ=environ, cwd=path.parent, profile=profile)


def test_a_profile_lies_over_its_file(written: Path) -> None:
    loaded = named(written, PROFILED, "prod")
    assert (loaded.settings.workers, loaded.settings.warehouse.host) == (8, "prod")
    assert list(loaded.settings.sources) == ["crm"]
    assert loaded.origins["workers"] == f"{written} [profiles.prod]"
    assert named(written, PROFILED).settings.workers == 2
    assert named(written, PROFILED, "test").settings.sources["crm"].port == 6000


def test_the_environment_names_a_profile_and_the_command_line_another(written: Path) -> None:
    assert named(written, PROFILED, ELCONSOLE_PROFILE="prod").settings.workers == 8
    assert named(written, PROFILED, "test", ELCONSOLE_PROFILE="prod").settings.workers == 2
    assert named(written, PROFILED, "", ELCONSOLE_PROFILE="prod").settings.workers == 2


@pytest.mark.parametrize(
    ("text", "profile", "words", "hint"),
    [
        (PROFILED, "prd", "no profile prd", "did you mean prod?"),
        (PROFILED, "zzz", "no profile zzz", "its profiles are prod, test"),
        ("workers = 2", "prod", "no profile prod", "it has no profiles"),
        ("profiles = 3", None, "profiles: must be blocks", "[profiles.NAME]"),
        ("[profiles.x]\nworker = 3", None, "profiles.x.worker", "Did you mean"),
    ],
)
def test_a_wrong_profile_is_told(
    written: Path, text: str, profile: str | None, words: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        named(written, text, profile)
    assert words in told.value.message
    assert hint in (told.value.hint or "")


def test_a_profile_without_a_file_is_told(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="no file with a profile prod"):
        load(environ={"ELCONSOLE_PROFILE": "prod"})


def test_a_dotenv_names_a_profile_below_the_environment(load: Load) -> None:
    profiled = PROFILED + "[profiles.small]\nworkers = 1\n"
    loaded = load(toml=profiled, dotenv="export ELCONSOLE_PROFILE='prod'\n")
    assert loaded.settings.workers == 8
    assert [path.name for path in loaded.used] == ["elconsole.toml", ".env"]
    assert load(environ={"ELCONSOLE_PROFILE": "small"}).settings.workers == 1
    assert load(dotenv="ELCONSOLE_PROFILE=\n").settings.workers == 2


def test_hashing_without_a_salt_is_told_wherever_it_is_asked_for(written: Path) -> None:
    text = """hash_columns = ["*.phone"]
    [sources.crm]
    host = "crm"
    hash_columns = ["*.mail"]
    [sources.crm.table.people]
    hash_columns = ["name"]
    """
    warned = "".join(named(written, text).warnings)
    for key in ("hash_columns", "sources.crm.hash_columns", "sources.crm.table.people.hash_col"):
        assert f"{key}" in warned
    assert warned.count("needs hash_salt") == 3
    assert named(written, f"hash_salt = 's'\n{text}").warnings == ()


def test_words_of_the_environment_are_filled_in(written: Path) -> None:
    text = """
    [warehouse]
    host = "${HOST}.example.org"
    password = "a$${b}${PW}"
    [sources.crm]
    port = "${PORT}"
    tables = ["${T}_x", "plain"]
    [notify]
    on_failure = "mail ${TO}"
    ping_url = "https://hc.example.org/${PW}"
    """
    loaded = named(written, text, HOST="db", PW="ünï", PORT="6001", T="t")
    warehouse, crm = loaded.settings.warehouse, loaded.settings.sources["crm"]
    assert warehouse.host == "db.example.org"
    assert warehouse.connection_parameters()["password"] == "a${b}ünï"
    assert (crm.port, crm.tables) == (6001, ("t_x", "plain"))
    notify = loaded.settings.notify
    assert notify.on_failure == ("mail ${TO}",)
    assert notify.ping_url is not None
    assert notify.ping_url.get_secret_value() == "https://hc.example.org/ünï"


@pytest.mark.parametrize(
    ("password", "warned"), [("${PW}", False), ("s3cret${PW}", True), ("s$${b", True)]
)
def test_only_what_stands_in_the_file_is_a_secret_of_it(
    written: Path, password: str, warned: bool
) -> None:
    written.chmod(0o644)
    loaded = named(written, f'[warehouse]\npassword = "{password}"', PW="x")
    assert any("holds a secret" in words for words in loaded.warnings) == warned


def test_a_word_that_the_environment_has_not_is_told(written: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        named(written, '[warehouse]\npassword = "${PW}"')
    assert "warehouse.password: the environment has no PW" in told.value.message
    assert "Set PW" in (told.value.hint or "")


def test_a_file_of_the_working_folder_takes_no_words_before_it_is_trusted(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    toml = '[warehouse]\nhost = "${HOME_KEY}.example.org"'
    with pytest.raises(ConfigurationError, match="is not trusted"):
        load(toml=toml, environ={"HOME_KEY": "s3cret"})
    trust(tmp_path / "elconsole.toml")
    assert load(environ={"HOME_KEY": "db"}).settings.warehouse.host == "db.example.org"


@pytest.mark.parametrize(
    "line", ['password_file = "/etc/passwd"', 'password_command = ["cat", "/etc/passwd"]']
)
def test_a_file_of_the_working_folder_sends_no_file_or_words_before_it_is_trusted(
    load: Load, line: str
) -> None:
    with pytest.raises(ConfigurationError, match="is not trusted"):
        load(toml=f'[warehouse]\nhost = "evil.example.org"\n{line}')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ELCONSOLE_NAME='a${HOME}b'", "a${HOME}b"),
        ("export ELCONSOLE_NAME = 'a${HOME}b'  # words", "a${HOME}b"),
        ("ELCONSOLE_NAME=\"x\"\nELCONSOLE_NAME='$${Y}'", "$${Y}"),
    ],
)
def test_single_quotes_of_dotenv_keep_everything(load: Load, line: str, expected: str) -> None:
    assert load(dotenv=line).settings.name == expected


def test_the_environment_alone_is_enough(load: Load) -> None:
    loaded = load(
        environ={
            "ELCONSOLE_WAREHOUSE__HOST": "wh",
            "ELCONSOLE_SOURCES__CRM__HOST": "crm",
            "ELCONSOLE_SOURCES__CRM__PASSWORD_FILE": "/run/secrets/crm",
        }
    )
    assert list(loaded.settings.sources) == ["crm"]
    assert loaded.settings.name == ""
    assert loaded.settings.sources["crm"].password_file == "/run/secrets/crm"


def test_a_variable_of_the_plants_own_source_keeps_the_plant(load: Load) -> None:
    loaded = load(environ={"ELCONSOLE_SOURCES__REFILLS__HOST": "there"})
    assert list(loaded.settings.sources) == ["refills", "bodies", "springs"]


def password(path: Path, **block: Any) -> str:
    """The password that a source with these settings has."""
    path.write_text(
        "[sources.crm]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in block.items())
    )
    source = load_settings(path, environ={}, cwd=path.parent).settings.sources["crm"]
    return source.resolved_parameters("sources.crm")["password"]


def test_a_password_may_stand_in_a_file(written: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pä ss\nsecond line\n")
    assert password(written, password_file=str(secret)) == "pä ss"
    secret.write_bytes(b"windows\r\n")
    assert password(written, password_file=str(secret)) == "windows"


def test_a_password_may_be_what_a_command_prints_once(written: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    command = ["sh", "-c", f"echo x >> {count}; echo from-vault; echo more"]
    source = SourceSettings(password_command=tuple(command))
    for _ in range(3):
        assert source.resolved_parameters("crm")["password"] == "from-vault"
    assert count.read_text() == "x\n"
    assert password(written, password_command=command) == "from-vault"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"password_file": "/nowhere/secret"}, "/nowhere/secret can't be read: No such file"),
        ({"password_file": "/dev/null"}, "/dev/null can't be read: it is not a regular file"),
        ({"password_command": ["/nowhere/vault"]}, "/nowhere/vault can't be run: No such file"),
        ({"password_command": ["sh", "-c", "echo no key >&2; exit 3"]}, "ended with 3: no key"),
        ({"password_command": ["true"]}, "printed an empty first line"),
        ({"password_command": ["printf", "\\377"]}, "printed no UTF-8 text"),
    ],
)
def test_a_password_that_cannot_be_had_names_its_setting(
    written: Path, block: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        password(written, **block)
    assert told.value.message.startswith(f"sources.crm.{next(iter(block))}: ")
    assert words in told.value.message
    assert told.value.hint


def test_two_passwords_in_one_place_exclude_each_other(written: Path) -> None:
    with pytest.raises(ConfigurationError, match="password and password_file exclude each other"):
        password(written, password="x", password_file="/x")


def test_the_higher_layers_password_counts_whatever_its_kind(written: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the file")
    text = f'[sources.crm]\nhost = "a"\npassword_file = "{secret}"'
    crm = named(written, text, ELCONSOLE_SOURCES__CRM__PASSWORD="higher").settings.sources["crm"]
    assert crm.resolved_parameters("")["password"] == "higher"
    assert crm.password_file is None


def test_a_password_file_does_not_follow_to_another_address(written: Path) -> None:
    text = '[sources.crm]\nhost = "a"\npassword_file = "/run/secrets/crm"'
    loaded = named(written, text, ELCONSOLE_SOURCES__CRM__HOST="evil")
    assert loaded.settings.sources["crm"].password_file is None
    assert any("is for another address" in words for words in loaded.warnings)


def test_the_logs_know_passwords_that_stand_elsewhere(written: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of-the-file")
    text = f'[sources.crm]\npassword_file = "{secret}"'
    assert "of-the-file" in named(written, text).settings.secrets()


def test_the_schema_explains_every_setting() -> None:
    schema = json_schema()
    assert "required" not in schema
    for block in (schema, *schema["$defs"].values()):
        for key, value in block["properties"].items():
            assert value["description"], key
    source = schema["$defs"]["SourceSettings"]["properties"]
    assert source["host"]["description"] == "Host name, address, or directory of a unix socket."

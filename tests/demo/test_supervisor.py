"""The embedded server's life: shared, outliving crashes, ending with its last user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from elconsole.core.errors import DemoUnavailable
from elconsole.demo.account import server_account
from elconsole.demo.installation import Installation
from elconsole.demo.supervisor import EmbeddedServer
from tests.conftest import REPOSITORY
from tests.postgres import PostgresServer
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MakeServer = Callable[[], EmbeddedServer]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture(scope="module")
def installation(server: PostgresServer) -> Installation:
    return server.installation


@pytest.fixture
def make_server(installation: Installation, home: Path) -> Iterator[MakeServer]:
    """Servers on one folder, as several processes would have them."""
    made: list[EmbeddedServer] = []

    def make() -> EmbeddedServer:
        made.append(
            EmbeddedServer(
                home / "demo",
                installation=installation,
                account=server_account(),
                settings={"fsync": "off", "shared_buffers": "16MB"},
            )
        )
        return made[-1]

    yield make
    for embedded in made:
        embedded.close()


def select(embedded: EmbeddedServer, query: str = "SELECT 1") -> object:
    with psycopg.connect("", **embedded.parameters(), autocommit=True) as connection:  # type: ignore[arg-type]
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.fixture
def user_process(
    make_server: MakeServer, installation: Installation
) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until it is killed."""
    code = f"""
import sys, time
from pathlib import Path
from elconsole.demo.account import server_account
from elconsole.demo.installation import Installation
from elconsole.demo.supervisor import EmbeddedServer
server = EmbeddedServer(Path({str(make_server().folder)!r}),
    installation=Installation(Path({str(installation.bin)!r}), {installation.version!r}),
    account=server_account(), settings={{"fsync": "off", "shared_buffers": "16MB"}})
server.open()
print(server.pid, flush=True)
sys.stdin.read()
server.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_the_server_stops_with_its_only_user(make_server: MakeServer) -> None:
    embedded = make_server()
    embedded.open()
    pid = embedded.pid
    assert select(embedded) == 1
    embedded.close()
    assert is_gone(pid)


def test_two_users_share_one_server(make_server: MakeServer) -> None:
    first, second = make_server(), make_server()
    first.open()
    second.open()
    assert first.pid == second.pid
    first.close()
    assert select(second) == 1


def test_two_processes_share_one_server(
    make_server: MakeServer, user_process: subprocess.Popen[str]
) -> None:
    embedded = make_server()
    embedded.open()
    assert first_line(user_process) == embedded.pid
    user_process.communicate("")
    assert select(embedded) == 1


def test_kill_9_of_the_last_user_stops_the_server(user_process: subprocess.Popen[str]) -> None:
    pid = first_line(user_process)
    assert not is_gone(pid)
    user_process.kill()
    until(lambda: is_gone(pid), "the server stops", timeout_s=5.0)


def test_a_terminals_interrupt_leaves_the_server_alone(
    make_server: MakeServer, user_process: subprocess.Popen[str]
) -> None:
    pid = first_line(user_process)
    embedded = make_server()
    embedded.open()
    os.killpg(user_process.pid, signal.SIGINT)
    user_process.wait()
    assert embedded.pid == pid
    assert select(embedded) == 1


def test_a_killed_server_recovers_at_the_next_opening(make_server: MakeServer) -> None:
    first = make_server()
    first.open()
    select(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = first.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid), "the server ends")
    second = make_server()
    second.open()
    assert select(second, "SELECT answer FROM kept") == 42


def test_a_server_whose_watcher_was_killed_gets_another(make_server: MakeServer) -> None:
    first = make_server()
    first.open()
    pid = first.pid
    watcher = int(Path(f"/proc/{pid}/stat").read_text().split()[3])
    os.kill(watcher, signal.SIGKILL)
    second = make_server()
    until(lambda: is_gone(watcher), "the watcher ends")
    second.open()
    assert second.pid == pid
    second.close()
    first.close()
    until(lambda: is_gone(pid), "the adopted server stops")


def test_what_was_stored_is_there_after_a_stop(make_server: MakeServer) -> None:
    embedded = make_server()
    embedded.open(expect="plant")
    select(embedded, "CREATE TABLE kept AS SELECT 42 AS answer")
    embedded.close()
    again = make_server()
    again.open(expect="plant")
    assert select(again, "SELECT answer FROM kept") == 42


def test_an_interrupted_initdb_is_redone(make_server: MakeServer) -> None:
    embedded = make_server()
    half_made = embedded.folder / "data.123.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    embedded.data.mkdir()
    embedded.open()
    assert select(embedded) == 1
    assert not half_made.exists()


def test_data_of_another_major_version_is_made_anew(make_server: MakeServer) -> None:
    embedded = make_server()
    embedded.open()
    select(embedded, "CREATE TABLE old AS SELECT 1")
    embedded.close()
    (embedded.folder / "made-for").write_text("17")
    again = make_server()
    again.open()
    assert select(again, "SELECT count(*) FROM pg_class WHERE relname = 'old'") == 0


def test_a_long_path_gets_a_short_socket_folder_for_its_life(
    installation: Installation, home: Path
) -> None:
    folder = home / ("long" * 25) / "demo"
    embedded = EmbeddedServer(folder, installation=installation, account=server_account())
    embedded.open()
    try:
        place = Path(embedded.socket_folder)
        assert not place.is_relative_to(folder)
        assert place.stat().st_mode & 0o777 == 0o700
        assert select(embedded) == 1
    finally:
        embedded.close()
    assert not place.exists()


def test_no_port_is_open_and_no_other_user_gets_in(make_server: MakeServer, tmp_path: Path) -> None:
    embedded = make_server()
    embedded.open()
    assert select(embedded, "SHOW listen_addresses") == ""
    assert "trust" not in (embedded.folder / "pg_hba.conf").read_text()
    assert Path(embedded.socket_folder).stat().st_mode & 0o777 == 0o700
    assert embedded.data.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_can_not_be_made_is_named(installation: Installation, home: Path) -> None:
    (home / "file").write_text("not a folder")
    embedded = EmbeddedServer(
        home / "file" / "demo", installation=installation, account=server_account()
    )
    with pytest.raises(DemoUnavailable, match="file/demo") as caught:
        embedded.open()
    assert "XDG_DATA_HOME" in str(caught.value.hint)


def test_a_server_that_can_not_start_says_why(make_server: MakeServer) -> None:
    embedded = make_server()
    embedded.open()
    embedded.close()
    shutil.rmtree(embedded.data / "global")
    with pytest.raises(DemoUnavailable, match="did not start") as caught:
        make_server().open()
    assert "pg_control" in str(caught.value)
    assert str(embedded.log) in str(caught.value.hint)


def test_a_failed_preparation_leaves_no_server(make_server: MakeServer) -> None:
    def fail(embedded: EmbeddedServer) -> None:
        pids.append(embedded.pid)
        raise RuntimeError("no")

    pids: list[int] = []
    with pytest.raises(RuntimeError):
        make_server().open(fail)
    assert is_gone(pids[0])

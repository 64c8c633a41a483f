"""Through the real PgBouncer: a connection that others share is refused by name and left as
it was found; one that is lent for a whole session serves like the server itself."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from elconsole.core.errors import Cancelled, DatabaseUnavailable, SharedConnection
from elconsole.core.results import SyncRequest
from elconsole.engine.connect import options
from elconsole.engine.connect import pooler as recognition
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import open_session
from tests.cli.test_completion import write_blocks
from tests.conftest import RunCli
from tests.hostile.pgbouncer import Pooler, pooler
from tests.link import Link, only
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.faults]

OURS = (
    "search_path",
    "default_transaction_read_only",
    "TimeZone",
    "DateStyle",
    "lock_timeout",
    "jit",
    "row_security",
    "work_mem",
    "idle_in_transaction_session_timeout",
)
"""What a session of ours sets, of which another program would be hurt."""
SHARING = ("transaction", "statement")
StartPooler = Callable[..., Pooler]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports come again, and what was learned of one is not true of the next."""
    monkeypatch.setattr(recognition, "_KEPT", set())
    monkeypatch.setattr(options, "_REFUSING", set())


@pytest.fixture
def start(server: PostgresServer, session_folder: Path, link: Link) -> Iterator[StartPooler]:
    """Starts PgBouncer for the link's roles in a mode; stopped at the test's end."""
    with ExitStack() as poolers:

        def run(mode: str, **settings: str) -> Pooler:
            folder = session_folder / f"pgbouncer-{time.monotonic_ns()}"
            roles = list(link.roles.values())
            return poolers.enter_context(pooler(server, folder, roles, pool_mode=mode, **settings))

        yield run


@pytest.fixture(autouse=True)
def filled(link: Link) -> None:
    link.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        "INSERT INTO t SELECT g, g::text FROM generate_series(1, 100) g"
    )


def behind(link: Link, ours: Pooler, *names: str) -> dict[str, Any]:
    """Settings under which these connections go through the pooler."""
    values = link.values()
    if "warehouse" in names:
        values["warehouse"] = ours.through(values["warehouse"])
    for name in set(names) & set(link.sources):
        values["sources"][name] = ours.through(values["sources"][name])
    return {name: values[name] for name in ("warehouse", "sources")}


def server_behind(link: Link, ours: Pooler, role: str = "source") -> Server:
    """The link's source, or the warehouse, through the pooler."""
    name = link.name if role == "source" else "warehouse"
    block = {key: str(value) for key, value in ours.through(link.block(name)).items()}
    address = f"127.0.0.1:{ours.port}"
    return Server(name, "source" if role == "source" else "warehouse", block, address, 5.0)


def program_of(link: Link, ours: Pooler, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Another program's session with the pool."""
    block: dict[str, Any] = ours.through(link.block(name))
    return psycopg.connect(**block, autocommit=True, prepare_threshold=None)


def seen_by_others(link: Link, ours: Pooler, name: str) -> list[str]:
    """What another program finds set in the pool's sessions."""
    with program_of(link, ours, name) as other:
        return [str(other.execute(f"SHOW {setting}").fetchall()[0][0]) for setting in OURS]


@pytest.mark.parametrize("mode", SHARING)
@pytest.mark.parametrize("name", ["plant", "warehouse"])
@pytest.mark.parametrize("ignored", ["extra_float_digits", "options"])
def test_a_shared_connection_is_refused_by_name_and_left_as_it_was(
    link: Link, start: StartPooler, mode: str, name: str, ignored: str
) -> None:
    ours = start(mode, ignore_startup_parameters=ignored)
    link.grant(link.settings())
    before = seen_by_others(link, ours, name)
    for _ in range(3):
        with pytest.raises(SharedConnection, match=f"pooler in {mode} mode") as caught:
            open_session(server_behind(link, ours, "source" if name == "plant" else name))
        assert "pool_mode = session" in str(caught.value.hint)
        assert seen_by_others(link, ours, name) == before


@pytest.mark.parametrize("mode", SHARING)
@pytest.mark.parametrize("name", ["plant", "warehouse"])
def test_check_and_sync_name_it(
    link: Link, start: StartPooler, run_cli: RunCli, tmp_path: Path, mode: str, name: str
) -> None:
    ours = start(mode)
    link.grant(link.settings())
    file = tmp_path / "elconsole.toml"
    write_blocks(file, behind(link, ours, name))
    checked = run_cli("check", "--json", "-c", str(file))
    assert checked.returncode == 3, checked.stdout + checked.stderr
    assert f"pooler in {mode} mode" in json.dumps(json.loads(checked.stdout))
    synced = run_cli("sync", "--headless", "-c", str(file))
    assert synced.returncode == 3, synced.stdout + synced.stderr
    assert f"pooler in {mode} mode" in synced.stdout + synced.stderr


def test_a_pool_of_one_is_recognised(link: Link, start: StartPooler) -> None:
    ours = start("transaction", default_pool_size="1")
    with pytest.raises(SharedConnection):
        open_session(server_behind(link, ours))


def test_sessions_in_turn_are_recognised(
    link: Link, start: StartPooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`server_round_robin` gives no session the process it had before."""
    monkeypatch.setattr(recognition, "ROUNDS", 1)
    ours = start("transaction", server_round_robin="1")
    with ExitStack() as programs:
        for _ in range(6):
            programs.enter_context(program_of(link, ours, "plant")).execute("BEGIN; SELECT")
    with pytest.raises(SharedConnection):
        open_session(server_behind(link, ours))


def test_processes_that_share_a_port_are_recognised(
    link: Link, start: StartPooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second connection may lead to another process, whose pool is another."""
    monkeypatch.setattr(recognition, "ROUNDS", 30)
    port = str(start("transaction", so_reuseport="1").port)
    ours = start("transaction", so_reuseport="1", listen_port=port)
    for _ in range(5):
        with pytest.raises(SharedConnection):
            open_session(server_behind(link, ours))


@pytest.mark.parametrize("ignored", ["extra_float_digits", "options"])
def test_a_session_pool_serves_like_the_server(
    link: Link, start: StartPooler, ignored: str
) -> None:
    ours = start("session", ignore_startup_parameters=ignored)
    changes = behind(link, ours, "plant", "warehouse")
    before = [seen_by_others(link, ours, name) for name in ("plant", "warehouse")]
    assert only(link.synced(**changes)).rows_written == 100
    assert only(link.synced(**changes)).status == "succeeded"
    link.close()
    assert [seen_by_others(link, ours, name) for name in ("plant", "warehouse")] == before


def test_a_session_pool_that_resets_nothing_is_left_as_it_was(
    link: Link, start: StartPooler
) -> None:
    ours = start("session", server_reset_query="", default_pool_size="2")
    before = seen_by_others(link, ours, "warehouse")
    session = open_session(server_behind(link, ours, "warehouse"))
    session.execute("SELECT pg_catalog.pg_advisory_lock(4711)")
    session.abandon()
    assert seen_by_others(link, ours, "warehouse") == before
    assert not link.warehouse.sql("SELECT FROM pg_locks WHERE locktype = 'advisory'")


def test_a_session_pool_without_room_is_told(link: Link, start: StartPooler) -> None:
    ours = start("session", default_pool_size="1", query_wait_timeout="1")
    with pytest.raises(DatabaseUnavailable, match="default_pool_size"):
        open_session(server_behind(link, ours))


def test_a_long_statement_is_known_to_be_at_work(link: Link, start: StartPooler) -> None:
    session = open_session(server_behind(link, start("session")))
    with session.attended(0.5):
        assert session.execute("SELECT 1 FROM pg_catalog.pg_sleep(3)").fetchone() == (1,)
    session.close()


def test_a_stop_reaches_a_statement_behind_the_pooler(link: Link, start: StartPooler) -> None:
    stop = threading.Event()
    session = open_session(server_behind(link, start("session")), stop=stop)
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(Cancelled):
        session.execute("SELECT pg_catalog.pg_sleep(60)")
    session.abandon()
    deadline = time.monotonic() + 5
    sleeping = "SELECT FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND state = 'active'"
    while link.source.sql(sleeping + " AND pid <> pg_backend_pid()"):
        assert time.monotonic() < deadline, "the statement goes on"


def test_a_run_is_seen_through_the_pooler_as_it_happens(link: Link, start: StartPooler) -> None:
    changes = behind(link, start("session"), "plant", "warehouse")
    link.synced(**changes)
    engine, stop = link.engine(**changes), threading.Event()
    seen = engine.watch(stop)
    assert next(seen).run.run_number == 1
    second = link.synced(**changes)
    began = time.monotonic()
    assert any(detail.run.run_id == second.run.run_id for detail in seen)
    assert time.monotonic() - began < 5
    stop.set()


def test_two_syncs_through_the_pooler_exclude_each_other(link: Link, start: StartPooler) -> None:
    changes = behind(link, start("session"), "plant", "warehouse")
    link.synced(**changes)
    first = link.engine(lock_wait=0.1, **changes)
    second = link.engine(lock_wait=0.1, **changes)
    link.grants_wanted = False
    with link.source.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE t")
        running = threading.Thread(
            target=lambda: first.sync(
                SyncRequest(()), emit=link.events.append, stop=threading.Event()
            )
        )
        running.start()
        _await_lock(link)
        detail = second.sync(SyncRequest(()), emit=link.events.append, stop=threading.Event())
    running.join(30)
    error = only(detail).error
    assert error is not None
    assert error.kind == "locked", error


def _await_lock(link: Link) -> None:
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
    deadline = time.monotonic() + 10
    while not link.source.sql(waiting):
        assert time.monotonic() < deadline, "the first sync never came to its table"

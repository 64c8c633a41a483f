"""Fixtures for every test: a clean environment, and a real PostgreSQL for those that ask."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from tests.effort import tries
from tests.link import Link
from tests.pairs import Pair
from tests.postgres import (
    SOURCES,
    Database,
    Factory,
    PostgresServer,
    grant_least,
    reachable_folder,
    seed_source,
)

# A shared machine pauses whenever it likes: how long an example takes says nothing.
hypothesis.settings.register_profile("shared", deadline=None, max_examples=tries(25))
hypothesis.settings.load_profile("shared")

REPOSITORY = Path(__file__).resolve().parent.parent
_FOREIGN_PREFIXES = ("ELCONSOLE_", "XDG_", "PG")
_FOREIGN_NAMES = ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "TEXTUAL", "COLUMNS", "LINES",
    "PYTHONDONTWRITEBYTECODE")  # fmt: skip
HEEDED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class MakeDatabase(Protocol):
    def __call__(
        self, name_hint: str = "source", encoding: str = "UTF8", owner: str | None = None
    ) -> Database: ...


class MakeRole(Protocol):
    def __call__(self, name_hint: str = "role", options: str = "LOGIN") -> str: ...


class MakeFactory(Protocol):
    def __call__(self, rows: int | None = None, sources: tuple[str, ...] = SOURCES) -> Factory: ...


class MakeLink(Protocol):
    def __call__(
        self,
        *sources: str,
        source_encoding: str = "UTF8",
        warehouse_encoding: str = "UTF8",
    ) -> Link: ...


class RunCli(Protocol):
    def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = 60.0,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """For `-n auto`: two workers a processor, since many tests wait. At most sixteen, since
    each has a server of its own."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return min(16, 2 * (os.cpu_count() or 1))


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Rewritten asserts are kept for the other workers, and the program's code for its starts."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each worker imports a share of its own first, so that all rewrite each test once."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1 or session.config.args != session.config.getini("testpaths"):
        return
    place = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    for path in sorted(REPOSITORY.glob("tests/**/test_*.py"))[place::workers]:
        importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """What the collection made stays, and a console's hundred thousand short lives are
    looked through more seldom: a twentieth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def signals_heeded() -> Iterator[None]:
    """Under nohup, and behind a shell's &, processes ignore signals that our tests send."""
    ignored = {n: signal.SIG_IGN for n in HEEDED if signal.getsignal(n) is signal.SIG_IGN}
    for number in ignored:
        heed = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, heed)
    yield
    for number, ignore in ignored.items():
        signal.signal(number, ignore)


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder of this session, reachable by the embedded server's account."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(autouse=True)
def home(
    session_folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty home and working folder, and none of the developer's own settings."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN_PREFIXES) or name in _FOREIGN_NAMES:
            monkeypatch.delenv(name)
    number = len(list(session_folder.glob("home-*")))
    folder = session_folder / f"home-{number}"
    (folder / "work").mkdir(parents=True)
    folder.chmod(0o755)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder / "work")
    return folder


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What the program sets up for its log ends with the test."""
    logger = logging.getLogger("elconsole")
    before = (logger.handlers[:], logger.level, logger.propagate, logging.lastResort)
    yield
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers, logger.propagate, logging.lastResort = before[0], before[2], before[3]
    logger.setLevel(before[1])


@pytest.fixture(scope="session")
def server(session_folder: Path) -> Iterator[PostgresServer]:
    """One embedded server a session (and xdist worker); tests must not stop it."""
    postgres = PostgresServer(session_folder)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


@pytest.fixture
def make_role(server: PostgresServer) -> Iterator[MakeRole]:
    """Makes roles, dropped at the test's end, after its databases."""
    made: list[str] = []

    def make(name_hint: str = "role", options: str = "LOGIN") -> str:
        made.append(server.create_role(name_hint, options))
        return made[-1]

    yield make
    for name in reversed(made):
        server.drop_role(name)


@pytest.fixture
def make_database(server: PostgresServer, make_role: MakeRole) -> Iterator[MakeDatabase]:
    """Makes empty databases, dropped at the test's end with whoever is still connected."""
    made: list[Database] = []

    def make(
        name_hint: str = "source", encoding: str = "UTF8", owner: str | None = None
    ) -> Database:
        made.append(server.create_database(name_hint, encoding, owner))
        return made[-1]

    yield make
    for database in made:
        server.drop_database(database)


@pytest.fixture
def make_factory(make_database: MakeDatabase, make_role: MakeRole) -> MakeFactory:
    """Makes pen plants: seeded sources, an empty warehouse, least-privileged roles."""

    def make(rows: int | None = None, sources: tuple[str, ...] = SOURCES) -> Factory:
        roles = {name: make_role(name) for name in (*sources, "warehouse")}
        databases = {name: make_database(name) for name in sources}
        for name, database in databases.items():
            seed_source(database, name, rows)
        made = Factory(databases, make_database("warehouse"), roles)
        grant_least(made)
        return made

    return make


@pytest.fixture
def factory(make_factory: MakeFactory) -> Factory:
    """The pen plant's 350 units and an empty warehouse."""
    return make_factory()


@pytest.fixture(scope="module")
def module_pair(server: PostgresServer) -> Iterator[Pair]:
    """A source, a warehouse and two roles that the tests of a module share."""
    roles = server.create_role("reader"), server.create_role("loader")
    databases = server.create_database("source"), server.create_database("warehouse")
    yield Pair.of(*databases, *roles)
    for database in databases:
        server.drop_database(database)
    for role in roles:
        server.drop_role(role)


@pytest.fixture
def pair(module_pair: Pair) -> Iterator[Pair]:
    """An empty source, an empty warehouse and the engine between them."""
    module_pair.clear()
    yield module_pair
    module_pair.close()


@pytest.fixture
def make_link(make_role: MakeRole, make_database: MakeDatabase) -> Iterator[MakeLink]:
    """Makes empty sources and an empty warehouse, each with a role of its own."""
    made: list[Link] = []

    def make(
        *sources: str, source_encoding: str = "UTF8", warehouse_encoding: str = "UTF8"
    ) -> Link:
        names = sources or ("plant",)
        roles = {name: make_role(name) for name in (*names, "warehouse")}
        databases = {name: make_database(name, encoding=source_encoding) for name in names}
        warehouse = make_database("warehouse", encoding=warehouse_encoding)
        made.append(Link(databases, warehouse, roles))
        return made[-1]

    yield make
    for link in made:
        link.close()


@pytest.fixture
def link(make_link: MakeLink) -> Link:
    """One source, `plant`, and a warehouse, both empty."""
    return make_link()


@pytest.fixture
def run_cli() -> RunCli:
    """Runs `elconsole` in a process of its own."""

    def run(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "elconsole", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        )

    return run

"""A table's sync that loses a connection at its messages in turn, before or after the answer: at
each with some effort, else at every tenth."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from elconsole.core.events import TableStarted
from elconsole.core.results import TableRun
from elconsole.engine.connect.session import Session
from elconsole.engine.extract import pump as transfer
from tests.effort import EFFORT
from tests.faults.conftest import only
from tests.pairs import Pair
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.chance, pytest.mark.timeout(300)]

STRIDE = max(1, round(10 / EFFORT))

QUALITY = {"status": "v", "passed": ["ok"], "time": "at", "by": ["line"]}
SCENARIOS: dict[str, tuple[dict[str, Any], str]] = {
    "full": ({"mode": "full"}, "UPDATE t SET v = v || 'x' WHERE id = 1"),
    "full of a selection": (
        {"mode": "full", "where": "id > 0", "quality": QUALITY},
        "UPDATE t SET v = v || 'x' WHERE id = 1",
    ),
    "changes": (
        {"mode": "incremental", "quality": QUALITY},
        "UPDATE t SET v = v || 'x' WHERE id = 1; INSERT INTO t SELECT max(id) + 1, 'ok' FROM t",
    ),
    "changes and deletes": (
        {"mode": "incremental", "deletes": "sweep", "quality": QUALITY},
        "DELETE FROM t WHERE id = (SELECT max(id) FROM t); UPDATE t SET v = v || 'x' WHERE id = 1;"
        " INSERT INTO t SELECT max(id) + 2, 'ok' FROM t",
    ),
    "deletes": (
        {"mode": "incremental", "deletes": "sweep"},
        "DELETE FROM t WHERE id = (SELECT max(id) FROM t)",
    ),
    "marks and versions": (
        {"mode": "incremental", "deletes": "mark", "history": True, "quality": QUALITY},
        "DELETE FROM t WHERE id = (SELECT max(id) FROM t); UPDATE t SET v = v || 'x' WHERE id = 1;"
        " INSERT INTO t SELECT max(id) + 2, 'ok' FROM t",
    ),
    "full with marks and versions": (
        {"mode": "full", "deletes": "mark", "history": True},
        "DELETE FROM t WHERE id = (SELECT max(id) FROM t); UPDATE t SET v = v || 'x' WHERE id = 1",
    ),
    "nothing": ({"mode": "incremental", "deletes": "sweep"}, "SELECT"),
    "a new column": (
        {"mode": "incremental"},
        "DO $$ BEGIN EXECUTE format('ALTER TABLE t ADD c%s int',"
        " (SELECT max(attnum) FROM pg_attribute WHERE attrelid = 't'::regclass)); END $$;"
        "UPDATE t SET v = v || 'x' WHERE id = 1",
    ),
}


@dataclass(slots=True)
class Strike:
    """Loses the connection of one message, counted from the table's first."""

    pair: Pair
    number: int
    answered: bool
    """Whether the server does what the message says; only its answer is lost."""
    stop: threading.Event | None = None
    """What is set instead, as a signal does; no connection is lost then."""
    sent: int = 0
    struck: bool = False

    def wait(self, session: Session, original: Callable[..., Any], *arguments: Any) -> Any:
        if not self._is_due():
            return original(session, *arguments)
        if self.stop is not None:
            self.stop.set()
            return original(session, *arguments)
        if not self.answered:
            self._cut(session)
            return original(session, *arguments)
        original(session, *arguments)
        self._cut(session)
        raise psycopg.OperationalError("the answer was lost")

    def ask(self, conn: Any) -> None:
        if not self._is_due():
            return
        if self.stop is not None:
            self.stop.set()
        else:
            self._end(conn.backend_pid)

    def _is_due(self) -> bool:
        # Planning writes no row.
        self.sent += any(isinstance(event, TableStarted) for event in self.pair.events)
        if self.struck or self.sent < self.number:
            return False
        self.struck = True
        return True

    def _cut(self, session: Session) -> None:
        self._end(session.info.backend_pid)

    def _end(self, backend: int) -> None:
        self.pair.source.sql("SELECT pg_terminate_backend(%s, 5000)", backend)


def strike(
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    answered: bool,
    stop: threading.Event | None = None,
) -> Strike:
    """Arm one strike for the next sync."""
    armed = Strike(pair, number, answered, stop)
    wait, ask = Session.wait, transfer._Pump._ask

    def struck_wait(session: Session, gen: Generator[Any, Any, Any], *args: Any) -> Any:
        return armed.wait(session, wait, gen, *args)

    def struck_ask(pump: Any, conn: Any, *args: Any) -> None:
        armed.ask(conn)
        ask(pump, conn, *args)

    monkeypatch.setattr(Session, "wait", struck_wait)
    monkeypatch.setattr(transfer._Pump, "_ask", struck_ask)
    return armed


def settled(pair: Pair) -> bool:
    """Whether no session of the engine holds a lock or a transaction."""
    busy = pair.warehouse.scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE usename IN (%s, %s) AND state <> 'idle'",
        pair.warehouse_role,
        pair.source_role,
    )
    return busy == 0 and pair.advisory_locks() == 0


def counted(pair: Pair) -> list[Any]:
    """Units inspected and passed, as the ledger has them."""
    return pair.warehouse.sql(
        "SELECT units_passed + units_failed, units_passed FROM elconsole.targets"
        " WHERE units_passed IS NOT NULL"
    )


@pytest.mark.parametrize("answered", [False, True], ids=["unheard", "unanswered"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_connection_lost_at_any_message_loses_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, scenario: str, answered: bool
) -> None:
    change = prepare(pair, scenario)
    number, struck = random.randint(1, STRIDE), True
    while struck:
        pair.source.sql(change)
        before = there(pair)
        with monkeypatch.context() as patch:
            armed = strike(pair, patch, number, answered)
            table = only(pair.run().tables)
        assert_whole(pair, before, table, number)
        number, struck = number + STRIDE, armed.struck
    assert number > 6


@pytest.mark.parametrize(
    "scenario", ["full", "full of a selection", "changes and deletes", "marks and versions"]
)
def test_a_sync_stopped_at_any_message_loses_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, scenario: str
) -> None:
    change = prepare(pair, scenario)
    number, struck = random.randint(1, STRIDE), True
    while struck:
        pair.source.sql(change)
        before = there(pair)
        stop = threading.Event()
        with monkeypatch.context() as patch:
            armed = strike(pair, patch, number, False, stop)
            detail = pair.run(stop=stop)
        struck = armed.struck
        # The last messages come after the report.
        assert detail.run.status in ("cancelled", "succeeded")
        assert only(detail.tables).status in ("cancelled", "succeeded")
        assert_whole(pair, before, only(detail.tables), number)
        number += STRIDE
    assert number > 6


def prepare(pair: Pair, scenario: str) -> str:
    """Sync a table for the first time; returns the SQL of what each further sync will find."""
    block, change = SCENARIOS[scenario]
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text, line text DEFAULT 'a',"
        " at timestamptz DEFAULT '2026-01-01');"
        "INSERT INTO t SELECT n, 'ok' FROM generate_series(1, 90) n"
    )
    pair.configure({"t": block}, retries=0, workers=1)
    pair.sync()
    return change


def there(pair: Pair) -> list[Any]:
    """The raw rows that are not marked, which are the current versions where there are any."""
    if not pair.warehouse.scalar("SELECT to_regclass('raw.t_history') IS NOT NULL"):
        return pair.raw("id, v")
    found = pair.raw("id, v", "t WHERE _elconsole_deleted_at IS NULL")
    assert pair.raw("id, v", "t_history WHERE _elconsole_valid_to IS NULL") == found
    return found


def assert_whole(pair: Pair, before: list[Any], table: TableRun, number: int) -> None:
    """The rows are the old ones or the new ones, as was reported, and the next sync heals."""
    expected = pair.rows("id, v") if table.status == "succeeded" else before
    assert there(pair) == expected, (number, table)
    until(lambda: settled(pair))
    pair.sync()
    assert there(pair) == pair.rows("id, v"), (number, table)
    assert pair.leftovers() == [], (number, table)
    good = sum(value == "ok" for _, value in there(pair))
    assert counted(pair) in ([], [(len(there(pair)), good)])
    until(lambda: settled(pair))

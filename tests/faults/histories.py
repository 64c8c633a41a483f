"""Random histories of one table: transactions, schema changes, syncs and kills, by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from elconsole.engine.connect.session import Session
from elconsole.engine.load import ledger_entry, merge
from tests.faults.conftest import is_publishing
from tests.pairs import Pair

STEPS = 8
KEYS = 8
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(slots=True)
class History:
    """One table, its source's transactions, and the syncs in between."""

    pair: Pair
    seed: int
    strategy: str
    source: Connection
    late: list[Connection] = field(default_factory=list)
    """Transactions that are open."""
    steps: list[str] = field(default_factory=list)
    added: int = 0
    columns: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    further: list[Callable[[], None]] = field(default_factory=list)
    """What else may happen in a step."""
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def listed(self) -> str:
        """The source's columns."""
        return ", ".join(["id", "v", "moved", *self.columns])

    @property
    def there(self) -> str:
        """The raw table, and a condition of its rows that the source has."""
        return "t"

    def start(self) -> None:
        self.do(
            "DROP TABLE IF EXISTS t CASCADE;"
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(10), moved bigint NOT NULL,"
            " c0 int DEFAULT 1)"
        )
        self.do("CREATE SEQUENCE IF NOT EXISTS clock")
        self.columns = ["c0"]

    def do(self, statement: str, connection: Connection | None = None) -> None:
        self.steps.append(statement)
        (connection or self.source).execute(statement.encode())

    def step(self) -> None:
        chosen: Callable[[], None] = self.random.choices(
            [self.write, self.begin_late, self.end_late, self.alter, self.sync, self.killed_sync]
            + self.further,
            [10, 3, 4, 4, 4, 2] + [2] * len(self.further),
        )[0]
        chosen()

    def write(self, connection: Connection | None = None) -> None:
        key, value = self.random.randrange(KEYS), self.random.choice("abcdef")
        text = f"'{value}'" if self.random.random() < 0.8 else "NULL"
        statement = self.random.choice(
            [
                f"INSERT INTO t (id, v, moved) VALUES ({key}, {text}, nextval('clock'))"
                " ON CONFLICT (id) DO UPDATE SET v = excluded.v, moved = excluded.moved",
                f"UPDATE t SET v = {text}, moved = nextval('clock') WHERE id >= {key}",
                f"DELETE FROM t WHERE id = {key}",
                f"UPDATE t SET id = id + {KEYS}, moved = nextval('clock') WHERE id = {key}"
                f" AND NOT EXISTS (SELECT FROM t WHERE id = {key} + {KEYS})",
            ]
        )
        for column in self.columns[-1:]:
            if statement.startswith("UPDATE t SET v"):
                statement = statement.replace("SET v", f"SET {column} = {key}, v")
        self.attempt(statement, connection)

    def attempt(self, statement: str, connection: Connection | None = None) -> None:
        """What an open transaction blocks does not happen."""
        try:
            self.do(statement, connection)
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.InFailedSqlTransaction,
            psycopg.errors.InvalidSavepointSpecification,
            psycopg.errors.UniqueViolation,
            psycopg.errors.UndefinedColumn,
        ):
            self.steps[-1] += "  -- failed"

    def begin_late(self) -> None:
        if len(self.late) >= 2:
            return
        connection = self.pair.source.connect()
        connection.execute("SET lock_timeout = '5ms'")
        self.late.append(connection)
        self.do("BEGIN", connection)
        self.write(connection)
        if self.random.random() < 0.5:
            self.attempt("SAVEPOINT s", connection)
            self.write(connection)
            self.attempt(self.random.choice(["ROLLBACK TO s", "RELEASE s"]), connection)

    def end_late(self) -> None:
        if self.late:
            connection = self.late.pop(self.random.randrange(len(self.late)))
            self.do(self.random.choice(["COMMIT", "COMMIT", "ROLLBACK"]), connection)
            connection.close()

    def alter(self) -> None:
        kind = self.random.choice(["plain", "default", "drop", "widen", "rename", "again"])
        if kind in ("plain", "default"):
            self.added += 1
            default = " DEFAULT 7" if kind == "default" else ""
            self.ddl(f"ALTER TABLE t ADD COLUMN c{self.added} int{default}")
        elif kind == "widen":
            self.ddl("ALTER TABLE t ALTER v TYPE " + self.random.choice(["varchar(20)", "text"]))
        elif self.columns:
            column = self.random.choice(self.columns)
            if kind == "rename":
                self.added += 1
                self.ddl(f"ALTER TABLE t RENAME COLUMN {column} TO c{self.added}")
            else:
                self.ddl(f"ALTER TABLE t DROP COLUMN {column}")
                if kind == "again":
                    self.ddl(f"ALTER TABLE t ADD COLUMN {column} int")

    def ddl(self, statement: str) -> None:
        self.attempt(statement)
        rows = self.source.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass"
            " AND attnum > 0 AND NOT attisdropped AND attname ~ '^c'"
        )
        self.columns = [row[0] for row in rows]

    def sync(self, *, full: bool = False) -> None:
        self.steps.append("-- sync")
        table = self.pair.sync(full=full)
        self.steps[-1] += f" {table.strategy} {table.rows_written} attempts {table.attempts}"

    def killed_sync(self) -> None:
        """The warehouse's session is terminated at some statement; the retry may go on."""
        self.kills.append(self.random.choice(["record", "upsert", "commit", "committed"]))
        self.steps.append(f"-- killed at {self.kills[-1]}")
        self.sync()
        self.kills.clear()

    def finish(self) -> None:
        while self.late:
            self.end_late()
        self.sync()
        assert self.pair.raw(self.listed, self.there) == self.pair.rows(self.listed)
        assert self.pair.warehouse.scalar(
            "SELECT row_count = (SELECT count(*) FROM raw.t) FROM elconsole.targets"
        )
        if self.seed % 4 == 0:
            assert self.pair.sync().rows_written == 0, "an idle sync wrote rows"


class Killer:
    """Terminates the warehouse's session where a history asks for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
        self.pair = pair
        self.kills: list[str] = []
        execute, record, write = Session.execute, ledger_entry.table_entry, merge.write

        def killing_execute(session: Session, query: Any, *rest: Any, **options: Any) -> Any:
            if is_publishing(session, query):
                if "committed" in self.kills:
                    execute(session, query)
                self.strike(session, "commit", "committed")
            return execute(session, query, *rest, **options)

        def killing_record(context: Any, *rest: Any) -> Any:
            self.strike(context.warehouse, "record")
            return record(context, *rest)

        def killing_write(session: Session, *rest: Any, **options: Any) -> Any:
            self.strike(session, "upsert")
            return write(session, *rest, **options)

        monkeypatch.setattr(Session, "execute", killing_execute)
        monkeypatch.setattr(ledger_entry, "table_entry", killing_record)
        monkeypatch.setattr(merge, "write", killing_write)

    def strike(self, session: Session, *places: str) -> None:
        if any(place in self.kills for place in places):
            self.kills.clear()
            backend = session.info.backend_pid
            self.pair.warehouse.sql(f"SELECT pg_terminate_backend({backend}, 5000)")


def forget(pair: Pair) -> None:
    """Empty the warehouse's ledger and raw table: the next history begins anew."""
    pair.warehouse.sql(
        "DROP TABLE IF EXISTS raw.t, raw.t_history; TRUNCATE elconsole.targets CASCADE"
    )


def play(histories: Callable[[int], History], seed: int, killer: Killer) -> None:
    """Play one history to its end; a failure tells its steps."""
    forget(killer.pair)
    history = histories(seed)
    killer.kills = history.kills
    try:
        history.start()
        for _ in range(STEPS):
            history.step()
        history.finish()
    except BaseException as error:
        for connection in history.late:
            connection.close()
        error.add_note(f"seed {seed}:\n" + ";\n".join(history.steps))
        raise

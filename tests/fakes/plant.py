"""The pen plant of the fakes: its moment, connections and tables, and what goes wrong there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from elconsole.core.results import ConnectionHealth, ConnectionInfo, RawTable
from elconsole.core.types import ErrorInfo, Role, TableStatus

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
"""The present of all fakes."""
SOURCES = ("refills", "bodies", "springs")

LOST = ErrorInfo(
    "source_unavailable",
    "server closed the connection unexpectedly: terminating connection due to "
    "administrator command",
    "Check that the server at localhost:5433 is up, then sync again; the old rows stand.",
    "57P01",
)
REFUSED = ErrorInfo(
    "source_unavailable",
    'connection to server at "localhost" (127.0.0.1), port 5434 failed: Connection refused',
    "Is the server running there and accepting TCP/IP connections?",
)
WAREHOUSE_DOWN = ErrorInfo(
    "warehouse_unavailable",
    "warehouse: connection to localhost:5435 refused",
    "is the server running? try: elconsole check",
)
LOCKED = ErrorInfo(
    "locked", "raw.springs_production is held by run 41 on host plant, pid 77, for 12 s", "wait"
)
DENIED = ErrorInfo(
    "permission",
    "springs.springs_production: permission denied for table springs_production",
    "run the SQL that `elconsole grants` prints",
    "42501",
)

_HEADS: tuple[tuple[str, Role], ...] = (
    *((name, "source") for name in SOURCES),
    ("warehouse", "warehouse"),
)
CONNECTIONS = tuple(
    ConnectionInfo(name, role, f"localhost:{5432 + number}/{name}")
    for number, (name, role) in enumerate(_HEADS)
)


def before(seconds: float) -> datetime:
    """So many seconds before the tests' present."""
    return NOW - timedelta(seconds=seconds)


def healthy(name: str, latency_ms: float = 2.0) -> ConnectionHealth:
    """A connection as it should be."""
    return ConnectionHealth(
        name=name,
        role="warehouse" if name == "warehouse" else "source",
        status="healthy",
        checked_at=before(1),
        latency_ms=latency_ms,
        server_version="18.6",
        database_bytes=412 * 1024**2 if name == "warehouse" else 148 * 1024**2,
        oldest_transaction_seconds=0.2,
        replication_role="primary",
    )


def slow(name: str, latency_ms: float = 480.0) -> ConnectionHealth:
    """A connection that answers late."""
    return replace(
        healthy(name, latency_ms),
        status="degraded",
        reasons=(f"slow: {latency_ms:.0f} ms",),
    )


def _place(name: str) -> int:
    return next(number for number, info in enumerate(CONNECTIONS) if info.name == name)


def down(name: str, error: ErrorInfo = REFUSED) -> ConnectionHealth:
    """A connection that refuses."""
    return ConnectionHealth(
        name=name,
        role="warehouse" if name == "warehouse" else "source",
        status="down",
        checked_at=before(1 + _place(name) / 10),
        error=error,
    )


@dataclass(frozen=True, slots=True)
class FakeTable:
    """One table of the script: its rows, and how its sync ends."""

    source: str
    table: str
    rows: int
    bytes: int = 0
    estimate: int | None = None
    error: ErrorInfo | None = None
    status: TableStatus = "failed"
    """How it ends where `error` is given."""

    @property
    def target(self) -> str:
        return f"raw.{self.table}"


PEN_PLANT = (
    FakeTable("refills", "refills_production", 100, 20_000, 100),
    FakeTable("bodies", "bodies_production", 100, 21_000, 90),
    FakeTable("springs", "springs_production", 150, 31_000, None),
)


def failing(source: str, error: ErrorInfo, status: TableStatus = "failed") -> tuple[FakeTable, ...]:
    """The pen plant, with one source's table ending in `error`."""
    return tuple(
        replace(table, error=error, status=status) if table.source == source else table
        for table in PEN_PLANT
    )


def unreachable(error: ErrorInfo = WAREHOUSE_DOWN) -> tuple[FakeTable, ...]:
    """The pen plant, with every table ending in `error`."""
    return tuple(replace(table, error=error) for table in PEN_PLANT)


RAW_TABLES = tuple(
    RawTable(
        target=f"raw.{source}_production",
        source=source,
        table=f"{source}_production",
        rows=1_000_000,
        bytes=137 * 1024**2,
        last_synced_at=before(312),
        generation=12,
    )
    for source in SOURCES
)

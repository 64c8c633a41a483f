"""A server as settings know it, and what a session with it is set to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from elconsole.config.keys import dotted
from elconsole.core.record import record
from elconsole.core.types import Role
from elconsole.engine.connect.parallel import Attempts

MINIMUM_VERSION: Mapping[Role, int] = {"source": 130000, "warehouse": 140000}
COMMON_SETTINGS = {
    # Longer than the other side may be busy on its own; a lock that keeps readers out is never
    # held idle.
    "idle_in_transaction_session_timeout": "1d",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "search_path": "pg_catalog",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "bytea_output": "hex",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "jit": "off",
    "statement_timeout": "0",
    "lock_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
ROLE_SETTINGS: Mapping[Role, Mapping[str, str]] = {
    "source": {
        "default_transaction_read_only": "on",
        "row_security": "off",
        "synchronize_seqscans": "off",
        "max_parallel_workers_per_gather": "0",
    },
    "warehouse": {
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        "max_parallel_maintenance_workers": "0",
        "maintenance_work_mem": "256MB",
        "temp_buffers": "32MB",
        "work_mem": "32MB",
    },
}
CLIENT_PARAMETERS = {
    "client_encoding": "UTF8",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


@record(frozen=True, slots=True)
class Server:
    """A database as settings know it."""

    name: str
    role: Role
    parameters: Mapping[str, str] = field(repr=False)
    """libpq keywords; may hold a password."""
    address: str
    connect_timeout_s: float
    attempts: Attempts = field(default_factory=Attempts, repr=False, compare=False)
    """Shared by the servers that may have an address in common."""
    search_path: str | None = None
    """Schemas behind `pg_catalog`, for what its users made and left unqualified."""
    sessions: int = 0
    """The most that we open at once; 0 where that isn't known."""

    @property
    def block(self) -> str:
        """Where settings describe it, as TOML has it."""
        return dotted(("sources", self.name)) if self.role == "source" else "warehouse"

    @property
    def place(self) -> tuple[str | None, int | None, str | None]:
        """Host, port and database, each the first where settings name several; None where libpq
        has it from its own places."""
        given = self.parameters
        host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST")
        port = (given.get("port") or os.environ.get("PGPORT") or "5432").split(",")[0]
        dbname = given.get("dbname") or os.environ.get("PGDATABASE") or given.get("user")
        if given.get("service") and not given.get("host"):
            return None, None, given.get("dbname")
        return host and host.split(",")[0], int(port) if port.isdecimal() else None, dbname

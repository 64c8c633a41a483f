"""A server as settings know it, and what a session with it is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

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

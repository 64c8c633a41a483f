"""Addresses as libpq writes them, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

ADDRESS_KEYS = ("host", "port", "dbname", "user", "password")
"""What a `dsn` also says: a `dsn` discards these of lower layers."""
DSN_SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""The libpq keywords whose values are never shown."""


def hosts_with_ports(hosts: str, ports: str) -> str:
    host_list, port_list = hosts.split(","), ports.split(",")
    if len(port_list) != len(host_list):
        port_list = port_list[:1] * len(host_list)
    pairs = zip(host_list, port_list, strict=True)
    return ",".join(
        f"[{host}]:{port or 5432}" if ":" in host else f"{host}:{port or 5432}"
        for host, port in pairs
    )


def filled_dsn(dsn: str, fill: Callable[[str], str]) -> str:
    """A connection string whose single values were filled in: what is put there stays within
    them. Raises ValueError where libpq can't read it before."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**{key: fill(value) for key, value in parse_dsn(dsn).items()})


def parse_dsn(dsn: str) -> dict[str, str]:
    """Keywords of a connection string, by libpq's own parser.

    Raises ValueError, without the string, where libpq can't read it.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    parsed = None
    # libpq quotes the offending part, which may be the password: its text goes no further.
    with suppress(ProgrammingError, UnicodeError):
        parsed = conninfo_to_dict(dsn)
    if parsed is None:
        raise ValueError(
            "must be a connection string that libpq can read: "
            "postgresql://USER:PASSWORD@HOST:PORT/DBNAME or host=… dbname=…"
        )
    return {key: str(value) for key, value in parsed.items() if value is not None}

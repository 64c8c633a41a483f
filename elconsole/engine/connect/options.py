"""How a session is made safe before its first query: by options at its start, and again by
its first statement.

What a database's or role's owner set for it (`ALTER DATABASE … SET search_path`) would hold
until then, and an unqualified name of ours could call a function of theirs, in a session that
may write. Options that come with the connection stand above such settings. A pooler may
refuse or drop them, so the first statement sets the same: SET looks up no name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from elconsole.core.quoting import literal
from elconsole.engine.connect.server import COMMON_SETTINGS, ROLE_SETTINGS, Server

if TYPE_CHECKING:
    import psycopg

FIRST = ("search_path", "default_transaction_read_only", "standard_conforming_strings")
"""The settings that decide what a statement means and may do."""
UNLESS_REFUSED = (
    "name <> 'client_connection_check_interval'"
    " OR pg_catalog.version() !~* '(visual c|mingw|windows|msvc|cygwin)'"
)
"""Servers on Windows refuse to be told to look after their clients."""
REFUSALS = ("startup parameter", "startup option", "command-line option")
"""How poolers say that they take no options."""
NOWHERE = "/nonexistent"
"""A host that fails at once."""


_REFUSING: set[str] = set()
"""Addresses of poolers that refused options: they are not asked a second time."""


def with_options(server: Server, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """libpq keywords whose `options` are the user's own, and after them ours, which win."""
    if server.address in _REFUSING:
        return parameters
    ours = " ".join(f"-c {name}={value}" for name, value in _first(server).items())
    return {**parameters, "options": f"{_own_options(parameters)} {ours}".strip()}


def are_refused(server: Server, error: psycopg.Error) -> bool:
    """Whether a pooler did not let the connection in because of our options."""
    refused = any(sign in str(error) for sign in REFUSALS)
    if refused:
        _REFUSING.add(server.address)
    return refused


def first_statement(server: Server, version: int, pid: int) -> str:
    """One message that settles the session: plain SETs, then all that may need a function.

    It returns the process that answered. Where that is not `pid`, everything ends with the
    message: behind a pooler, the process may be another program's a moment later."""
    first = [f"SET LOCAL {name} = {literal(value)}" for name, value in _first(server).items()]
    if server.role == "source":
        # The default holds from the next transaction on, and this message is one already.
        first.append("SET transaction_read_only = on")
    values = ", ".join(
        f"({literal(name)}, {literal(value)})" for name, value in _wanted(server, version).items()
    )
    return "; ".join(
        [
            *first,
            "SELECT pg_catalog.pg_backend_pid(), pg_catalog.set_config(name, value,"
            f" pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) {pid})"
            f" FROM (VALUES {values}) AS wanted (name, value) WHERE {UNLESS_REFUSED}",
        ]
    )


def _first(server: Server) -> dict[str, str]:
    wanted = {**COMMON_SETTINGS, **ROLE_SETTINGS[server.role]}
    return {name: wanted[name] for name in FIRST}


def _wanted(server: Server, version: int) -> dict[str, str]:
    wanted = {**COMMON_SETTINGS, **ROLE_SETTINGS[server.role]}
    if server.search_path:
        wanted["search_path"] = f"pg_catalog, {server.search_path}"
    if version >= 140000:
        wanted["client_connection_check_interval"] = "500ms"
        wanted["idle_session_timeout"] = "0"
    if version >= 170000:
        wanted["transaction_timeout"] = "0"
    return wanted


def _own_options(parameters: Mapping[str, Any]) -> str:
    """The options of the settings, the service file or PGOPTIONS, whichever libpq would take."""
    if "options" in parameters:
        return str(parameters["options"])
    if "service" not in parameters and "PGSERVICE" not in os.environ:
        return os.environ.get("PGOPTIONS", "")
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    # Only libpq knows where service files are: it reads them before it fails to connect.
    service = {name: parameters[name] for name in ("service",) if name in parameters}
    conninfo = make_conninfo("", **service, host=NOWHERE, hostaddr="")
    connection = pq.PGconn.connect_start(conninfo.encode())
    try:
        found = {option.keyword: option.val for option in connection.info}
    finally:
        connection.finish()
    return (found.get(b"options") or b"").decode()

"""A password stays with the address that its layer, or one below, gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elconsole.config.dsn import DSN_SECRETS, parse_dsn

_PLACE_KEYS = ("host", "port")


def moves(held: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a layer's `values` lead a connection away from where the `held` ones lead.

    A layer that brings a whole `dsn` is none of this: it replaces the address, password and all.
    """
    named = {key: str(values[key]) for key in _PLACE_KEYS if values.get(key) is not None}
    if not named or "dsn" in values:
        return False
    parts = _parts(held)
    address = {**parts, **{k: str(held[k]) for k in _PLACE_KEYS if held.get(k) is not None}}
    passed_over = "host" in named and "hostaddr" in parts
    return passed_over or any(value != address.get(key) for key, value in named.items())


def dsn_left_behind(dsn: object) -> str | None:
    """A dsn without its passwords; None where it has none.

    A service's password can't be seen: an empty one keeps libpq from taking it, and sends
    it to ~/.pgpass, which knows addresses.
    """
    parts = _parts({"dsn": dsn})
    if not (DSN_SECRETS & parts.keys() or "service" in parts):
        return None
    from psycopg.conninfo import make_conninfo

    kept = {key: value for key, value in parts.items() if key not in DSN_SECRETS}
    if "service" in parts:
        kept["password"] = ""
    return make_conninfo(**kept)


def _parts(held: Mapping[str, Any]) -> dict[str, str]:
    dsn = held.get("dsn")
    if not isinstance(dsn, str):
        return {}
    try:
        return parse_dsn(dsn)
    except ValueError:
        # Validation says so in its turn, with the key's name.
        return {}

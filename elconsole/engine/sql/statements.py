"""The fixed statements, one a file under `sql/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import LiteralString


@cache
def statement(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`."""
    text: LiteralString = (
        files("elconsole.engine").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    )
    return text


@cache
def trusting(name: str, reads: LiteralString = "true") -> LiteralString:
    """The same, where it asks which roles are `{trusted}`; `reads`: SQL that tells whether
    whoever asks writes nothing."""
    trusted = statement("catalog/trusted").replace("{reads}", reads)
    return statement(name).replace("{trusted}", trusted)

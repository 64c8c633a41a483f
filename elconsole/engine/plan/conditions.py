"""Whether a source can read the conditions of settings: each is EXPLAINed, and never run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg

from elconsole.config.keys import dotted
from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.engine.catalog.source import SourceRelation, relation_clause
from elconsole.engine.connect.session import Session
from elconsole.engine.connect.translate import server_words

if TYPE_CHECKING:
    from elconsole.config.models import SourceSettings

LOCK_TIMEOUT_MS = 500
"""A table that is locked even against readers is told by its sync, if it still is."""
MISREAD_CLASSES = ("42", "22")
"""Of SQLSTATE: names and syntax, and values that no type can hold."""
FORBIDDEN = "42501"


def refused_conditions(
    session: Session, name: str, settings: SourceSettings, relations: Iterable[SourceRelation]
) -> dict[int, ElconsoleError]:
    """By OID, the tables whose `where` the source can't read, and why; one round trip each."""
    refused: dict[int, ElconsoleError] = {}
    for relation in relations:
        where = settings.table_settings(relation.schema, relation.name).where
        if where is None:
            continue
        words = _refusal(session, relation, where)
        if words is not None:
            block = dotted(("sources", name, "table", relation.name))
            refused[relation.oid] = PlanError(
                f"{name}.{relation.name}: the source can't read its where: {words}",
                hint=f"correct where in [{block}], or in the glob that gives it",
            )
    return refused


def _refusal(session: Session, relation: SourceRelation, where: str) -> str | None:
    """What the server says against the condition; None where nothing, or nothing about it."""
    query = f"EXPLAIN SELECT FROM {relation_clause(relation)} WHERE ({where})"
    try:
        session.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'; {query}".encode())
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if session.closed or not state:
            raise
        is_misread = state.startswith(MISREAD_CLASSES) and state != FORBIDDEN
        return server_words(error) if is_misread else None
    return None

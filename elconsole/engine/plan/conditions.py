"""Whether a source can read the conditions of settings: each is EXPLAINed, and never run.

Each is one condition (`core/quoting.py`), so that none ends its EXPLAIN."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg

from elconsole.config.keys import dotted
from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.engine.catalog.source import SourceRelation, relation_clause
from elconsole.engine.connect.session import Session
from elconsole.engine.connect.translate import UNRESOLVED_STATES, server_words

if TYPE_CHECKING:
    from elconsole.config.models import SourceSettings

LOCK_TIMEOUT_MS = 500
LOCKED = "55P03"
"""A table that is locked even against readers is told by its sync, if it still is; others may
be locked, too, by the same migration, and are not waited for."""
TABLES_AT_ONCE = 100
MISREAD_CLASSES = ("42", "22")
"""Of SQLSTATE: names and syntax, and values that no type can hold."""
FORBIDDEN = "42501"


def refused_conditions(
    session: Session, name: str, settings: SourceSettings, relations: Iterable[SourceRelation]
) -> dict[int, ElconsoleError]:
    """By OID, the tables whose `where` the source can't read, and why; a round trip for many
    tables, and one for each of them where one of the many fails."""
    asked = [
        (relation, where)
        for relation in relations
        if (where := settings.table_settings(relation.schema, relation.name).where) is not None
    ]
    refused: dict[int, ElconsoleError] = {}
    for first in range(0, len(asked), TABLES_AT_ONCE):
        some = asked[first : first + TABLES_AT_ONCE]
        error = _failure(session, some)
        if error is None:
            continue
        for relation, where in some:
            if error is not None and error.sqlstate == LOCKED:
                return refused
            error = _failure(session, [(relation, where)])
            if error is None or not _is_misread(error):
                continue
            if error.sqlstate in UNRESOLVED_STATES and error.diag.context:
                refused[relation.oid] = session.told(error)
                continue
            block = dotted(("sources", name, "table", relation.name))
            refused[relation.oid] = PlanError(
                f"{name}.{relation.name}: the source can't read its where: {server_words(error)}",
                hint=f"correct where in [{block}], or in the glob that gives it",
            )
    return refused


def refused_backfill(
    session: Session, name: str, condition: str, relations: Iterable[SourceRelation]
) -> dict[int, ElconsoleError]:
    """By OID, the tables for which the source can't read the condition of a backfill."""
    return {
        relation.oid: PlanError(
            f"{name}.{relation.name}: the source can't read the condition of --backfill:"
            f" {server_words(error)}",
            hint="correct it: it is SQL on the source's columns, as in where",
        )
        for relation in relations
        if (error := _failure(session, [(relation, condition)])) and _is_misread(error)
    }


def _failure(session: Session, asked: Iterable[tuple[SourceRelation, str]]) -> psycopg.Error | None:
    """What the server says against the conditions, read in one message. None is tried on a
    partition, and no function of theirs is called."""
    explained = "; ".join(
        f"EXPLAIN SELECT FROM {relation_clause(relation)} WHERE false AND ({where})"
        for relation, where in asked
    )
    try:
        session.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'; {explained}".encode())
    except psycopg.Error as error:
        if session.closed or not error.sqlstate:
            raise
        return error
    return None


def _is_misread(error: psycopg.Error) -> bool:
    """Whether it is the condition that fails, and not a lock or a privilege."""
    state = error.sqlstate or ""
    return state.startswith(MISREAD_CLASSES) and state != FORBIDDEN

"""The views upon a raw table, as a change of its columns finds them. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Any, Literal

from psycopg import sql

from elconsole.core.record import record
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import Session
from elconsole.engine.sql.quoting import constants
from elconsole.engine.sql.statements import statement

SET_ROLE_VERSION = 160000
"""From it on, a member of a role may be forbidden to become it."""
FULLY_QUALIFIED = "SET LOCAL search_path = pg_catalog, pg_temp"
"""Under which the server writes every name of a definition with its schema."""

Why = Literal["materialized", "rule", "temporary", "column", "owner", "schema", "dependent"]


@record(frozen=True, slots=True)
class DependentView:
    """A view that is taken down and made again; its texts are SQL, quoted by the server."""

    oid: int
    name: str
    role: str
    """Its owner."""
    rules: Sequence[str]


@record(frozen=True, slots=True)
class MakingStep:
    """One statement that makes a view again, and the role that runs it."""

    view: str
    phase: int
    role: str
    ddl: str


@record(frozen=True, slots=True)
class Obstacle:
    """Why something upon the table can't be made again."""

    name: str
    why: Why
    what: str
    """The column, role, grant or object that it is about."""


@record(frozen=True, slots=True)
class Dependents:
    """All that hangs on columns of a table and is in the way of their change."""

    views: tuple[DependentView, ...]
    """What stands upon another comes after it."""
    steps: tuple[MakingStep, ...]
    """In the order in which they can be run."""
    obstacles: tuple[Obstacle, ...]
    query: str
    """What was asked, and the digest of its answer: to see that both still hold."""
    digest: str


NONE = Dependents((), (), (), "", "")


def dependents_of(
    session: Session,
    table: int,
    columns: Sequence[str],
    dropped: Sequence[str],
    *,
    whole: bool = False,
) -> Dependents:
    """What hangs on `columns`, of which `dropped` will be gone, or on anything of the table
    where `whole`; in the session's open transaction, whose search_path it sets."""
    query = _query(session, table, columns, dropped, whole)
    asked = f"SELECT found, pg_catalog.md5(asked::text) FROM ({query}) AS asked (found)"
    cursor = session.execute(f"{FULLY_QUALIFIED}; {asked}".encode())
    cursor.nextset()
    found, digest = values_of(cursor.fetchone(), 2)
    views = _in_order(found["views"] or ())
    names = {view.oid: view.name for view in views}
    steps = [
        MakingStep(names[step["view"]], step["phase"], step["role"], step["ddl"])
        for step in found["steps"] or ()
    ]
    place = {view.name: number for number, view in enumerate(views)}
    steps.sort(key=lambda step: (step.phase, place[step.view]))
    obstacles = tuple(Obstacle(**one) for one in found["blocked"] or ())
    return Dependents(views, tuple(steps), obstacles, query, digest)


def _query(
    session: Session, table: int, columns: Sequence[str], dropped: Sequence[str], whole: bool
) -> str:
    becomes = "SET" if session.info.server_version >= SET_ROLE_VERSION else "MEMBER"
    composed = sql.SQL(statement("views/dependents")).format(
        table=sql.Literal(table),
        columns=constants(columns),
        dropped=constants(dropped),
        whole=sql.SQL("true" if whole else "false"),
        may_become=sql.SQL(f"'{becomes}'"),
    )
    return composed.as_string(session)


def _in_order(found: Sequence[dict[str, Any]]) -> tuple[DependentView, ...]:
    """What a view selects from comes before it."""
    views = {
        one["oid"]: DependentView(one["oid"], one["name"], one["role"], one["rules"] or ())
        for one in found
    }
    sorter = TopologicalSorter({one["oid"]: one["after"] or () for one in found})
    return tuple(views[oid] for oid in sorter.static_order())

"""Views follow: what stands upon a raw table is taken down for a change of its columns, and
made again in the same transaction, or nothing changes.

PostgreSQL changes no column that a view uses. The definitions are the server's own, fully
qualified; each statement runs as the role that ran it before. Making a view runs nothing of
what it selects.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from elconsole.core.errors import ElconsoleError, SchemaConflict, TransientFault
from elconsole.core.quoting import literal
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.plan.task import TableTask
from elconsole.engine.publish.storage import CANNOT, MOVED, Change, columns_changed

if TYPE_CHECKING:
    from elconsole.engine.catalog.views import Dependents, Obstacle

NAMED = 20
"""Of so many views a note tells the names."""
PASSING = (
    "lock_not_available OR deadlock_detected OR serialization_failure"
    " OR insufficient_resources OR operator_intervention"
)
"""Conditions that are no fault of a view."""
WAY_OUT = "drop it, sync, and create it again over the new columns; the old rows stand until then"
MADE_AGAIN = "views made again: "
GRANTING = 7
"""The phase from which on rights are given."""
GRANTEE = (
    "CASE a.grantee WHEN 0 THEN 'PUBLIC'"
    " ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END"
)
BACK = (
    "EXECUTE 'SET LOCAL ROLE ' || CASE ours WHEN 'none' THEN 'NONE'"
    " ELSE pg_catalog.quote_ident(ours) END;"
)
"""PL/pgSQL that makes the session's role what it was."""
OBSTACLES = {
    "materialized": ("it is a materialized view, whose rows would be lost", WAY_OUT),
    "rule": ("a rule of it uses the view or column", WAY_OUT),
    "temporary": ("it is a temporary view of another session", "sync when that session has ended"),
    "column": ("it uses the column {what}, which is gone", WAY_OUT),
    "owner": (
        "it belongs to, or was granted by, {what}, a role that ours can't become",
        "GRANT {what} TO {role}; or drop it, sync, and create it again",
    ),
    "schema": ("its owner may not create views there any more", "GRANT {what}"),
    "dependent": (
        "{what} depends on it",
        "drop {what}, sync, and create it again; the old rows stand until then",
    ),
}
"""Why something can't be made again, and what to do."""


class ViewsMoved(TransientFault):
    """Somebody changed a view while the change of its table was being prepared."""

    kind = "schema"


def around(session: Session, task: TableTask, ddl: str) -> Change:
    """DDL of the raw table, whose columns change, with what takes its views down before it, and
    makes them again after it. Raises SchemaConflict where one can't be made again."""
    found = _dependents(session, task)
    if not found.views:
        return Change(task, ddl)
    whole = ";".join([take_down(found), ddl, make_again(found)])
    names = [view.name for view in found.views]
    return Change(noted(task, names), whole, [view.oid for view in found.views])


def foreseen(session: Session, task: TableTask) -> TableTask:
    """The task, whose columns change, noting the views that its sync makes again; raises
    SchemaConflict where one can't be made again."""
    return noted(task, [view.name for view in _dependents(session, task).views])


def told(task: TableTask, error: psycopg.Error) -> ElconsoleError:
    """The error that a block of ours raised by itself: MOVED or CANNOT."""
    if error.sqlstate == MOVED:
        return ViewsMoved(
            f"{task.source}.{task.label}: what hangs on {task.target_text} was changed meanwhile",
            hint="sync again",
        )
    name, said = error.diag.table_name or "a view", error.diag.message_primary
    return SchemaConflict(
        f"{task.source}.{task.label}: {clean_text(name)} over {task.target_text} can't be made"
        f" again: {clean_text(said or '')}",
        hint=f"change or drop {clean_text(name)}, then sync; the old rows stand until then",
        sqlstate=error.diag.datatype_name,
    )


def _dependents(session: Session, task: TableTask) -> Dependents:
    """Raises SchemaConflict where they must stay as they are."""
    from elconsole.engine.catalog.views import dependents_of

    changed = columns_changed(task)
    assert changed is not None
    assert task.parent is not None
    with session.within(CATALOG_TIMEOUT_S):
        found = dependents_of(session, task.parent.oid, *changed)
    if found.obstacles:
        raise _conflict(session, task, found.obstacles)
    if found.views and task.settings.on_view_conflict == "fail":
        raise SchemaConflict(
            f"{task.source}.{task.label}: columns of {task.target_text} change under"
            f" {_listed([view.name for view in found.views])}",
            hint='on_view_conflict = "recreate" makes views again; or drop them, sync, and'
            " create them again",
        )
    return found


def _conflict(session: Session, task: TableTask, found: Sequence[Obstacle]) -> SchemaConflict:
    first = found[0]
    _, hint = _in_words(session, first)
    more = [clean_text(one.name) for one in found[1:NAMED] if one.name != first.name]
    others = f" (nor can {', '.join(dict.fromkeys(more))})" if more else ""
    return SchemaConflict(
        f"{task.source}.{task.label}: columns of {task.target_text} change under"
        f" {clean_text(first.name)}, which can't be made again:"
        f" {_in_words(session, first)[0]}{others}",
        hint=f"{clean_text(first.name)}: {hint}",
    )


def why_not(session: Session, obstacle: Obstacle) -> str:
    """The name of what can't be made again, and why."""
    return f"view {obstacle.name} ({_in_words(session, obstacle)[0]})"


def _in_words(session: Session, obstacle: Obstacle) -> tuple[str, str]:
    """Why something can't be made again, and what to do."""
    why, hint = OBSTACLES[obstacle.why]
    words = {"what": clean_text(obstacle.what), "role": clean_text(session.info.user)}
    return why.format(**words), hint.format(**words)


def noted(task: TableTask, names: Sequence[str]) -> TableTask:
    """The task, which notes these views."""
    if not names:
        return task
    others = (note for note in task.notes if not note.startswith(MADE_AGAIN))
    return replace(task, notes=(*others, f"{MADE_AGAIN}{_listed(names)}"))


def _listed(found: Sequence[str]) -> str:
    names = [clean_text(name) for name in found]
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def take_down(found: Dependents) -> str:
    """A block that drops the views, their rules first, if they are those that were found."""
    rules = [
        _as_role(view.role, f"DROP RULE {rule} ON {view.name}")
        for view in found.views
        for rule in view.rules
    ]
    views = [_as_role(view.role, f"DROP VIEW {view.name}") for view in reversed(found.views)]
    dropping = _do(f"BEGIN {''.join([*rules, *views])} {BACK} END")
    return f"{unchanged(found.query, found.digest)}; {dropping}"


def digest_of(query: str) -> str:
    """SELECT of a digest of what a query answers."""
    listed = "pg_catalog.string_agg(answer::text, ';' ORDER BY answer::text)"
    return f"SELECT pg_catalog.md5({listed}) FROM ({query}) AS answer"


def unchanged(query: str, digest: str | None) -> str:
    """A block that raises MOVED where the query's answer has another digest by now."""
    expected = "NULL" if digest is None else literal(digest)
    return _do(
        f"BEGIN IF ({digest_of(query)}) IS DISTINCT FROM {expected}"
        f" THEN RAISE EXCEPTION USING ERRCODE = '{MOVED}'; END IF; END"
    )


def make_again(found: Dependents) -> str:
    """A block that makes the views as they were; raises CANNOT, with the view's name."""
    steps: list[str] = []
    unowned = {view.name: view.role for view in found.views}
    for step in found.steps:
        if step.phase >= GRANTING and step.view in unowned:
            steps.append(_forget_defaults(unowned.pop(step.view), step.view))
        steps.append(f"which := {literal(step.view)}; {_as_role(step.role, step.ddl)}")
    steps += [_forget_defaults(role, name) for name, role in unowned.items()]
    return _do(
        f"BEGIN {''.join(steps)} {BACK} EXCEPTION WHEN {PASSING} THEN RAISE;"
        " WHEN OTHERS THEN GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, state = RETURNED_SQLSTATE;"
        f" RAISE EXCEPTION USING ERRCODE = '{CANNOT}', MESSAGE = said, TABLE = which,"
        " DATATYPE = state; END"
    )


def _as_role(role: str, ddl: str) -> str:
    return f"EXECUTE {literal(f'SET LOCAL ROLE {role}')}; EXECUTE {literal(ddl)}; "


def forget_defaults(name: str) -> str:
    """A block that takes away what ALTER DEFAULT PRIVILEGES gave to others with a table of ours."""
    return _do(f"BEGIN {_revoking(name)} END")


def _forget_defaults(role: str, view: str) -> str:
    """PL/pgSQL that does the same as the role that owns a view."""
    become = f"EXECUTE {literal(f'SET LOCAL ROLE {role}')};"
    return f"which := {literal(view)}; {become} {_revoking(view)} "


def _revoking(name: str) -> str:
    return (
        f"FOR taker IN SELECT DISTINCT {GRANTEE} FROM pg_catalog.pg_class c"
        " CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a"
        f" WHERE c.oid = {literal(name)}::regclass AND a.grantee <> c.relowner"
        f" LOOP EXECUTE {literal(f'REVOKE ALL ON {name} FROM ')} || taker; END LOOP;"
    )


def _do(block: str) -> str:
    """An anonymous block, quoted by what no name in it can contain, that knows our role."""
    tag = f"$views_{os.urandom(6).hex()}$"
    declared = "which text; said text; state text; taker text"
    return (
        f"DO {tag} #variable_conflict use_column\n"
        f"DECLARE ours text := pg_catalog.current_setting('role'); {declared}; {block} {tag}"
    )

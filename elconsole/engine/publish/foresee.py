"""What publishing changes beside the rows, and what is told of it before a row is read."""

from __future__ import annotations

from collections.abc import Iterable

from elconsole.core.errors import ElconsoleError
from elconsole.engine.connect.session import Session
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.publish.storage import Change, columns_changed


def with_views(session: Session, task: TableTask, ddl: str) -> Change:
    """DDL of the raw table, with what takes the views upon its columns down before it, and makes
    them again after it. Raises SchemaConflict where one can't be made again.

    In the session's open transaction."""
    if columns_changed(task) is None:
        return Change(task, ddl)
    from elconsole.engine.publish.views import around

    return around(session, task, ddl)


def foresee(session: Session, planned: Iterable[TableTask | Refused]) -> list[TableTask | Refused]:
    """The plan, in which each table tells the views that its sync makes again, or is refused
    where what hangs on the raw table stands in the way; asks nothing where nothing changes."""
    return [_foreseen(session, one) for one in planned]


def _foreseen(session: Session, planned: TableTask | Refused) -> TableTask | Refused:
    if isinstance(planned, Refused) or not (planned.adopt or columns_changed(planned)):
        return planned
    try:
        with session.transaction():
            return _with_notes(session, planned)
    except ElconsoleError as error:
        if error.retryable:
            raise
        key = (planned.source, planned.label, planned.target_text, planned.mode, planned.strategy)
        return Refused(*key, error)


def _with_notes(session: Session, task: TableTask) -> TableTask:
    from elconsole.engine.publish import views

    if task.adopt:
        from elconsole.engine.publish.adopt import checked

        return views.noted(task, checked(session, task).names)
    return views.foreseen(session, task)

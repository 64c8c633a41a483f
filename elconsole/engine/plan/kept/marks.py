"""`deletes = "mark"`: whether a table's gone rows can be kept, and what to tell of them."""

from __future__ import annotations

from dataclasses import replace

from elconsole.config.patterns import typed
from elconsole.core.errors import PlanError, SchemaConflict
from elconsole.engine.plan.task import TableTask
from elconsole.engine.sql.names import MARK


def checked_marks(task: TableTask) -> TableTask:
    """The task with what a careful reader should know of its marks.

    Raises PlanError without a key, SchemaConflict where marked rows stand under another."""
    if not task.marks:
        return replace(task, notes=(*task.notes, *_ended(task)))
    where = f"{task.source}.{task.label}"
    if not task.primary_key:
        raise PlanError(
            f'{where} has no primary key, so deletes = "mark" can\'t tell which rows are gone',
            hint=f"set primary_key for {where} in settings"
            ' (columns that are unique and not NULL), or deletes = "ignore"',
        )
    if task.has_marks and task.changes_key:
        argument = typed(task.source, task.label)
        raise SchemaConflict(
            f"{where}: its primary key changed, and {task.target_text} keeps marked rows of the"
            " old one",
            hint=f'set deletes = "ignore" and `elconsole --headless sync {argument} --full`, which'
            ' drops the marked rows; then set "mark" again',
        )
    return replace(task, notes=(*task.notes, *_begun(task)))


def _begun(task: TableTask) -> tuple[str, ...]:
    if not task.has_marks:
        begins = f"deletes: rows gone from the source are marked from now on, in {MARK}"
        return (begins,) if task.parent is not None else ()
    lost = sorted(task.hashed_anew & task.raw_columns.keys())
    return (f"deletes: marked rows lose {', '.join(lost)}, hashed anew",) if lost else ()


def _ended(task: TableTask) -> tuple[str, ...]:
    if not task.has_marks:
        return ()
    return (
        f"deletes: rows are marked no more; {MARK} and the marked rows stay until the next full"
        " refresh, which drops both",
    )

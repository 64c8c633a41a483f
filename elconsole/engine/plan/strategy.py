"""How a table's rows are read: what changed, as settings ask for, or all, and why. Pure."""

from __future__ import annotations

from dataclasses import replace

from elconsole.config.patterns import typed
from elconsole.core.errors import ElconsoleError, PlanError, SchemaConflict
from elconsole.engine.plan.columns import choice_change
from elconsole.engine.plan.drift import Drift
from elconsole.engine.plan.task import TableTask, drift_of, not_backfilled

MAX_COLUMNS = 1600
FIRST_LOAD = "first load"
NAMES_OF_OBJECTS = frozenset(
    f"reg{kind}"
    for kind in "class collation config dictionary namespace oper operator proc procedure role"
    " type".split()
)
"""Types of which a value is an object's OID, and is written with its name."""


def incremental(task: TableTask) -> TableTask:
    """The strategy that settings ask for, or a full refresh with the reason."""
    where = f"{task.source}.{task.label}"
    settings = task.settings
    if settings.strategy == "xmin" and not task.relation.has_xmin:
        foreign = task.relation.has_foreign_partition
        what = "has a partition that is a foreign table" if foreign else "is not a table"
        raise PlanError(
            f"{where} {what}, so its rows have no xmin to tell what changed",
            hint='use strategy = "cursor" with a cursor column, or mode = "full"',
        )
    if not task.primary_key:
        return task.as_full("without a primary key rows can't be matched")
    reason = _full_reason(task)
    if reason:
        return task.as_full(reason)
    drift = drift_of(task.columns, task.raw_columns, task.target, full=False, marks=task.marks)
    if drift and drift.severity == "conflict":
        raise _conflict(task, drift)
    if drift and drift.severity == "full_refresh":
        return task.as_full(drift.reason or "the schema changed")
    if drift and task.parent and task.parent.numbers_used + len(drift.added) > MAX_COLUMNS:
        return task.as_full("dropped columns have used up the raw table's numbers of columns")
    return replace(
        task,
        strategy=settings.strategy,
        drift=drift,
        notes=task.notes + _key_note(task) + _unseen(task),
    )


def _unseen(task: TableTask) -> tuple[str, ...]:
    """What no incremental sync can see: names that such values are written with."""
    named = [c.name for c in task.columns if c.source_type.removesuffix("[]") in NAMES_OF_OBJECTS]
    if not named:
        return ()
    return (f"a renamed object changes {', '.join(named)} unseen, until the next full refresh",)


def _key_note(task: TableTask) -> tuple[str, ...]:
    if task.key_proven:
        return ()
    key = ", ".join(task.primary_key)
    return (f"no unique index keeps the key ({key}): each sync looks whether it is unique",)


def backfilled(task: TableTask, condition: str) -> TableTask:
    """Rows to be merged into the raw table as it is; raises PlanError where that can't be."""
    where = f"{task.source}.{task.label}"
    if not task.primary_key:
        raise PlanError(
            f"{where} can't be backfilled: without a primary key rows can't be matched",
            hint="name its unique columns: primary_key in settings",
        )
    drift = drift_of(task.columns, task.raw_columns, task.target, full=False, marks=task.marks)
    reason = _full_reason(task)
    if reason is None and drift and drift.severity in ("conflict", "full_refresh"):
        reason = drift.reason or "the schema changed"
    if reason:
        raise not_backfilled(task, "it was never synced" if reason == FIRST_LOAD else reason)
    return replace(
        task,
        mode="incremental",
        strategy=task.settings.strategy,
        drift=drift,
        backfill=condition,
        notes=(*task.notes, f"backfill: rows for which {condition}; the watermark stays"),
    )


def _full_reason(task: TableTask) -> str | None:
    mark = task.watermark
    if task.parent is None:
        return FIRST_LOAD
    if mark is None:
        return "its watermark was reset"
    if mark.source_oid != task.relation.oid:
        return "the source table is another one than before (replaced or renamed)"
    if changed := choice_change(mark.choice, task.choice):
        return changed
    if set(task.parent.leaf_key or ()) != set(task.primary_key):
        return "the primary key changed"
    return None


def _conflict(task: TableTask, drift: Drift) -> ElconsoleError:
    where, argument = f"{task.source}.{task.label}", typed(task.source, task.label)
    return SchemaConflict(
        f"{where}: {drift.reason}; the stored rows can't be kept",
        hint=f"refresh it: `elconsole --headless sync {argument} --full`",
    )

"""What a sync would really read: the rows since the watermark, not the table's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from elconsole.core.errors import ElconsoleError, PlanError
from elconsole.engine.connect.answers import values_of, whole
from elconsole.engine.connect.parallel import side_by_side
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.session import Session
from elconsole.engine.extract import rows
from elconsole.engine.extract.snapshot import (
    FullRefreshNeeded,
    begin_snapshot,
    check_continuity,
)
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.plan.task import Refused, TableTask, not_backfilled

ROWS_TO_COUNT = 5_000_000
"""A larger table is not counted: its plan would take as long as its sync."""
COUNT_TIMEOUT_S = 10.0
AT_ONCE = 4
"""Tables of one source."""

Planned = TableTask | Refused


def expect(
    planned: Sequence[Planned], pools: Mapping[str, Pool]
) -> list[tuple[Planned, int | None]]:
    """Each table with the rows that a sync would read; None where that can't be told soon.

    A table whose watermark says nothing about its source any more comes as a full refresh,
    with the reason."""
    told: dict[TableKey, tuple[Planned, int | None]] = {}
    incremental = [one for one in planned if isinstance(one, TableTask) and one.strategy != "full"]
    shares = [
        [task for task in incremental if task.source == source][first::AT_ONCE]
        for source in dict.fromkeys(task.source for task in incremental)
        for first in range(AT_ONCE)
    ]
    works = (partial(_expect, pools[share[0].source], share) for share in shares if share)
    for found in side_by_side(works, "expect"):
        told.update(found)
    return [
        told.get(one.key, (one, one.rows_estimated)) if isinstance(one, TableTask) else (one, None)
        for one in planned
    ]


def _expect(pool: Pool, tasks: Sequence[TableTask]) -> dict[TableKey, tuple[Planned, int | None]]:
    told: dict[TableKey, tuple[Planned, int | None]] = {}
    for task in tasks:
        try:
            with pool.session() as session:
                told[task.key] = _expect_one(session, task)
        except PlanError as error:
            words = (task.target_text, task.mode, task.strategy, error, task.relation.schema)
            told[task.key] = (Refused(task.source, task.label, *words), None)
        except ElconsoleError:
            # Its sync tells why, if it still fails then.
            told[task.key] = (task, None)
    return told


def _expect_one(session: Session, task: TableTask) -> tuple[TableTask, int | None]:
    try:
        snapshot = begin_snapshot(session, task, None)
        check_continuity(task, snapshot)
    except FullRefreshNeeded as reason:
        session.execute("ROLLBACK")
        if task.backfill is not None:
            raise not_backfilled(task, str(reason)) from reason
        return task.as_full(str(reason)), task.rows_estimated
    if (task.relation.rows_estimated or 0) > ROWS_TO_COUNT:
        session.execute("ROLLBACK")
        return task, None
    with session.within(COUNT_TIMEOUT_S):
        statement = rows.count_statement(task, rows.wanted(task, snapshot))
        row = session.execute(statement.encode()).fetchone()
        session.execute("ROLLBACK")
    (count,) = values_of(row, 1)
    return task, whole(count, 0)

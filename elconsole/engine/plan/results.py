"""Plans, and what keeps tables from being synced, in the protocol's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from elconsole.core.errors import Cancelled
from elconsole.core.results import ConnectionHealth, PlannedTable, Problem, TableDrift, TableRun
from elconsole.core.types import ErrorInfo
from elconsole.engine.plan.task import WHOLE_SOURCE, Refused, TableTask


def as_planned_table(planned: TableTask | Refused) -> PlannedTable:
    """The plan, with the source's estimate of the table's rows."""
    if isinstance(planned, Refused):
        return PlannedTable(
            source=planned.source,
            table=planned.label,
            target=planned.target,
            mode=planned.mode,
            strategy=planned.strategy,
            error=planned.error.info(),
        )
    return PlannedTable(
        source=planned.source,
        table=planned.label,
        target=planned.target_text,
        mode=planned.mode,
        strategy=planned.strategy,
        watermark=_watermark_text(planned),
        rows_estimated=planned.rows_estimated,
        schema_changes=planned.changes,
        notes=planned.notes,
        new=planned.parent is None,
    )


def as_drift(planned: TableTask | Refused) -> TableDrift:
    known = as_planned_table(planned)
    return TableDrift(
        source=known.source,
        table=known.table,
        target=known.target,
        changes=known.schema_changes,
        error=known.error,
    )


def _watermark_text(task: TableTask) -> str | None:
    mark = task.watermark
    if task.strategy == "full" or mark is None:
        return None
    if task.strategy == "cursor":
        return f"{mark.cursor_column} > {mark.cursor_value}"
    return f"xmin ≥ {mark.snapshot_xmin} ({mark.extracted_at:%Y-%m-%d %H:%M:%S} UTC)"


def as_table_run(planned: TableTask | Refused) -> TableRun:
    """The table as it enters the ledger: pending, or failed before it began."""
    if isinstance(planned, Refused):
        return TableRun(
            source=planned.source,
            table=planned.label,
            target=planned.target,
            mode=planned.mode,
            strategy=planned.strategy,
            status="cancelled" if isinstance(planned.error, Cancelled) else "failed",
            error=planned.error.info(),
        )
    return TableRun(
        source=planned.source,
        table=planned.label,
        target=planned.target_text,
        mode=planned.mode,
        strategy=planned.strategy,
        status="pending",
        rows_estimated=planned.rows_estimated,
        schema_changes=planned.changes,
        notes=planned.notes,
    )


def lacking(connections: Iterable[ConnectionHealth]) -> Iterator[Problem]:
    """What connections that answer lack."""
    for health in connections:
        source = health.name if health.role == "source" else None
        hint = f"`elconsole grants` prints what the role of {health.name} needs"
        if source is None and health.replication_role == "standby":
            hint = "name its primary in [warehouse]"
        for words in health.lacks:
            yield Problem(ErrorInfo("permission", f"{health.name}: {words}", hint), source)


def refused(planned: Iterable[TableTask | Refused]) -> Iterator[Problem]:
    """The tables that can't be planned; one problem where a source's all fail of one error."""
    several = [one for one in planned if isinstance(one, Refused)]
    counted = Counter((one.source, id(one.error)) for one in several)
    for one in several:
        shared = counted.pop((one.source, id(one.error)), 0)
        if shared:
            alone = shared == 1 and one.label != WHOLE_SOURCE
            yield Problem(one.error.info(), one.source, one.label if alone else None)

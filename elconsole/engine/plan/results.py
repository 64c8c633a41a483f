"""Plans in the protocol's words."""

from __future__ import annotations

from elconsole.core.errors import Cancelled
from elconsole.core.results import PlannedTable, TableDrift, TableRun
from elconsole.engine.plan.task import Refused, TableTask


def as_planned_table(planned: TableTask | Refused) -> PlannedTable:
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
        backfill=planned.backfill,
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
            source_schema=planned.schema,
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
        source_schema=planned.relation.schema,
    )

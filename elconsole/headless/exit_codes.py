"""The exit code of a finished sync, derived from its result alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elconsole.core import errors
from elconsole.core.results import (
    PlannedTable,
    PlanReport,
    ReconciledTable,
    ReconcileReport,
    RunDetail,
    SchemaReport,
    TableDrift,
    TableRun,
)

_PRIORITY = (errors.EXIT_UNREACHABLE, errors.EXIT_FAILED, errors.EXIT_LOCKED)


def exit_code(detail: RunDetail, stopped_by: int | None = None) -> int:
    """0 where every table succeeded, else the most important of the tables' codes.

    `stopped_by` is 130 or 143 where a signal asked for the end; it counts only where
    the sync had not already finished everything by then.
    """
    if detail.run.status == "cancelled" or any(t.status == "cancelled" for t in detail.tables):
        return stopped_by or errors.EXIT_FAILED
    if _unreachable(detail.tables):
        return errors.EXIT_UNREACHABLE
    codes = {_table_code(table) for table in detail.tables}
    if detail.run.status != "succeeded" and codes <= {errors.EXIT_OK}:
        return errors.EXIT_FAILED
    return next((code for code in _PRIORITY if code in codes), errors.EXIT_OK)


def _table_code(table: TableRun) -> int:
    if table.status == "locked":
        return errors.EXIT_LOCKED
    if table.status == "succeeded" or (table.status == "skipped" and table.error is None):
        return errors.EXIT_OK
    return errors.EXIT_FAILED


def report_exit_code(report: PlanReport | ReconcileReport | SchemaReport) -> int:
    """The code of a report over tables: 3, 1 or 0, by the errors in it."""
    if _unreachable(report.tables):
        return errors.EXIT_UNREACHABLE
    failed = any(table.error is not None for table in report.tables)
    return errors.EXIT_FAILED if failed else errors.EXIT_OK


def _unreachable(tables: Sequence[TableRun | PlannedTable | ReconciledTable | TableDrift]) -> bool:
    """Whether the warehouse, or every source of the run, could not be reached."""
    kinds = {
        kind.kind
        for kind in _tree(errors.ElconsoleError)
        if kind.exit_code == errors.EXIT_UNREACHABLE
    }
    if any(t.error and t.error.kind == errors.WarehouseUnavailable.kind for t in tables):
        return True
    return bool(tables) and all(t.error and t.error.kind in kinds for t in tables)


def _tree(root: type[errors.ElconsoleError]) -> Iterator[type[errors.ElconsoleError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)

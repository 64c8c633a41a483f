"""What enter opens, and what a sync selects, by the thing a row stands for."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from elconsole.core.results import PlannedTable, RawTable, RunSummary
from elconsole.core.types import ErrorInfo
from elconsole.ui.state.log import LogEntry
from elconsole.ui.state.model import ConnectionState, ConsoleState, TableProgress
from elconsole.ui.tables.quality import QualityItem
from elconsole.ui.words.cells import Row


def selection_of(row: Row) -> tuple[str, ...]:
    """The sync selection of a row; empty where it selects nothing."""
    match row.data:
        case ConnectionState(info=info) if info.role == "source":
            return (info.name,)
        case TableProgress(table=table):
            return (f"{table.source}.{table.table}",)
        case PlannedTable(source=source, table=name) | RawTable(source=source, table=name):
            return (f"{source}.{name}",)
    return ()


def screen_for(row: Row, state: ConsoleState) -> Screen[Any] | None:
    """The screen that shows a row in full; None where the row says all."""
    match row.data:
        case ConnectionState():
            from elconsole.ui.dialogs.connection import ConnectionDialog

            return ConnectionDialog(row.data.info.name)
        case TableProgress(table=table) if table.error is not None and table.status != "succeeded":
            return _error_dialog(f"{table.source}.{table.table} {table.status}", table.error)
        case TableProgress():
            run = state.shown_run()
            return _run_screen(run.run.run_id) if run is not None else None
        case RunSummary(run_id=run_id):
            return _run_screen(run_id)
        case QualityItem():
            from elconsole.ui.pages.chart import ChartScreen

            return ChartScreen(row.data)
        case LogEntry(error=ErrorInfo() as error, subject=subject):
            return _error_dialog(subject, error)
        case LogEntry(run_id=run_id) if run_id:
            return _run_screen(run_id)
        case LogEntry(subject=subject) if any(
            item.info.name == subject for item in state.connections
        ):
            from elconsole.ui.dialogs.connection import ConnectionDialog

            return ConnectionDialog(subject)
        case PlannedTable():
            from elconsole.ui.dialogs.drift import DriftDialog

            return DriftDialog(row.data)
    return None


def _run_screen(run_id: str) -> Screen[Any]:
    from elconsole.ui.pages.run import RunScreen

    return RunScreen(run_id)


def _error_dialog(title: str, error: ErrorInfo) -> Screen[Any]:
    from elconsole.ui.dialogs.dialog import ErrorDialog

    return ErrorDialog(title, error)

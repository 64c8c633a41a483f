"""What enter opens, by the link that a row carries."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from elconsole.ui.words.cells import (
    ChartLink,
    ConnectionLink,
    DriftLink,
    ErrorLink,
    Link,
    RunLink,
    UnfedLink,
)


def screen_for(link: Link) -> Screen[Any]:
    """The page or dialog that a link leads to; imports it when it is first opened."""
    match link:
        case ConnectionLink(name=name):
            from elconsole.ui.dialogs.connection import ConnectionDialog

            return ConnectionDialog(name)
        case RunLink(run_id=run_id):
            from elconsole.ui.pages.run import RunScreen

            return RunScreen(run_id)
        case ErrorLink(title=title, error=error):
            from elconsole.ui.dialogs.dialog import ErrorDialog

            return ErrorDialog(title, error)
        case ChartLink():
            from elconsole.ui.pages.chart import ChartScreen

            return ChartScreen(link)
        case DriftLink(plan=plan):
            from elconsole.ui.dialogs.drift import DriftDialog

            return DriftDialog(plan)
        case UnfedLink(table=table):
            from elconsole.ui.dialogs.drift import UnfedDialog

            return UnfedDialog(table)

"""Page 3: the history of runs."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.ui.pages.page import PageScreen
from elconsole.ui.tables import runs
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Table


class RunsScreen(PageScreen):
    """Runs, newest first; enter opens one."""

    AUTO_FOCUS = "#runs"
    main_grid = "runs"

    def compose_page(self) -> ComposeResult:
        """One table."""
        yield Grid(Table(()), id="runs")

    def paint_page(self) -> None:
        """Redraw it."""
        console = self.console
        self.query_one("#runs", Grid).show(runs.history(console.shown_state, console.shown_now()))

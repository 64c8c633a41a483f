"""Page 2: every value of every dimension."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.ui.pages.page import PageScreen
from elconsole.ui.tables import quality_page
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Table


class QualityScreen(PageScreen):
    """Pass rates, sortable; enter opens the control chart."""

    AUTO_FOCUS = "#quality"
    main_grid = "quality"

    def compose_page(self) -> ComposeResult:
        """One table."""
        yield Grid(Table(()), id="quality")

    def paint_page(self) -> None:
        """Redraw it."""
        console = self.console
        table = quality_page.table(
            console.shown_state, console.shown_now(), wide=self.has_class("-wide")
        )
        self.query_one("#quality", Grid).show(table)

"""Page 4: drift between sources and raw tables."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.ui.pages.page import PageScreen
from elconsole.ui.tables import schema
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Table


class SchemaScreen(PageScreen):
    """Tables and the columns that differ."""

    AUTO_FOCUS = "#schema"
    main_grid = "schema"

    def compose_page(self) -> ComposeResult:
        """One table."""
        yield Grid(Table(()), id="schema")

    def on_screen_resume(self) -> None:
        """Compare anew whenever the page is opened."""
        self.console.questions.read("plan")

    def paint_page(self) -> None:
        """Redraw it."""
        console = self.console
        comparing = console.background.asking("plan") and not console.paused
        self.query_one("#schema", Grid).show(schema.page(console.shown_state, comparing=comparing))

"""The control chart of one dimension value, its defects and its failed units."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from elconsole.api import QualityReport, QualityRequest
from elconsole.api_types import ErrorInfo
from elconsole.ui.cells import Table
from elconsole.ui.screens.detail import DetailScreen
from elconsole.ui.tables import units
from elconsole.ui.tables.quality import QualityItem
from elconsole.ui.text import dimension_name, safe
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines
from elconsole.ui.widgets.plot import Plot

UNITS_LIMIT = 200


class ChartScreen(DetailScreen):
    """Chart above, what failed below."""

    AUTO_FOCUS = "#plot"
    main_grid = "units"

    def __init__(self, item: QualityItem) -> None:
        super().__init__()
        self.item = item

    def compose_page(self) -> ComposeResult:
        """Plot, numbers, defects, units."""
        yield Plot(id="plot")
        yield Lines(id="period")
        with Horizontal(id="below"):
            yield Grid(units.defects(None), id="defects")
            yield Grid(units.failed(None), id="units")

    def on_mount(self) -> None:
        """Name the chart and ask for its periods and units."""
        table, value = self.item.table, self.item.row.value
        plot = self.query_one(Plot)
        where = f"{safe(table.source, 40)} by {dimension_name(table.dimension)}"
        plot.border_title = Content(f"{safe(value, 60)} · {where} · pass rate by day")
        plot.border_subtitle = Content("╌ limits  ─ centre  ▼ signal  ○ not judged · ←→ period")
        engine = self.console.questions.engine
        if engine is None:
            return
        request = QualityRequest(sources=(table.source,), by=table.dimension, period="day")
        self.ask("chart", lambda: engine.quality(request))
        self.ask(
            "units",
            lambda: engine.failed_units(
                table.source, table.table, table.dimension, value, UNITS_LIMIT
            ),
        )

    def answered(self, question: str, value: Any) -> None:
        """Show periods or units."""
        if question == "chart":
            self.query_one(Plot).show(self._periods(value))
        else:
            self.query_one("#defects", Grid).show(units.defects(value))
            self.query_one("#units", Grid).show(units.failed(value))

    def refused(self, question: str, error: ErrorInfo) -> None:
        """Say why."""
        words = f"Can't be read: {safe(error.message)}"
        if question == "chart":
            self.query_one(Plot).show((), words)
        else:
            self.query_one("#units", Grid).show(Table((), title="Failed units", empty=words))

    def _periods(self, report: QualityReport) -> Any:
        mine = self.item.table
        for table in report.tables:
            if (table.source, table.table, table.dimension) == (
                mine.source,
                mine.table,
                mine.dimension,
            ):
                return tuple(row for row in table.rows if row.value == self.item.row.value)
        return ()

    def on_plot_moved(self, event: Plot.Moved) -> None:
        """Show the numbers of the period under the cursor."""
        self.query_one("#period", Lines).show_lines(units.period_cells(event.row))

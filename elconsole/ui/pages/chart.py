"""The control chart of one dimension value, its defects and its failed units."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from elconsole.core.results import Period, QualityReport, QualityRequest
from elconsole.core.types import ErrorInfo
from elconsole.ui.pages.detail import DetailScreen
from elconsole.ui.tables import units
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines
from elconsole.ui.widgets.plot import READING, Plot
from elconsole.ui.words.cells import ChartLink, Table, cell
from elconsole.ui.words.text import dimension_name, safe

UNITS_LIMIT = 200
PERIODS: tuple[Period, ...] = ("day", "shift", "batch", "hour")


class ChartScreen(DetailScreen):
    """Chart above, what failed below."""

    AUTO_FOCUS = "#plot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "period", "Period", tooltip="Days, shifts, batches or hours")
    ]
    main_grid = "units"

    def __init__(self, item: ChartLink) -> None:
        super().__init__()
        self.item = item
        self.period: Period = "day"

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
        plot.border_subtitle = Content("╌ limits  ─ centre  ▼ signal  ○ not judged · ←→ period")
        self._ask_periods()
        engine = self.console.questions.engine
        if engine is None:
            return
        self.ask(
            "units",
            lambda: engine.failed_units(
                table.source, table.table, table.dimension, value, UNITS_LIMIT
            ),
        )

    def _ask_periods(self) -> None:
        table, engine, period = self.item.table, self.console.questions.engine, self.period
        where = f"{safe(table.source, 40)} by {dimension_name(table.dimension)}"
        title = f"{safe(self.item.row.value, 60)} · {where} · pass rate by {period}"
        plot = self.query_one(Plot)
        plot.border_title = Content(title)
        plot.show((), READING)
        self.query_one("#period", Lines).show_lines(())
        if engine is not None:
            request = QualityRequest(sources=(table.source,), by=table.dimension, period=period)
            self.ask(f"chart-{period}", lambda: engine.quality(request))

    def action_period(self) -> None:
        """Another length of the periods: day, shift, batch, hour."""
        self.period = PERIODS[(PERIODS.index(self.period) + 1) % len(PERIODS)]
        self._ask_periods()

    def answered(self, question: str, value: Any) -> None:
        """Show periods or units."""
        if question == f"chart-{self.period}":
            self.query_one(Plot).show(self._periods(value))
        elif question == "units":
            self.query_one("#defects", Grid).show(units.defects(value))
            self.query_one("#units", Grid).show(units.failed(value))

    def refused(self, question: str, error: ErrorInfo) -> None:
        """Say why."""
        words = f"Can't be read: {safe(error.message)}"
        if question == f"chart-{self.period}":
            self.query_one(Plot).show((), words)
        elif question == "units":
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
        lines = units.period_cells(event.row)
        if (signal := self.item.row.signal) is not None:
            lines = (*lines, (*cell("over all  ", "dim"), *cell(safe(signal, 600), "bad")))
        self.query_one("#period", Lines).show_lines(lines)

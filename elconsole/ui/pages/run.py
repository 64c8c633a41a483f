"""One run in full: its tables, its errors, the run before."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from elconsole.core.results import RunDetail, RunSummary
from elconsole.core.types import ErrorInfo
from elconsole.ui.pages.detail import DetailScreen
from elconsole.ui.tables import runs
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines
from elconsole.ui.words.cells import Table
from elconsole.ui.words.text import safe
from elconsole.ui.words.wording import run_name


class RunScreen(DetailScreen):
    """Head, errors with hints, tables beside the run before."""

    AUTO_FOCUS = "#tables"
    main_grid = "tables"

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.detail: RunDetail | None = None
        """As the warehouse told it; None before it has."""
        self.before: RunDetail | None = None
        self._end_asked = False

    def compose_page(self) -> ComposeResult:
        """Facts above, tables below."""
        yield Lines("Run", id="facts")
        yield Grid(Table((), title="Tables", empty="Reading the run…"), id="tables")

    def on_mount(self) -> None:
        """Ask for the run and for the one before."""
        earlier = self._run_before()
        self._ask_run("run", self.run_id)
        if earlier is not None:
            self._ask_run("before", earlier.run_id)

    def _ask_run(self, question: str, run_id: str) -> None:
        engine = self.console.questions.engine
        if engine is not None:
            self.ask(question, lambda: engine.run(run_id))

    def _run_before(self) -> RunSummary | None:
        """The newest successful run that ended before this one began."""
        history = self.console.state.history or ()
        known = [*(item.run for item in self.console.state.runs), *history]
        mine = next((run for run in known if run.run_id == self.run_id), None)
        if mine is None:
            return None
        earlier = [run for run in history if run.started_at < mine.started_at]
        return next((run for run in earlier if run.status == "succeeded"), None)

    def answered(self, question: str, value: Any) -> None:
        """Show the run, or compare."""
        if question == "run":
            self.detail = value
        else:
            self.before = value
        self.paint_page()

    def refused(self, question: str, error: ErrorInfo) -> None:
        """Say why, where nothing is known."""
        if question == "run" and self._shown() is None:
            words = f"Can't be read: {safe(error.message)}"
            self.query_one("#tables", Grid).show(Table((), title="Tables", empty=words))

    def paint_page(self) -> None:
        """Redraw; the end of a run that was followed is asked for in full."""
        detail = self._shown()
        if detail is None:
            return
        if self._goes_on(self.detail) and not self._goes_on(detail) and not self._end_asked:
            self._end_asked = True
            self._ask_run("run", self.run_id)
        lines = runs.summary_cells(detail, self.console.shown_now())
        self.query_one("#facts", Lines).show_lines(
            lines, run_name(detail.run.run_number).capitalize()
        )
        self.query_one("#tables", Grid).show(runs.tables(detail, self.before))

    def _shown(self) -> RunDetail | None:
        """The live state of a run that went on when it was asked for, else what was told."""
        runs_known = self.console.shown_state.runs
        live = next((item for item in runs_known if item.run.run_id == self.run_id), None)
        stale = self.detail is None or self._goes_on(self.detail)
        return live.detail() if live is not None and stale else self.detail

    @staticmethod
    def _goes_on(detail: RunDetail | None) -> bool:
        return detail is not None and detail.run.status == "running"

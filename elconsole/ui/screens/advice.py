"""What the advisors noticed: finding, numbers, the command to run."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from elconsole.api import AdviceReport
from elconsole.api_types import ErrorInfo
from elconsole.ui.cells import Cell, cell
from elconsole.ui.screens.detail import DetailScreen
from elconsole.ui.text import safe
from elconsole.ui.widgets.lines import Lines


def advice_lines(report: AdviceReport) -> tuple[Cell, ...]:
    """Three lines a finding."""
    lines: list[Cell] = []
    for item in report.findings:
        evidence = " · ".join(f"{safe(k, 60)} {_value(v)}" for k, v in item.evidence.items())
        lines.append(
            (*cell(f"▲ {safe(item.subject, 80)}  ", "warn"), *cell(safe(item.advisor), "dim"))
        )
        lines.append(cell(f"  {safe(item.finding, 400)}", "plain"))
        if evidence:
            lines.append(cell(f"  {evidence}", "dim"))
        if item.command:
            lines.append(cell(f"  → {safe(item.command, 300)}", "accent"))
        lines.append(())
    return tuple(lines) or (cell("● Nothing to advise.", "ok"),)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else safe(str(value), 80)


class AdviceScreen(DetailScreen):
    """The findings."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down,j", "into", "Read on", show=False)]

    def action_into(self) -> None:
        """Give the list the keys that scroll."""
        self.query_one("#advice", Lines).focus()

    def compose_page(self) -> ComposeResult:
        """One list."""
        yield Lines("Advice", id="advice")

    def on_mount(self) -> None:
        """Ask."""
        engine = self.console.questions.engine
        self.query_one("#advice", Lines).show_lines((cell("Looking…", "dim"),))
        if engine is not None:
            self.ask("advice", engine.advise)

    def answered(self, question: str, value: Any) -> None:  # noqa: ARG002
        """Show the findings."""
        self.query_one("#advice", Lines).show_lines(advice_lines(value))

    def refused(self, question: str, error: ErrorInfo) -> None:  # noqa: ARG002
        """Say why."""
        self.query_one("#advice", Lines).show_lines((cell(safe(error.message), "bad"),))

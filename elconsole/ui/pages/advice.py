"""What the advisors noticed: finding, numbers, the command to run."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from elconsole.core.invocation import repeated, repeated_command
from elconsole.core.results import AdviceReport
from elconsole.core.types import ErrorInfo
from elconsole.ui.pages.detail import DetailScreen
from elconsole.ui.widgets.lines import Lines
from elconsole.ui.words.cells import Cell, cell
from elconsole.ui.words.text import safe
from elconsole.ui.words.wording import error_line

COMMAND_LETTERS = 4000
"""A command is run as it stands: it must not be cut where it is only long."""


def advice_lines(report: AdviceReport) -> tuple[Cell, ...]:
    """Three lines a finding, then the sources that nobody could ask."""
    lines: list[Cell] = []
    for item in report.findings:
        evidence = " · ".join(f"{safe(k, 60)} {_value(v)}" for k, v in item.evidence.items())
        lines.append(
            (*cell(f"▲ {safe(item.subject, 80)}  ", "warn"), *cell(safe(item.advisor), "dim"))
        )
        lines.append(cell(f"  {safe(repeated(item.finding), 1000)}", "plain"))
        if evidence:
            lines.append(cell(f"  {evidence}", "dim"))
        if item.command:
            command = repeated_command(item.command)
            lines.append(cell(f"  → {safe(command, COMMAND_LETTERS)}", "accent"))
        lines.append(())
    for source, error in report.unasked:
        words = f"could not be asked: {error_line(error, source)}"
        lines.append((*cell(f"? {safe(source, 80)}  ", "warn"), *cell(words, "plain")))
    return tuple(lines) or (cell("● Nothing to advise.", "ok"),)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else safe(str(value), 80)


class AdviceScreen(DetailScreen):
    """The findings."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "into", "Read on", show=False),
        Binding("c", "copy", "Copy all advice", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[Cell, ...] = ()
        self._answered = False

    def action_into(self) -> None:
        """Give the list the keys that scroll."""
        self.query_one("#advice", Lines).focus()

    def action_copy(self) -> None:
        """Copy everything that stands here, commands in full."""
        from elconsole.ui.console.clipboard import copy

        copy(self.app, [("".join(span.text for span in item),) for item in self._lines])

    def compose_page(self) -> ComposeResult:
        """One list."""
        yield Lines("Advice", id="advice")

    def on_mount(self) -> None:
        """Ask, or wait for the engine."""
        self._tell(cell("Looking…", "dim"))
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Ask, unless that was answered; the app calls this again once it has an engine."""
        engine = self.console.questions.engine
        if engine is not None and not self._answered:
            self.ask("advice", engine.advise)

    def answered(self, question: str, value: Any) -> None:  # noqa: ARG002
        """Show the findings."""
        self._answered = True
        self._tell(*advice_lines(value))

    def refused(self, question: str, error: ErrorInfo) -> None:  # noqa: ARG002
        """Say why."""
        self._tell(cell(safe(error.message), "bad"))

    def _tell(self, *lines: Cell) -> None:
        self._lines = lines
        self.query_one("#advice", Lines).show_lines(lines)

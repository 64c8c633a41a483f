"""Screens that are opened over a page and ask something of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType

from elconsole.core.types import ErrorInfo
from elconsole.ui.console.console import has_widgets
from elconsole.ui.pages.page import PageScreen


class DetailScreen(PageScreen):
    """A page over a page; esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]
    _numbers: ClassVar[count[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self._number = next(self._numbers)
        """Tells this screen's answers from those to one that was closed before it came."""

    def ask(self, key: str, work: Callable[[], Any]) -> None:
        """Ask the engine in a thread; the answer arrives in `answered`."""
        self.console.questions.read_detail(f"{self._number}/{key}", work)

    def deliver(self, key: str, value: Any, error: ErrorInfo | None) -> None:
        """Take an answer, if it is this screen's."""
        owner, _, question = key.partition("/")
        if owner == str(self._number) and has_widgets(self):
            if error is not None:
                self.refused(question, error)
            else:
                self.answered(question, value)

    def answered(self, question: str, value: Any) -> None:
        """Show the answer."""

    def refused(self, question: str, error: ErrorInfo) -> None:
        """Show why there is none."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close, once: a second key may arrive while the first one closes it already."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def action_back(self) -> None:
        """Out of the filter, else back to the page."""
        grid = self.grid()
        if self.query("#filter") or (grid is not None and grid.needle):
            super().action_back()
        else:
            self.dismiss(None)

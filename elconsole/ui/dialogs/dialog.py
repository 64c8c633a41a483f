"""Modal boxes: errors, questions. Each choice has a key, a line and a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click, Key
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Static

from elconsole.config.patterns import argument
from elconsole.core.types import ErrorInfo
from elconsole.ui.console.console import Console, console_of
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.row_cursor import MOVING
from elconsole.ui.words.cells import Column, Row, Table, cell
from elconsole.ui.words.text import count, safe, safe_lines, span_of
from elconsole.ui.words.wording import hint_text, said_of, tables_text

if TYPE_CHECKING:
    from elconsole.core.results import PlannedTable, RawTable

Choice = tuple[str, str, str, str]
"""Key, answer, label, what it means."""


Foot = tuple[tuple[str, str], ...]
"""Pairs of words and action."""


class Choices(Grid, inherit_bindings=False):
    """The answers of a dialog, one a line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Choose"), *MOVING]
    OPENED_BY_ONE_CLICK = True

    def __init__(self, choices: tuple[Choice, ...]) -> None:
        rows = tuple(
            Row(
                answer,
                (cell(key, "accent"), cell(label, "strong"), cell(meaning, "dim")),
            )
            for key, answer, label, meaning in choices
        )
        columns = (Column(""), Column(""), Column("", grows=True, min_width=8, max_width=200))
        super().__init__(Table(columns, rows), id="choices", header=False)


class Dialog(ModalScreen[str | None]):
    """A box in the middle; esc closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close")]
    title_words = ""
    choices: tuple[Choice, ...] = ()

    @property
    def console(self) -> Console:
        """The app, by its own type."""
        return console_of(self)

    def compose(self) -> ComposeResult:
        """Words, then choices."""
        with Vertical(id="box") as box:
            box.border_title = Content(self.title_words)
            box.border_subtitle = self._clickable(self.foot())
            with VerticalScroll(classes="words", can_focus=not self.choices):
                yield from self.words()
            if self.choices:
                yield Choices(self.choices)

    def words(self) -> ComposeResult:
        """What the dialog says."""
        yield from ()

    def foot(self) -> Foot:
        """The keys, in the lower border, each with what a click on it does."""
        close = ("esc close", "screen.close")
        return (("enter choose", "screen.choose_marked"), close) if self.choices else (close,)

    def _clickable(self, foot: Foot) -> Content:
        parts: list[Content] = []
        for words, action in foot:
            parts += [Content(" · ")] if parts else []
            parts.append(Content.styled(words, Style.from_meta({"@click": action})))
        return Content.assemble(*parts)

    def action_choose_marked(self) -> None:
        """The choice under the cursor."""
        self.query_one(Choices).action_open()

    def on_click(self, event: Click) -> None:
        """A click beside the box closes it."""
        if event.widget is self:
            self.action_close()

    def on_key(self, event: Key) -> None:
        """A choice by its key."""
        for key, answer, *_ in self.choices:
            if event.key == key:
                event.stop()
                self.choose(answer)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A choice by enter or mouse."""
        event.stop()
        self.choose(event.row.key)

    def choose(self, answer: str) -> None:
        """Act on an answer: by default close with it."""
        self.dismiss(answer)

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        """Close, once: a second key may arrive while the first one closes it already."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def action_close(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


def line(*parts: tuple[str, str]) -> Static:
    """A paragraph of styled pieces; nothing in it is markup."""
    return Static(Content.assemble(*parts))


class ErrorDialog(Dialog):
    """An error in full: the server's words, its code, what to do next."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy_error", "Copy")]

    def __init__(self, title: str, error: ErrorInfo) -> None:
        super().__init__(classes="-bad")
        self.title_words = f"✗ {safe(title, 70)}"
        self.error = error
        self._said = said_of(title.split(" ", 1)[0], error.message)

    def words(self) -> ComposeResult:
        """Message, code, hint."""
        error = self.error
        yield line((safe_lines(self._said), "$foreground"), ("\n", ""))
        facts = [("kind      ", "$dim"), (safe(error.kind), "$foreground")]
        if error.sqlstate:
            facts += [("\nSQLSTATE  ", "$dim"), (safe(error.sqlstate), "$foreground")]
        yield line(*facts)
        if hint := hint_text(error):
            yield line(("\nWhat to do\n", "$accent"), (safe_lines(hint), "$foreground"))

    def foot(self) -> Foot:
        """Keys."""
        return (("c copy", "screen.copy_error"), ("esc close", "screen.close"))

    def action_copy_error(self) -> None:
        """Copy everything the dialog says."""
        from elconsole.ui.console.clipboard import copy

        error = self.error
        # No line is a server's alone: pasted into a shell, it would be a command.
        lines = [(self.title_words,), (f"{error.kind}: {self._said}",)]
        lines += [(f"SQLSTATE {error.sqlstate}",)] if error.sqlstate else []
        lines += [(f"hint: {hint_text(error)}",)] if error.hint else []
        copy(self.app, lines)


class QuitDialog(Dialog):
    """Quitting while a sync of this console runs."""

    title_words = "A sync is running"
    choices = (
        ("c", "cancel", "Cancel and quit", "rolls back; the old rows stand"),
        ("w", "wait", "Keep watching", "quits when the sync has ended"),
        ("s", "stay", "Stay", "back to the console"),
    )

    def __init__(self) -> None:
        super().__init__(classes="-warn")

    def words(self) -> ComposeResult:
        """The question."""
        yield line(("This console runs it: it ends when the console ends.", "$foreground"))


class RefreshDialog(Dialog):
    """Before a full refresh: what it will read."""

    title_words = "Full refresh"
    choices = (
        ("n", "stay", "Don't", ""),
        ("y", "refresh", "Refresh", "readers keep the old rows until the new ones are complete"),
    )

    def __init__(self, target: tuple[str, ...], state: ConsoleState) -> None:
        super().__init__(classes="-warn")
        self._target = target
        self._state = state

    def words(self) -> ComposeResult:
        """Tables, rows, last duration."""
        what = safe(", ".join(self._target), 200) or "every configured table"
        yield line(
            ("Reads ", "$foreground"),
            (what, "bold $foreground"),
            (" anew, every row.\n", "$foreground"),
        )
        state = self._state
        planned = state.plan.tables if state.plan is not None else ()
        sources = {item.info.name for item in state.connections}
        stored = [item for item in state.raw_tables if item.source in sources]
        names = self._chosen(planned if state.plan is not None else stored)
        if names:
            estimated = {
                f"{item.source}.{item.table}": item.rows_estimated
                for item in planned
                if item.rows_estimated is not None
            }
            rows_of = estimated | {f"{item.source}.{item.table}": item.rows for item in stored}
            rows = sum(rows_of.get(name, 0) for name in names)
            fresh = len(names - rows_of.keys())
            more = f", and all of {tables_text(fresh)} never synced" if fresh else ""
            so_far = " synced so far" if state.plan is None else ""
            yield line(
                ("tables      ", "$dim"), (f"{len(names)}{so_far}", "$foreground"),
                ("\nrows        ", "$dim"), (f"~{count(rows)}{more}", "$foreground"),
                ("\nlast time   ", "$dim"), (self._last(len(names)), "$foreground"),
            )  # fmt: skip

    def _chosen(self, tables: Sequence[PlannedTable | RawTable]) -> set[str]:
        """The names of those that the target selects."""
        return {
            f"{item.source}.{item.table}"
            for item in tables
            if not self._target
            or item.source in self._target
            or argument(item.source, item.table, self._state.sources()) in self._target
        }

    def _last(self, tables: int) -> str:
        """How long as many tables took; the history does not say which they were."""
        wanted = ("full", "succeeded", tables)
        for run in self._state.history or ():
            if (run.mode, run.status, run.tables_total) == wanted:
                return f"{span_of(run.duration_seconds)} for {count(run.rows_written)} rows"
        return "not known"

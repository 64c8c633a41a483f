"""Lines of cells without cursor; they take the focus, to scroll, where they do not fit."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from elconsole.ui.widgets.arrange import wrapped_cell
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.row_cursor import MOVING
from elconsole.ui.words.cells import Cell, Row, Table


class Lines(Grid, can_focus=False, inherit_bindings=False):
    """Text in tones inside a frame."""

    BINDINGS: ClassVar[list[BindingType]] = [*MOVING]

    def __init__(self, title: str = "", *, id: str | None = None) -> None:
        super().__init__(Table((), title=title), id=id, header=False)

        self._lines: tuple[Cell, ...] = ()

    def show_lines(self, lines: tuple[Cell, ...], title: str = "") -> None:
        """Show other lines, wrapped to the width."""
        self._lines = lines
        self._wrap(title or self.table.title)

    def _wrap(self, title: str) -> None:
        room = self.size.width or 10_000
        wrapped = [part for item in self._lines for part in wrapped_cell(item, room)]
        rows = tuple(Row(str(number), (item,), heading=True) for number, item in enumerate(wrapped))
        self.show(Table((), rows=rows, title=title))
        self.can_focus = len(rows) > self.size.height

    def on_resize(self) -> None:
        """Wrap anew."""
        self._wrap(self.table.title)

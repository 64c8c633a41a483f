"""A few lines of cells, without cursor."""

from __future__ import annotations

from elconsole.ui.cells import Cell, Row, Table
from elconsole.ui.widgets.grid import Grid


class Lines(Grid, can_focus=False):
    """Text in tones inside a frame."""

    def __init__(self, title: str = "", *, id: str | None = None) -> None:
        super().__init__(Table((), title=title), id=id, header=False)

    def show_lines(self, lines: tuple[Cell, ...], title: str = "", note: str = "") -> None:
        """Show other lines."""
        rows = tuple(Row(str(number), (item,), heading=True) for number, item in enumerate(lines))
        self.show(Table((), rows=rows, title=title or self.table.title, note=note))

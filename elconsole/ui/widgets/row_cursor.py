"""The cursor of a table: keys, mouse, order. What the rows look like is `grid`'s matter."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.scroll_view import ScrollView

from elconsole.ui.widgets.arrange import GAP, Sort
from elconsole.ui.words.cells import Row

MOVING: list[BindingType] = [
    Binding("up,k", "move(-1)", "Up", show=False),
    Binding("down,j", "move(1)", "Down", show=False),
    Binding("pageup", "page(-1)", "Page up", show=False),
    Binding("pagedown", "page(1)", "Page down", show=False),
    Binding("home,g", "edge(-1)", "First row", show=False),
    Binding("end,G", "edge(1)", "Last row", show=False),
]


class RowCursor(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows, one of them under the cursor, and an order that a header click changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        *MOVING,
        Binding("o", "sort_next", "Next sort column", show=False),
        Binding("O", "sort_turn", "Reverse the order", show=False),
        Binding("c", "copy", "Copy row", show=False),
        Binding("e", "export", "Export", show=False),
    ]

    OPENED_BY_ONE_CLICK: ClassVar[bool] = False
    """Whether a click opens a row that was not selected yet."""

    class Opened(Message, namespace="grid"):
        """Enter, or a click on the row under the cursor."""

        def __init__(self, grid: RowCursor, row: Row) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> RowCursor:
            """The grid it happened in."""
            return self.grid

    class Moved(Opened, namespace="grid"):
        """The cursor stands on another row."""

    class CopyAsked(Opened, namespace="grid"):
        """The row shall go to the clipboard."""

    class ExportAsked(Message, namespace="grid"):
        """The whole table, as shown, shall go to a file."""

        def __init__(self, grid: RowCursor) -> None:
            super().__init__()
            self.grid = grid

    def __init__(self, *, id: str | None, header: bool, glance: bool) -> None:
        super().__init__(id=id)
        self.has_header = header
        self.glance = glance
        """Whether it goes back to its first rows when the focus leaves it."""
        self.sort: Sort | None = None
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self._columns: tuple[tuple[int, int], ...] = ()
        """Indexes and widths of the columns in sight."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is nothing to open where there is no row."""
        return action != "open" or bool(self.rows)

    def sort_by(self, sort: Sort | None) -> None:
        """Order the rows, or put them back into their own order."""
        raise NotImplementedError

    def row_under_cursor(self) -> Row | None:
        """The selected row; None where there is none."""
        if 0 <= self.cursor < len(self.rows):
            row = self.rows[self.cursor]
            return None if row.heading else row
        return None

    def select(self, key: str) -> None:
        """Put the cursor on the row of that key, if it is shown."""
        for index, row in enumerate(self.rows):
            if row.key == key:
                self._move_to(index)
                return

    def _selectable(self, index: int, direction: int) -> int:
        """The nearest row that is no heading, looking first in `direction`."""
        for step in (direction, -direction):
            at = index
            while 0 <= at < len(self.rows):
                if not self.rows[at].heading:
                    return at
                at += step
        return 0

    def _move_to(self, index: int, direction: int = 1) -> None:
        if not self.rows:
            return
        target = self._selectable(min(max(index, 0), len(self.rows) - 1), direction)
        if self.rows[target].heading:
            self.scroll_relative(y=index - self.cursor, animate=False)
            return
        if target != self.cursor:
            old, self.cursor = self.cursor, target
            for at in (old, target):
                self.refresh_line(at + self.has_header)
            if (row := self.row_under_cursor()) is not None:
                self.post_message(self.Moved(self, row))
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        top = self.scroll_offset.y
        room = max(1, self.size.height - self.has_header)
        first = self.cursor
        if first > 0 and self.rows[first - 1].heading:
            first -= 1
        if first < top:
            self.scroll_to(y=first, animate=False, immediate=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, immediate=True)

    def action_move(self, step: int) -> None:
        """Up or down."""
        self._move_to(self.cursor + step, step)

    def action_page(self, step: int) -> None:
        """A screenful."""
        room = max(1, self.size.height - self.has_header - 1)
        self._move_to(self.cursor + step * room, -step)

    def action_edge(self, side: int) -> None:
        """To the first or last row."""
        self._move_to(0 if side < 0 else len(self.rows) - 1, -side)

    def action_open(self) -> None:
        """Tell the screen to open the row."""
        if (row := self.row_under_cursor()) is not None:
            self.post_message(self.Opened(self, row))

    def action_copy(self) -> None:
        """Tell the app to copy the row."""
        if (row := self.row_under_cursor()) is not None:
            self.post_message(self.CopyAsked(self, row))

    def action_export(self) -> None:
        """Tell the app to export the table."""
        self.post_message(self.ExportAsked(self))

    def action_sort_next(self) -> None:
        """Sort by the next column; after the last, the table's own order again."""
        visible = [index for index, _ in self._columns]
        if not visible:
            return
        if self.sort is None:
            self.sort_by(Sort(visible[0]))
            return
        at = visible.index(self.sort.column) + 1 if self.sort.column in visible else 0
        self.sort_by(Sort(visible[at]) if at < len(visible) else None)

    def action_sort_turn(self) -> None:
        """Turn the order around."""
        if self.sort is not None:
            self.sort_by(Sort(self.sort.column, not self.sort.descending))

    def on_click(self, event: events.Click) -> None:
        """A click on the header sorts; on a row it selects, on the selected row it opens."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if self.has_header and offset.y == 0:
            self._click_header(offset.x)
            return
        index = offset.y - self.has_header + self.scroll_offset.y
        if 0 <= index < len(self.rows) and not self.rows[index].heading:
            selected = index == self.cursor
            self._move_to(index)
            if self.OPENED_BY_ONE_CLICK or (selected and event.chain == 2):
                self.action_open()

    def _click_header(self, x: int) -> None:
        left = 0
        for index, width in self._columns:
            if left <= x < left + width + GAP:
                if self.sort is not None and self.sort.column == index:
                    self.action_sort_turn()
                else:
                    self.sort_by(Sort(index))
                return
            left += width + GAP

    def on_focus(self) -> None:
        """Show the cursor."""
        self._keep_in_sight()
        self.refresh_line(self.cursor + self.has_header)

    def on_blur(self) -> None:
        """Hide the cursor."""
        if self.glance:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh_line(self.cursor + self.has_header)

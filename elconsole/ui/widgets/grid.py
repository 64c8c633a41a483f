"""The one table widget: draws only the lines that changed, so it is cheap at any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from elconsole.ui.arrange import GAP, Sort, cut, fitted, joined, shown, widths, wrapped_cell
from elconsole.ui.cells import TONES, Cell, Row, Span, Table, cell


class Grid(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a fixed header; sorted, filtered, one of them under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"grid--{tone}" for tone in TONES} | {"grid--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(-1)", "First row", show=False),
        Binding("end,G", "edge(1)", "Last row", show=False),
        Binding("o", "sort_next", "Sort, next column", show=False),
        Binding("O", "sort_turn", "Reverse the order", show=False),
        Binding("c", "copy", "Copy row", show=False),
        Binding("e", "export", "Export", show=False),
    ]

    class Opened(Message):
        """Enter, or a click on the row under the cursor."""

        def __init__(self, grid: Grid, row: Row) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> Grid:
            """The grid it happened in."""
            return self.grid

    class Moved(Opened):
        """The cursor stands on another row."""

    class CopyAsked(Opened):
        """The row shall go to the clipboard."""

    class ExportAsked(Message):
        """The whole table, as shown, shall go to a file."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

    def __init__(
        self,
        table: Table,
        *,
        id: str | None = None,
        header: bool = True,
        follow: bool = False,
        glance: bool = False,
    ) -> None:
        super().__init__(id=id)
        self.table = table
        self.has_header = header
        self.follow = follow
        """Whether the view stays at the end while rows are added."""
        self.glance = glance
        """Whether it goes back to its first rows when the focus leaves it."""
        self.sort: Sort | None = None
        self.needle = ""
        self.rows: tuple[Row, ...] = table.rows
        self.cursor = 0
        self._columns: tuple[tuple[int, int], ...] = ()
        self._width = -1
        self._framed = ("", "")
        self._troubled: tuple[tuple[int, str], ...] = ()
        """Indexes of rows that must not go unseen, each with its word."""
        self._styles_known: dict[str, Style] = {}
        self._apply(table, None)

    # What it shows

    def show(self, table: Table) -> None:
        """Show another state of the table; the cursor stays on its row."""
        before = self.table
        if table == before:
            return
        self._apply(table, self.row_under_cursor())

    def filter(self, needle: str) -> None:
        """Show only rows that contain every word."""
        self.needle = needle.strip()
        self._apply(self.table, self.row_under_cursor())

    def sort_by(self, sort: Sort | None) -> None:
        """Order the rows, or put them back into their own order."""
        self.sort = sort
        self._apply(self.table, self.row_under_cursor(), force=True)

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

    def _apply(self, table: Table, selected: Row | None, *, force: bool = False) -> None:
        old_rows = self.rows
        self.table = table
        self.rows = shown(table.rows, self.sort, self.needle)
        self._troubled = tuple((at, row.trouble) for at, row in enumerate(self.rows) if row.trouble)
        self._restore_cursor(selected)
        self._frame()
        columns = widths(table, self._width) if self._width > 0 else ()
        height = self.line_count
        if height != self.virtual_size.height:
            self.virtual_size = Size(1, height)
            self.refresh(layout=self.styles.is_auto_height)
        elif columns != self._columns or force or not old_rows or not self.rows:
            self.refresh()
        else:
            self._refresh_changed(old_rows)
        self._columns = columns
        if self.has_focus:
            self._keep_in_sight()
        if self.follow:
            self.cursor = max(0, len(self.rows) - 1)
            self.scroll_end(animate=False, immediate=True)

    def _refresh_changed(self, old_rows: tuple[Row, ...]) -> None:
        top = self.scroll_offset.y
        for index, row in enumerate(self.rows):
            if index >= len(old_rows) or row != old_rows[index]:
                line = index - top + self.has_header
                if self.has_header <= line < self.size.height:
                    self.refresh_line(line + top)

    def _frame(self) -> None:
        table = self.table
        title = table.title
        if self.needle:
            total = sum(not row.heading for row in table.rows)
            title += f" · /{self.needle} · {len(self.rows)} of {total}"
        title = " · ".join(part for part in (title, *self._unseen()) if part)
        if (title, table.note) != self._framed:
            self._framed = (title, table.note)
            self.border_title = Content(title) if title else None
            self.border_subtitle = Content(table.note) if table.note else None
        self.set_class(table.alert, "-alert")
        self.set_class(table.busy, "-busy")

    def _unseen(self) -> Iterator[str]:
        """Rows with trouble that are out of sight, counted: `2 failed ▼`."""
        top = self.scroll_offset.y
        end = top + self.size.height - self.has_header
        for arrow, words in (
            ("▲", [word for at, word in self._troubled if at < top]),
            ("▼", [word for at, word in self._troubled if at >= end > top]),
        ):
            for word in dict.fromkeys(words):
                yield f"{words.count(word)} {word} {arrow}"

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Count what is out of sight now."""
        super().watch_scroll_y(old_value, new_value)
        self._frame()

    def _restore_cursor(self, selected: Row | None) -> None:
        if selected is not None:
            for index, row in enumerate(self.rows):
                if row.key == selected.key:
                    self.cursor = index
                    return
        self.cursor = self._selectable(min(self.cursor, max(0, len(self.rows) - 1)), 1)

    @property
    def line_count(self) -> int:
        """The lines that header and rows take."""
        if not self.rows:
            return len(self._empty_lines())
        return len(self.rows) + self.has_header

    # Drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as there are rows."""
        return self.line_count

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self._fit()
        self._frame()

    def _fit(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._columns = widths(self.table, width)

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme."""
        super().notify_style_update()
        self._styles_known = {}

    def _style(self, tone: str) -> Style:
        if tone not in self._styles_known:
            self._styles_known[tone] = self.get_component_rich_style(f"grid--{tone}", partial=True)
        return self._styles_known[tone]

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        self._fit()
        width = self.size.width
        if not self.rows:
            return self._empty_line(y, width)
        if self.has_header and y == 0:
            return self._strip(self._header(), self.rich_style, width)
        index = y - self.has_header + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[index]
        base = self.rich_style
        spans = self._cells(row)
        if index == self.cursor and self.has_focus and not row.heading:
            base = base + self._style("cursor")
            if self.app.current_theme.ansi:
                return Strip([Segment(item.text, base) for item in spans]).crop_extend(
                    0, width, base
                )
        return self._strip(spans, base, width)

    def _header(self) -> list[Span]:
        spans: list[Span] = []
        for index, width in self._columns:
            column = self.table.columns[index]
            title = column.title
            if self.sort is not None and self.sort.column == index:
                title = f"{title}{'▾' if self.sort.descending else '▴'}"
            spans += [*fitted((Span(title, "head"),), width, column), Span(" " * GAP)]
        return spans

    def _cells(self, row: Row) -> list[Span]:
        if row.heading:
            return list(cut(row.cells[0], self._width))
        spans: list[Span] = []
        for index, width in self._columns:
            column = self.table.columns[index]
            item: Cell = row.cells[index] if index < len(row.cells) else ()
            if column.drawn is not None and index < len(row.values):
                item = column.drawn(row.values[index], width)
            spans += [*fitted(item, width, column), Span(" " * GAP)]
        return spans

    def _strip(self, spans: list[Span], base: Style, width: int) -> Strip:
        segments = [Segment(item.text, base + self._style(item.tone)) for item in joined(spans)]
        return Strip(segments).crop_extend(0, width, base)

    def _empty_line(self, y: int, width: int) -> Strip:
        lines = self._empty_lines()
        spans = lines[y] if 0 <= y < len(lines) else ()
        return self._strip([*spans], self.rich_style, width)

    def _empty_lines(self) -> list[Cell]:
        """What stands in place of rows, wrapped."""
        text = f"nothing matches “{self.needle}”" if self.needle else self.table.empty
        room = max(20, self._width)
        return [part for line in text.split("\n") for part in wrapped_cell(cell(line, "dim"), room)]

    # Keys and mouse

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
            if event.chain == 2:
                self.action_open()
            self._move_to(index)

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

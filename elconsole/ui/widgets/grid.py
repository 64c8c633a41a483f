"""The one table widget: draws only the lines that changed, so it is cheap at any size."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from elconsole.ui.widgets.arrange import GAP, Sort, cut, fitted, joined, shown, widths, wrapped_cell
from elconsole.ui.widgets.looks import look
from elconsole.ui.widgets.row_cursor import RowCursor
from elconsole.ui.words.cells import Cell, Row, Span, Table, cell


class Grid(RowCursor):
    """Rows under a fixed header; sorted, filtered, one of them under the cursor."""

    def __init__(
        self,
        table: Table,
        *,
        id: str | None = None,
        header: bool = True,
        follow: bool = False,
        glance: bool = False,
    ) -> None:
        super().__init__(id=id, header=header, glance=glance)
        self.table = table
        self.follow = follow
        """Whether the view stays at the end while rows are added."""
        self.needle = ""
        self.rows = table.rows
        self._width = -1
        self._framed = ("", "")
        self._troubled: tuple[tuple[int, str], ...] = ()
        """Indexes of rows that must not go unseen, each with its word."""
        self._apply(table, None)

    # What it shows

    def show(self, table: Table) -> None:
        """Show another state of the table; the cursor stays on its row."""
        before = self.table
        if table == before:
            return
        same_widths = (table.columns, table.rows) == (before.columns, before.rows)
        self._apply(table, self.row_under_cursor(), same_widths=same_widths)

    def filter(self, needle: str) -> None:
        """Show only rows that contain every word."""
        self.needle = needle.strip()
        self._apply(self.table, self.row_under_cursor())

    def sort_by(self, sort: Sort | None) -> None:
        """Order the rows, or put them back into their own order."""
        self.sort = sort
        self._apply(self.table, self.row_under_cursor(), force=True)

    def _apply(
        self, table: Table, selected: Row | None, *, force: bool = False, same_widths: bool = False
    ) -> None:
        """Take the table; `same_widths` where columns and rows look as before."""
        old_rows = self.rows
        self.table = table
        self.rows = shown(table.rows, self.sort, self.needle)
        self._troubled = tuple((at, row.trouble) for at, row in enumerate(self.rows) if row.trouble)
        self._restore_cursor(selected)
        self._frame()
        columns = self._columns
        if not same_widths:
            columns = self._fitting(table) if self._width > 0 else ()
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
        end = top + self.size.height - self.has_header
        for index in range(top, min(end, len(self.rows))):
            if index >= len(old_rows) or self.rows[index] != old_rows[index]:
                self.refresh_line(index + self.has_header)

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
            self._columns = self._fitting(self.table)

    def _fitting(self, table: Table) -> tuple[tuple[int, int], ...]:
        headings = self.sort is None and not self.needle
        return widths(table, self._width, headings=headings)

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
            base = base + look(self, "cursor")
            if self.app.current_theme.ansi:
                return Strip([Segment(item.text, base) for item in spans]).crop_extend(
                    0, width, base
                )
        return self._strip(spans, base, width)

    def _header(self) -> list[Span]:
        spans: list[Span] = []
        for index, width in self._columns:
            column = self.table.columns[index]
            title, gap = column.title, " " * GAP
            if self.sort is not None and self.sort.column == index:
                arrow = "▾" if self.sort.descending else "▴"
                if len(title) < width:
                    title += arrow
                else:
                    gap = arrow.ljust(GAP)
            spans += [*fitted((Span(title, "head"),), width, column), Span(gap, "head")]
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
        segments = [Segment(item.text, base + look(self, item.tone)) for item in joined(spans)]
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

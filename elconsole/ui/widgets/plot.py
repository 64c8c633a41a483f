"""The control chart: points, limits, and a cursor that shows a period's numbers."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from elconsole.core.results import QualityRow
from elconsole.ui.widgets.looks import look
from elconsole.ui.widgets.plotting import AXIS_WIDTH, chart, scale_for
from elconsole.ui.words.cells import Span

READING = "Reading the periods…"
"""What stands in place of a chart until its periods are known."""


def _marked(strip: Strip, mark: Style) -> Strip:
    """The strip with `mark` over its own style, not under it."""
    return Strip([Segment(text, (style or Style()) + mark) for text, style, _ in strip])


class Plot(Widget, can_focus=True):
    """A control chart of one dimension value."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Earlier", show=False),
        Binding("right,l", "move(1)", "Later", show=False),
        Binding("home", "move(-1000)", "First period", show=False),
        Binding("end", "move(1000)", "Last period", show=False),
        Binding("n", "next_signal", "Next signal"),
    ]

    class Moved(Message):
        """The cursor stands on another period."""

        def __init__(self, row: QualityRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: tuple[QualityRow, ...] = ()
        self.words = READING
        self.cursor = 0
        self._drawn: list[list[Span]] = []

    def show(self, rows: tuple[QualityRow, ...], words: str = "") -> None:
        """Show other periods; the cursor goes to the newest signal, else to the end."""
        self.rows, self.words = rows, words or "No period has inspected units."
        signals = [number for number, row in enumerate(rows) if row.judged == "signal"]
        self.cursor = signals[-1] if signals else max(0, len(rows) - 1)
        self._redraw()
        if rows:
            self.post_message(self.Moved(rows[self.cursor]))

    def _redraw(self) -> None:
        size = self.size
        self._drawn = chart(self.rows, size.height, size.width) if self.rows and size else []
        self.refresh()

    def on_resize(self) -> None:
        """Other width, other columns."""
        self._redraw()

    def _cursor_column(self) -> int:
        scale = scale_for(self.rows, self.size.height - 1, self.size.width - AXIS_WIDTH)
        return AXIS_WIDTH + scale.column(self.cursor)

    def render_line(self, y: int) -> Strip:
        """One line of the chart."""
        width, base = self.size.width, self.rich_style
        if not self.rows:
            style = base + look(self, "dim")
            return Strip([Segment(self.words if y == 0 else "", style)]).crop_extend(0, width, base)
        spans = self._drawn[y] if y < len(self._drawn) else []
        segments = [Segment(item.text, base + look(self, item.tone)) for item in spans]
        strip = Strip(segments).crop_extend(0, width, base)
        at = self._cursor_column()
        mark = look(self, "cursor")
        return Strip.join(
            [strip.crop(0, at), _marked(strip.crop(at, at + 1), mark), strip.crop(at + 1)]
        )

    def action_move(self, step: int) -> None:
        """Earlier or later."""
        if self.rows:
            self.cursor = min(max(0, self.cursor + step), len(self.rows) - 1)
            self.refresh()
            self.post_message(self.Moved(self.rows[self.cursor]))

    def action_next_signal(self) -> None:
        """To the next point that signals, round and round."""
        signals = [number for number, row in enumerate(self.rows) if row.judged == "signal"]
        later = [number for number in signals if number > self.cursor] or signals
        if later:
            self.action_move(later[0] - self.cursor)

    def on_click(self, event: events.Click) -> None:
        """To the period under the mouse."""
        offset = event.get_content_offset(self)
        if offset is not None and self.rows and offset.x >= AXIS_WIDTH:
            room = max(1, self.size.width - AXIS_WIDTH)
            self.action_move(int((offset.x - AXIS_WIDTH) * len(self.rows) / room) - self.cursor)

"""One line of text, left and right, parts of which can be clicked."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from elconsole.core.record import record
from elconsole.ui.widgets.looks import look


@record(frozen=True, slots=True)
class Part:
    """A piece of the line."""

    text: str
    look: str = "plain"
    """A name from `looks.LOOKS`."""
    action: str = ""
    """What a click on it does."""


class LineBar(Widget):
    """A bar of one line; the left parts are cut where the room is too small."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: tuple[Part, ...] = ()
        self.right: tuple[Part, ...] = ()

    def show(self, left: tuple[Part, ...], right: tuple[Part, ...] = ()) -> None:
        """Show other parts; paints only where something changed."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def _placed(self, width: int) -> list[Part]:
        """All parts with the padding between left and right."""
        used_right = sum(cell_len(part.text) for part in self.right)
        left: list[Part] = []
        used = 0
        for part in self.left:
            length = cell_len(part.text)
            if used + length + used_right > width:
                break
            left.append(part)
            used += length
        return [*left, Part(" " * max(0, width - used - used_right)), *self.right]

    def render_line(self, y: int) -> Strip:
        """The line."""
        width, base = self.size.width, self.rich_style
        if y:
            return Strip.blank(width, base)
        parts = self._placed(width)
        segments = [Segment(part.text, base + look(self, part.look)) for part in parts]
        return Strip(segments).crop_extend(0, width, base)

    async def on_click(self, event: events.Click) -> None:
        """Do what the part under the mouse stands for."""
        offset, left = event.get_content_offset(self), 0
        if offset is None:
            return
        for part in self._placed(self.size.width):
            right = left + cell_len(part.text)
            if left <= offset.x < right and part.action:
                await self.run_action(part.action)
                return
            left = right

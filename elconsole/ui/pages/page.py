"""What the pages share: the two bars, painting from the state, the filter line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from elconsole.ui.console.console import Console, console_of, has_widgets
from elconsole.ui.pages.bars import KeyBar, TopBar
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.widgets import Input


class PageScreen(Screen[None]):
    """A page between the bars; `paint` redraws it from the app's state."""

    AUTO_FOCUS = ""
    COVERS_ALL: ClassVar[bool] = True
    """Nothing below it is in sight, so nothing below it is painted."""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-slim"),
        (60, "-narrow"),
        (100, "-normal"),
        (160, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-tiny"),
        (16, "-low"),
        (30, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Rows with certain words"),
        Binding("escape", "back", "Back", show=False),
        Binding("tab", "app.focus_next", "Next panel", show=False),
        Binding("shift+tab", "app.focus_previous", "Previous panel", show=False),
    ]
    main_grid: ClassVar[str] = ""
    """The grid that a filter means where none has the focus."""

    @property
    def console(self) -> Console:
        """The app, by its own type."""
        return console_of(self)

    def compose(self) -> ComposeResult:
        """Bars and page."""
        yield TopBar()
        yield from self.compose_page()
        yield KeyBar()

    def compose_page(self) -> ComposeResult:
        """The page between the bars."""
        yield from ()

    def on_mount(self) -> None:
        """Show what is known already."""
        self.paint()
        self.watch(self, "focused", self._focus_changed, init=False)

    def on_screen_resume(self) -> None:
        """Show what happened while another page was in front."""
        self.paint()

    def on_resize(self) -> None:
        """Other things fit now."""
        self.call_after_refresh(self.paint)

    def paint(self) -> None:
        """Redraw bars and page from the state; costs nothing where nothing changed."""
        if not has_widgets(self):
            return
        console = self.console
        self.query_one(TopBar).paint(console.shown_state, console.shown_now())
        self.paint_page()
        # After the page: what a key does depends on the row under the cursor.
        self._paint_keys()

    def paint_page(self) -> None:
        """Redraw the page."""

    def paint_clock(self) -> None:
        """Redraw the top bar alone."""
        if has_widgets(self):
            self.query_one(TopBar).paint(self.console.shown_state, self.console.shown_now())

    def on_descendant_focus(self) -> None:
        """Other keys are possible now."""
        self._focus_changed(None)

    def on_grid_moved(self) -> None:
        """The keys mean another row now."""
        self._keys_changed()

    def _focus_changed(self, _: Widget | None) -> None:
        self._keys_changed()

    def _keys_changed(self) -> None:
        if self.is_current and has_widgets(self):
            self._paint_keys()

    def _paint_keys(self) -> None:
        self.query_one(KeyBar).paint(self.sync_selection())

    def grid(self) -> Grid | None:
        """The grid that keys mean."""
        if isinstance(self.focused, Grid) and not isinstance(self.focused, Lines):
            return self.focused
        found = self.query(f"#{self.main_grid}") if self.main_grid else ()
        return next((item for item in found if isinstance(item, Grid)), None)

    def sync_selection(self) -> tuple[str, ...]:
        """The sources and tables that the cursor stands on; empty means everything."""
        grid = self.grid()
        if grid is None or self.focused is not grid:
            return ()
        row = grid.row_under_cursor()
        return row.selects if row is not None else ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is nothing to filter where there is no table."""
        return action != "filter" or self.grid() is not None

    # Filter

    async def action_filter(self) -> None:
        """Type words that the rows of the focused table must contain."""
        if opened := self.query("#filter"):
            self.set_focus(opened.first())
            return
        grid = self.grid()
        if grid is None:
            return
        from textual.widgets import Input

        line = Input(grid.needle, placeholder="filter: words that rows must contain", id="filter")
        await self.mount(line, before=self.query_one(KeyBar))
        self._filtered = grid
        self.set_focus(line)  # at once: the next key is a letter of the filter

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._filtered.filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go into the table."""
        event.input.remove()
        self.set_focus(self._filtered)

    def action_back(self) -> None:
        """Out by one step: the filter line, the filter, the focus."""
        if line := self.query("#filter"):
            line.remove()
            self._filtered.filter("")
            self.set_focus(self._filtered)
            return
        grid = self.grid()
        if grid is not None and grid.needle:
            grid.filter("")
            self._keys_changed()
        elif self.focused is not None:
            # A page of one table keeps its cursor there: its keys mean that table.
            own = self.query(self.AUTO_FOCUS).first() if self.AUTO_FOCUS else None
            self.set_focus(own)

"""Page 5: everything that happened."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from elconsole.ui.pages.page import PageScreen
from elconsole.ui.state.log import LEVELS, Level
from elconsole.ui.tables import activity
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Table


class LogScreen(PageScreen):
    """Events and log lines; follows the end until told otherwise."""

    AUTO_FOCUS = "#log"
    main_grid = "log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "level", "Level", tooltip="From which level on lines are shown"),
        Binding("u", "source", "Source", tooltip="Lines of one connection, then the next"),
        Binding("space", "follow", "Follow", tooltip="Follow the end, or stand still"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.level: Level = "info"
        self.source: str | None = None

    def compose_page(self) -> ComposeResult:
        """One table."""
        yield Grid(Table(()), id="log", follow=True)

    def paint_page(self) -> None:
        """Redraw it, unless it stands still."""
        console, grid = self.console, self.query_one("#log", Grid)
        grid.show(
            activity.page(
                console.shown_state if grid.follow else self._frozen,
                console.shown_now(),
                level=self.level,
                source=self.source,
                following=grid.follow and not self.console.paused,
            )
        )

    def action_follow(self) -> None:
        """Stand still, or follow the end; a frozen screen goes on."""
        if self.console.paused:
            self.console.action_toggle_pause()
            self._follow(True)
        else:
            self._follow(not self.query_one("#log", Grid).follow)

    def _follow(self, follow: bool) -> None:
        self.query_one("#log", Grid).follow = follow
        self._frozen = self.console.shown_state
        self.paint_page()

    def action_level(self) -> None:
        """Show one level less, round and round."""
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        self.paint_page()

    def action_source(self) -> None:
        """Show one source after the other, then all."""
        names: list[str | None] = [
            None,
            *(item.info.name for item in self.console.state.connections),
        ]
        at = names.index(self.source) if self.source in names else 0
        self.source = names[(at + 1) % len(names)]
        self.paint_page()

    def on_grid_moved(self) -> None:
        """Moving up stands still; the end follows again."""
        grid = self.query_one("#log", Grid)
        at_end = grid.cursor >= len(grid.rows) - 1
        if grid.follow != at_end:
            self._follow(at_end)

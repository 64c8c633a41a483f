"""The console below its pages and keys: state, threads, painting.

Pages and dialogs speak to this class, or send a message that bubbles to the app; what the
console does with news and keys stands in objects of `ui/app`, which get the console.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.style import Style
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.dom import DOMNode
from textual.events import Event, Key
from textual.screen import Screen
from textual.timer import Timer

from elconsole.ui.console import themes
from elconsole.ui.console.keys import TypedKeys
from elconsole.ui.console.options import ConsoleOptions
from elconsole.ui.console.questions import Questions
from elconsole.ui.console.stylesheet import ParsedOnce
from elconsole.ui.console.threads import Background
from elconsole.ui.state import model

REPAINT_EVERY_S = 0.25
SIZE_SETTLED_S = 0.15


class Console(App[str]):
    """Holds the state, takes news into it and paints at most four times a second."""

    def __init__(self, options: ConsoleOptions) -> None:
        themes.heed_no_color()
        super().__init__()
        self.stylesheet = ParsedOnce(self.get_css_variables())
        if self.no_color:
            self._filters = [*themes.without_colours(self._filters)]
        self.options = options
        self.state = model.started(options.connections)
        """What is known."""
        self.shown_state = self.state
        """What is painted: the state, or what it was when the screen was frozen."""
        self.frozen_at: datetime | None = None
        """When the screen was frozen; None while it follows the news."""
        self.next_sync_at: datetime | None = None
        """When the next automatic sync starts; None where that is off."""
        self.background = Background(self.post_message)
        self.questions = Questions(self.background, options)
        self.crash: Exception | None = None
        self.refusal: Exception | None = None
        """Why there are no settings; raised once the terminal is restored."""
        self._repaint_pending = False
        self._settling: Timer | None = None
        self.looks: dict[tuple[str, str], Style] = {}
        """How tones look, by theme and name; filled as they are painted."""
        self.typed = TypedKeys(self, super().on_event)
        for theme in themes.OWN:
            self.register_theme(theme)
        self.theme = themes.choose(self, options.preferences_path)

    def now(self) -> datetime:
        """The time, from the injected clock."""
        return self.options.clock()

    def pop_screen(self) -> AwaitComplete:
        """Close what is in front; the page stays, however often it is asked for."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def shown_now(self) -> datetime:
        """The time of what is painted: it stands still while the screen is frozen."""
        return self.now() if self.frozen_at is None else self.frozen_at

    @property
    def paused(self) -> bool:
        """Whether the screen is frozen; a sync under way goes on, auto-sync rests."""
        return self.frozen_at is not None

    def action_toggle_pause(self) -> None:
        """Freeze the screen, or let it go on."""
        self.frozen_at = None if self.paused else self.now()
        self.repaint()

    def on_resize(self) -> None:
        """Paint every cell anew once the size has settled.

        A terminal that was smaller for a moment has lost lines, and where it is as large
        as before again, nothing else tells Textual so.
        """
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SIZE_SETTLED_S, self._paint_every_cell)

    def _paint_every_cell(self) -> None:
        self._settling = None
        for screen in self.screen_stack[-1:]:  # none while the app ends
            screen.refresh()

    async def on_event(self, event: Event) -> None:
        """Take keys one at a time, everything else at once."""
        if isinstance(event, Key) and not event.is_forwarded:
            await self.typed.take(event)
        else:
            await super().on_event(event)

    def fold(self, folded: model.ConsoleState) -> None:
        """Take a new state and have it painted soon."""
        if folded is self.state:
            return
        self.state = folded
        if not self._repaint_pending:
            self._repaint_pending = True
            self.set_timer(REPAINT_EVERY_S, self.repaint)

    def repaint(self) -> None:
        """Paint the newest state on the page in front, and on what is opened over it."""
        self._repaint_pending = False
        if not self.paused:
            self.shown_state = self.state
        for screen in reversed(self.screen_stack):
            paint = getattr(screen, "paint", None)
            if paint is not None:
                paint()
            if getattr(screen, "COVERS_ALL", False):
                break

    def tell(self, title: str, words: str, severity: Any = "information") -> None:
        """A toast; the text is data, never markup."""
        from elconsole.ui.words.text import safe

        self.notify(safe(words, 160), title=safe(title, 80), severity=severity, markup=False)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables for themes that do not know them."""
        return themes.variable_defaults(self.current_theme)

    def _handle_exception(self, error: Exception) -> None:
        """Keep the error for the crash log."""
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without Textual's traceback, which prints the values of variables."""
        self._close_messages_no_wait()


def has_widgets(screen: Screen[Any]) -> bool:
    """Whether a page's or dialog's widgets are there: composed, and none removed yet."""
    return screen.is_mounted and bool(screen.display)


def console_of(node: DOMNode) -> Console:
    """The console that a page, a dialog or a bar belongs to."""
    app = node.app
    assert isinstance(app, Console)
    return app

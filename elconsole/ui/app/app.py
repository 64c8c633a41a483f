"""The console with its pages and keys.

Threads only post messages (`console/threads.py`, `console/questions.py`); `news.py` folds
them into `ConsoleState` and has it painted, at most four times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from elconsole.ui.app.news import Listening
from elconsole.ui.app.quitting import Quitting
from elconsole.ui.app.syncing import AutoSync, Syncing
from elconsole.ui.console import messages, themes
from elconsole.ui.console.console import Console
from elconsole.ui.console.log_handler import LOGGER, LogbookHandler
from elconsole.ui.console.options import ConsoleOptions
from elconsole.ui.console.signals import SignalTrap
from elconsole.ui.pages.dashboard import DashboardScreen
from elconsole.ui.pages.page import PageScreen
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import ConnectionLink

if TYPE_CHECKING:
    from elconsole.ui.words.cells import Link

WRITING = frozenset({"sync", "sync_selection", "full_refresh", "cancel_sync", "freeze_baseline"})


def _page(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A page whose module is imported when it is first opened."""

    def build() -> Screen[Any]:
        from importlib import import_module

        screen: Screen[Any] = getattr(import_module(f"elconsole.ui.pages.{module}"), name)()
        return screen

    return build


def _commands() -> type[Any]:
    from elconsole.ui.app.palette import ConsoleCommands

    return ConsoleCommands


class ConsoleApp(Console):
    """Pages and keys; what they mean is done by the objects that it is composed of."""

    TITLE = "elconsole"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = {_commands}
    DEFAULT_MODE = "dashboard"
    MODES: ClassVar = {
        "dashboard": DashboardScreen,
        "quality": _page("quality", "QualityScreen"),
        "runs": _page("runs", "RunsScreen"),
        "schema": _page("schema", "SchemaScreen"),
        "log": _page("log", "LogScreen"),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync"),
        Binding("f", "full_refresh", "Full refresh"),
        Binding("x", "cancel_sync", "Cancel"),
        Binding("space", "toggle_pause", "Pause"),
        Binding("1", "page('dashboard')", "Dashboard", show=False),
        Binding("2", "page('quality')", "Quality", show=False),
        Binding("3", "page('runs')", "Runs", show=False),
        Binding("4", "page('schema')", "Schema", show=False),
        Binding("5", "page('log')", "Log", show=False),
        Binding("r", "refresh_all", "Refresh everything", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("ctrl+p", "command_palette", "Palette", key_display="^p"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, options: ConsoleOptions) -> None:
        super().__init__(options)
        self.syncing = Syncing(self)
        self.auto_sync = AutoSync(self, self.syncing)
        self.quitting = Quitting(self, self.syncing)
        self.listening = Listening(self, self.syncing, self.auto_sync, self.quitting)
        self._signals = SignalTrap(self)
        self._logbook = LogbookHandler(lambda entry: self.background.post(messages.Logged(entry)))

    # Life

    def on_mount(self) -> None:
        """Start everything that runs beside the screen."""
        self._signals.set()
        logging.getLogger(LOGGER).addHandler(self._logbook)
        self.theme_changed_signal.subscribe(self, self._theme_chosen)
        self.call_after_refresh(self._first_frame)
        if self.options.tick_s:
            self.set_interval(self.options.tick_s, self._tick)

    def _first_frame(self) -> None:
        if self.options.on_ready is not None:
            self.options.on_ready()
        if self.options.demo_live:
            self.action_demo_live()
        if self.options.read is None:
            self.questions.build_engine()
        else:
            self.questions.read_options()

    def _tick(self) -> None:
        """The clock each second; ages and stale rows every other."""
        moving = self.state.shown_run() is not None and any(run.running for run in self.state.runs)
        if moving or self.now().second % 2 == 0:
            self.repaint()
        elif isinstance(self.screen, PageScreen):
            self.screen.paint_clock()
        self.auto_sync.start_due()

    @on(messages.News)
    def _hear(self, news: messages.News) -> None:
        self.listening.hear(news)

    def exit(self, *args: Any, **kwargs: Any) -> None:
        """Stop the sync and every question, then end; nothing is waited for."""
        self.syncing.interrupt()
        self.background.end()
        logging.getLogger(LOGGER).removeHandler(self._logbook)
        super().exit(*args, **kwargs)

    def _theme_chosen(self, _: object) -> None:
        themes.remember(self.options.preferences_path, self.theme)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """A read-only console has no key that writes; no key acts without effect."""
        if self.options.read_only and action in WRITING:
            return False
        if action == "cancel_sync":
            return not self.syncing.idle
        return True

    async def action_page(self, mode: str) -> None:
        """Go to a page."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        await self.switch_mode(mode)

    async def action_press_action(self, action: str) -> None:
        """Do what a click on a key of the bar stands for, where the focus is."""
        for node in (self.focused, self.screen, self):
            name = action.split("(")[0]
            if node is not None and hasattr(node, f"action_{name}"):
                await node.run_action(action)
                return

    def action_sync(self) -> None:
        """Sync everything, or what the cursor stands on."""
        self.action_sync_selection(*self.syncing.selection())

    def action_sync_selection(self, *selection: str) -> None:
        """Sync these sources and tables; everything where none is named."""
        from elconsole.core.results import SyncRequest

        self.syncing.start(SyncRequest(selection=selection))

    def action_full_refresh(self) -> None:
        """Ask, then read everything anew."""
        self.syncing.ask_full_refresh()

    def action_cancel_sync(self) -> None:
        """Cancel the sync that this console runs."""
        self.syncing.cancel()

    def action_toggle_auto_sync(self) -> None:
        """Stop the timer, or wind it up."""
        self.auto_sync.toggle()

    async def action_quit(self) -> None:
        """Quit; asks while a sync of this console runs."""
        self.quitting.quit()

    def action_refresh_all(self) -> None:
        """Ask every connection and question now."""
        self.questions.hurry()
        for question in ("runs", "tables", "quality", "plan"):
            self.questions.read(question)
        self.repaint()

    def action_help(self) -> None:
        """All keys of this place."""
        from elconsole.ui.dialogs.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_command_palette(self) -> None:
        """Every action by its name."""
        from elconsole.ui.app.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_advice(self) -> None:
        """What the advisors noticed."""
        from elconsole.ui.pages.advice import AdviceScreen

        self.push_screen(AdviceScreen())

    def action_freeze_baseline(self) -> None:
        """Keep the present periods as the reference of the control charts."""
        engine = self.questions.engine
        if engine is not None and not self.options.read_only:
            self.questions.do("Baseline", lambda: f"version {engine.freeze_baseline()} is frozen")

    def action_demo_live(self) -> None:
        """Let units appear in the demo plant."""
        start = self.options.start_demo_live
        if start is None:
            return

        def work() -> str:
            start()
            return "no more units appear"

        self.questions.do("Demo plant", work)
        self.tell("Demo plant", "units appear in the sources now; sync to see them")

    def action_show_connection(self, name: str) -> None:
        """Open a connection."""
        self._open(ConnectionLink(name))

    # What bubbles up from the tables

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Open whatever the row stands for."""
        if event.row.opens is not None:
            self._open(event.row.opens)
        else:
            self.notify("Its row says all there is to know about it.")

    def _open(self, link: Link) -> None:
        from elconsole.ui.app.links import screen_for

        self.push_screen(screen_for(link))

    def on_grid_copy_asked(self, event: Grid.CopyAsked) -> None:
        """Copy the row."""
        from elconsole.ui.console.clipboard import copy

        copy(self, [[text for text in event.row.texts() if text]])

    def on_grid_export_asked(self, event: Grid.ExportAsked) -> None:
        """Ask for the format, then write a file."""
        from elconsole.ui.dialogs.export import ExportDialog

        assert isinstance(event.grid, Grid)
        self.push_screen(ExportDialog(event.grid))

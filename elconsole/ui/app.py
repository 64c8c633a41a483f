"""The console: pages, keys, and the one place where news changes the state.

Threads only post messages (`background`, `questions`); the handlers here fold them
into `store.ConsoleState` and ask for a repaint, at most four times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from elconsole.ui import messages, store, themes
from elconsole.ui.entries import said_of
from elconsole.ui.logbook import LOGGER, LogbookHandler
from elconsole.ui.options import ConsoleOptions
from elconsole.ui.screens.dashboard import DashboardScreen
from elconsole.ui.screens.page import PageScreen
from elconsole.ui.signals import SignalTrap
from elconsole.ui.state import started
from elconsole.ui.syncing import SyncingApp

if TYPE_CHECKING:
    from elconsole.events import TableFailed
    from elconsole.ui.cells import Row

QUALITY_EVERY_S = 60.0
DEMO_CHOSEN = "demo"
"""What the app returns when the welcome screen's demo plant was chosen."""
WRITING = frozenset({"sync", "full_refresh", "cancel_sync", "freeze_baseline"})


def _page(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A page whose module is imported when it is first opened."""

    def build() -> Screen[Any]:
        from importlib import import_module

        screen: Screen[Any] = getattr(import_module(f"elconsole.ui.screens.{module}"), name)()
        return screen

    return build


def _commands() -> type[Any]:
    from elconsole.ui.commands import ConsoleCommands

    return ConsoleCommands


class ConsoleApp(SyncingApp):
    """Pages, keys, and a handler for each kind of news."""

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
        self._signals = SignalTrap(self)
        self._greeted = False
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
        if self.options.read is None:
            self.questions.build_engine()
        else:
            self.questions.read_options()

    def on_options_read(self, message: messages.OptionsRead) -> None:
        """Show the names; build the engine."""
        options = message.options
        self.options = self.questions.options = options
        self.state = replace(self.state, connections=started(options.connections).connections)
        self.repaint()
        for warning in options.warnings:
            self.tell("Settings", warning, "warning")
            logging.getLogger(f"{LOGGER}.settings").warning("%s", warning)
        self.questions.build_engine()

    def on_options_refused(self, message: messages.OptionsRefused) -> None:
        """End; the command line says why."""
        self.refusal = message.error
        self.exit()

    def on_engine_ready(self, message: messages.EngineReady) -> None:
        """Begin to ask."""
        self.questions.engine = message.engine
        self.questions.start_probes(self.options.connections)
        self.questions.start_watch()
        for question in ("runs", "tables", "quality"):
            self.questions.read(question)
        if self.options.tick_s:
            self.set_interval(QUALITY_EVERY_S, self._read_quality)
        if self.options.auto_sync_s and not self.options.read_only:
            self._plan_auto_sync()
        self.wished = self.wished or self.options.sync_request
        self.start_wished()
        if isinstance(self.screen, PageScreen):
            self.screen.on_screen_resume()

    def on_engine_refused(self, message: messages.EngineRefused) -> None:
        """Show why, and end with the error's exit code once it was read."""
        from elconsole.ui.screens.dialogs import ErrorDialog

        def end(_: object) -> None:
            self.exit(return_code=message.exit_code)

        self.push_screen(ErrorDialog("The engine can't start", message.error), end)

    # News

    def _tick(self) -> None:
        """The clock each second; ages and stale rows every other."""
        moving = self.state.shown_run() is not None and any(run.running for run in self.state.runs)
        if moving or self.now().second % 2 == 0:
            self.repaint()
        elif isinstance(self.screen, PageScreen):
            self.screen.paint_clock()
        self._auto_sync_due()

    def on_probe_started(self, message: messages.ProbeStarted) -> None:
        """A connection is being asked: nothing to see unless it takes long."""
        self.state = store.probe_started(self.state, message.name, message.at)

    def on_probe_answered(self, message: messages.ProbeAnswered) -> None:
        """Fold a probe."""
        health = message.health
        before = next(
            (c.health for c in self.state.connections if c.info.name == health.name), None
        )
        self.fold(store.probe_answered(self.state, health))
        if health.status == "down" and (before is None or before.status != "down"):
            words = said_of(health.name, health.error.message) if health.error else ""
            self._greet_or_tell(health.name, words)

    def _greet_or_tell(self, name: str, words: str) -> None:
        welcome = self.options.welcome
        states = self.state.connections
        if welcome is not None and not self._greeted:
            if all(item.health is not None and item.health.status == "down" for item in states):
                from elconsole.ui.screens.welcome import WelcomeScreen

                self._greeted = True
                self.push_screen(WelcomeScreen(welcome))
            return
        self.tell(f"{name} is down", words, severity="error")

    def on_run_seen(self, message: messages.RunSeen) -> None:
        """Fold a run, whoever runs it."""
        from elconsole.ui.progress import run_seen

        before = self.state.shown_run()
        self.fold(run_seen(self.state, message.detail, message.at))
        run = message.detail.run
        was_running = before is not None and before.run.run_id == run.run_id and before.running
        if run.status != "running" and (was_running or before is None):
            self._read_after_run()
        if was_running and run.status == "failed" and before is not None and not before.here:
            self.tell(f"Run {run.run_number} failed", "enter on its row shows why", "error")

    def on_watch_broken(self, message: messages.WatchBroken) -> None:
        """The warehouse's row says it already; keep the words for the panel."""
        self.fold(store.failed(self.state, "watch", message.error))

    def on_event_seen(self, message: messages.EventSeen) -> None:
        """Fold an event of our own sync; failures and signals also pop up."""
        from elconsole.events import QualitySignal, TableFailed
        from elconsole.ui.progress import event_seen

        event = message.event
        self.fold(event_seen(self.state, event))
        if isinstance(event, TableFailed) and not event.will_retry:
            self._tell_end_of(event)
        elif isinstance(event, QualitySignal):
            self.tell(f"{event.value} out of control", event.finding, "warning")

    def _tell_end_of(self, event: TableFailed) -> None:
        severities = {"failed": "error", "locked": "warning", "skipped": "warning"}
        if event.status in severities:
            name = f"{event.source}.{event.table}"
            words = said_of(name, event.error.message)
            self.tell(f"{name} {event.status}", words, severities[event.status])

    def on_answered(self, message: messages.Answered) -> None:
        """Fold an answer."""
        if message.question == "runs":
            self.fold(store.history_read(self.state, message.parts["history"]))
        else:
            self.fold(store.answered(self.state, message.question, **message.parts))

    def on_unanswered(self, message: messages.Unanswered) -> None:
        """Fold the reason."""
        self.fold(store.failed(self.state, message.question, message.error))

    def on_detail_read(self, message: messages.DetailRead) -> None:
        """Hand an answer to the screen that asked."""
        from elconsole.ui.screens.detail import DetailScreen

        for screen in self.screen_stack:
            if isinstance(screen, DetailScreen):
                screen.deliver(message.key, message.value, message.error)

    def on_told(self, message: messages.Told) -> None:
        """Show a toast."""
        self.tell(message.title, message.words, message.severity)

    def on_logged(self, message: messages.Logged) -> None:
        """Fold a line of the program's log."""
        self.fold(store.logged(self.state, message.entry))

    def _read_quality(self) -> None:
        if not self.paused:
            self.questions.read("quality")

    # Other keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """A read-only console has no key that writes; no key acts without effect."""
        if self.options.read_only and action in WRITING:
            return False
        if action == "cancel_sync":
            return self.sync_stop is not None or self.wished is not None
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

    def action_toggle_pause(self) -> None:
        """Freeze the screen, or let it go on; the work goes on either way."""
        self.paused = not self.paused
        self.repaint()

    def action_refresh_all(self) -> None:
        """Ask every connection and question now."""
        self.questions.hurry()
        for question in ("runs", "tables", "quality", "schema", "plan"):
            self.questions.read(question)

    def action_help(self) -> None:
        """All keys of this place."""
        from elconsole.ui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_advice(self) -> None:
        """What the advisors noticed."""
        from elconsole.ui.screens.advice import AdviceScreen

        self.push_screen(AdviceScreen())

    def action_freeze_baseline(self) -> None:
        """Keep the present periods as the reference of the control charts."""
        engine = self.questions.engine
        if engine is not None and not self.options.read_only:
            self.questions.do("Baseline", lambda: f"version {engine.freeze_baseline()} is frozen")

    def action_demo_live(self) -> None:
        """Let units appear in the demo plant."""
        start = self.options.start_demo_live
        if start is not None:
            self.background.last(start)
            self.tell("Demo plant", "units appear in the sources now; sync to see them")

    def show_connection(self, name: str) -> None:
        """Open a connection."""
        from elconsole.ui.screens.connection import ConnectionDialog

        self.push_screen(ConnectionDialog(name))

    def open_row(self, row: Row) -> None:
        """Open whatever a row stands for."""
        from elconsole.ui.opening import screen_for

        screen = screen_for(row, self.state)
        if screen is not None:
            self.push_screen(screen)

    def on_grid_copy_asked(self, event: Any) -> None:
        """Copy the row."""
        from elconsole.ui.clipboard import copy

        copy(self, "\t".join(text for text in event.row.texts() if text))

    def on_grid_export_asked(self, event: Any) -> None:
        """Ask for the format, then write a file."""
        from elconsole.ui.screens.export import ExportDialog

        self.push_screen(ExportDialog(event.grid))

    def _theme_chosen(self, _: object) -> None:
        themes.remember(self.options.preferences_path, self.theme)

    def exit(self, *args: Any, **kwargs: Any) -> None:
        """Stop the sync and every question, then end; nothing is waited for."""
        self.stop_sync()
        self.background.end()
        logging.getLogger(LOGGER).removeHandler(self._logbook)
        super().exit(*args, **kwargs)


def run_console(options: ConsoleOptions) -> int:
    """Run the console until it is left; returns the exit code."""
    from elconsole.ui.launch import run

    return run(options)

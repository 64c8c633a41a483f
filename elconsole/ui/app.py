"""The console: pages, keys, and the one place where news changes the state.

Threads only post messages (`background`, `questions`); the handlers here fold them
into `store.ConsoleState` and ask for a repaint, at most four times a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from elconsole.api import SyncRequest
from elconsole.ui import messages, store, themes
from elconsole.ui.background import Background
from elconsole.ui.cells import Row
from elconsole.ui.logbook import LOGGER, LogbookHandler
from elconsole.ui.options import ConsoleOptions
from elconsole.ui.questions import Questions
from elconsole.ui.screens.dashboard import DashboardScreen
from elconsole.ui.screens.page import PageScreen
from elconsole.ui.signals import SignalTrap

REPAINT_EVERY_S = 0.25
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


class ConsoleApp(App[str]):
    """Owns the state, the threads and the running sync."""

    TITLE = "elconsole"
    CSS_PATH = "app.tcss"
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
        Binding("r", "refresh_all", "Ask every database again", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("ctrl+p", "command_palette", "Palette", key_display="^p"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, options: ConsoleOptions) -> None:
        themes.heed_no_color()
        super().__init__()
        if self.no_color:
            self._filters = [*themes.without_colours(self._filters)]
        self.options = options
        self.state = store.started(options.connections)
        self.shown_state = self.state
        self.paused = False
        self.next_sync_at: datetime | None = None
        self.background = Background(self.post_message)
        self.questions = Questions(self.background, options)
        self.sync_stop: threading.Event | None = None
        self.quit_when_done = False
        self._repaint_pending = False
        self._signals = SignalTrap(self)
        self._greeted = False
        self._logbook = LogbookHandler(lambda entry: self.background.post(messages.Logged(entry)))
        self.crash: Exception | None = None
        for theme in themes.OWN:
            self.register_theme(theme)
        self.theme = themes.choose(self, options.preferences_path)

    def now(self) -> datetime:
        """The time, from the injected clock."""
        return self.options.clock()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables for themes that do not know them."""
        return themes.variable_defaults(self.current_theme)

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
        self.questions.build_engine()

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
        if self.options.sync_request is not None and not self.options.read_only:
            self.start_sync(self.options.sync_request)
        if isinstance(self.screen, PageScreen):
            self.screen.on_screen_resume()

    def on_engine_refused(self, message: messages.EngineRefused) -> None:
        """Show why, and end with the error's exit code once it was read."""
        from elconsole.ui.screens.dialogs import ErrorDialog

        def end(_: object) -> None:
            self.exit(return_code=message.exit_code)

        self.push_screen(ErrorDialog("The engine can't start", message.error), end)

    async def action_quit(self) -> None:
        """Quit; asks while a sync of this console runs."""
        if self.state.running_here() is None and not self.state.starting:
            self.exit()
            return
        from elconsole.ui.screens.dialogs import QuitDialog

        self.push_screen(QuitDialog(), self._quit_chosen)

    def _quit_chosen(self, choice: str | None) -> None:
        if choice == "cancel":
            self.stop_sync()
            self.quit_when_done = True
            self.set_timer(1.5, self.exit)
        elif choice == "wait":
            self.quit_when_done = True
            self.notify("The console closes when the sync has ended.")

    # Folding and painting

    def fold(self, state: store.ConsoleState) -> None:
        """Take a new state and have it painted soon."""
        if state is self.state:
            return
        self.state = state
        if not self._repaint_pending:
            self._repaint_pending = True
            self.set_timer(REPAINT_EVERY_S, self.repaint)

    def repaint(self) -> None:
        """Paint the newest state on the page in front."""
        self._repaint_pending = False
        if not self.paused:
            self.shown_state = self.state
        for screen in reversed(self.screen_stack):
            if isinstance(screen, PageScreen):
                screen.paint()
                break

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
            self._greet_or_tell(health.name, health.error.message if health.error else "")

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

    def tell(self, title: str, words: str, severity: Any = "information") -> None:
        """A toast; the text is data, never markup."""
        from elconsole.ui.text import safe

        self.notify(safe(words, 160), title=safe(title, 80), severity=severity, markup=False)

    def on_run_seen(self, message: messages.RunSeen) -> None:
        """Fold a run, whoever runs it."""
        before = self.state.shown_run()
        self.fold(store.run_seen(self.state, message.detail, message.at))
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

        event = message.event
        self.fold(store.event_seen(self.state, event))
        if isinstance(event, TableFailed) and event.status == "failed" and not event.will_retry:
            self.tell(f"{event.source}.{event.table} failed", event.error.message, "error")
        elif isinstance(event, TableFailed) and event.status in ("locked", "skipped"):
            self.tell(
                f"{event.source}.{event.table} {event.status}", event.error.message, "warning"
            )
        elif isinstance(event, QualitySignal):
            self.tell(f"{event.value} out of control", event.finding, "warning")

    def on_sync_ended(self, message: messages.SyncEnded) -> None:
        """Our own sync returned: its result is the last word."""
        from dataclasses import replace

        state = replace(self.state, starting=False)
        if message.detail is not None:
            state = store.run_seen(state, message.detail, message.at, here=True)
        self.fold(state)
        self.sync_stop = None
        if self.quit_when_done:
            self.exit()
            return
        if message.error is not None:
            from elconsole.ui.screens.dialogs import ErrorDialog

            self.push_screen(ErrorDialog("The sync could not start", message.error))
        elif message.detail is not None and message.detail.run.status == "succeeded":
            run = message.detail.run
            self.tell(
                "Sync succeeded", f"{run.records_loaded:,} rows in {run.duration_seconds:.1f} s"
            )
        self._read_after_run()

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

    def _read_after_run(self) -> None:
        for question in ("runs", "tables", "quality"):
            self.questions.read(question)

    def _read_quality(self) -> None:
        if not self.paused:
            self.questions.read("quality")

    # Syncing

    def start_sync(self, request: SyncRequest) -> None:
        """Start a sync, unless one of ours is under way."""
        from dataclasses import replace

        if self.options.read_only:
            return
        if self.sync_stop is not None:
            self.notify("A sync is running already; x cancels it.", severity="warning")
            return
        stop = threading.Event()
        if not self.questions.sync(request, stop):
            self.notify("The engine is still starting.", severity="warning")
            return
        self.sync_stop = stop
        self.fold(replace(self.state, starting=True))

    def stop_sync(self) -> None:
        """Cancel our sync: the flag first, then every blocked call."""
        if self.sync_stop is None or self.questions.engine is None:
            return
        self.sync_stop.set()
        self.background.last(self.questions.engine.interrupt)
        self.fold(store.cancelling(self.state))

    def sync_target(self) -> tuple[str, ...]:
        """The selection that the cursor stands on; empty means everything."""
        from elconsole.ui.opening import selection_of

        page = next(item for item in reversed(self.screen_stack) if isinstance(item, PageScreen))
        grid = page.grid()
        if grid is None or page.focused is not grid:
            return ()
        row = grid.row_under_cursor()
        return selection_of(row) if row is not None else ()

    def sync_target_words(self) -> str:
        """What `s` would sync."""
        return ", ".join(self.sync_target()) or "all"

    def action_sync(self) -> None:
        """Sync everything, or what the cursor stands on."""
        self.start_sync(SyncRequest(selection=self.sync_target()))

    def action_full_refresh(self) -> None:
        """Ask, then read everything anew."""
        from elconsole.ui.screens.dialogs import RefreshDialog

        target = self.sync_target()

        def chosen(choice: str | None) -> None:
            if choice == "refresh":
                self.start_sync(SyncRequest(selection=target, full=True))

        self.push_screen(RefreshDialog(target, self.state), chosen)

    def action_cancel_sync(self) -> None:
        """Cancel the sync that this console runs."""
        if self.sync_stop is None:
            self.notify("No sync of this console is running.", severity="warning")
        else:
            self.stop_sync()

    def _plan_auto_sync(self) -> None:
        if self.options.auto_sync_s:
            self.next_sync_at = self.now() + timedelta(seconds=self.options.auto_sync_s)

    def _auto_sync_due(self) -> None:
        if self.next_sync_at is None or self.paused or self.now() < self.next_sync_at:
            return
        self._plan_auto_sync()
        if self.sync_stop is None:
            self.start_sync(SyncRequest())

    # Other keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """A read-only console has no key that writes; no key acts without effect."""
        if self.options.read_only and action in WRITING:
            return False
        if action == "cancel_sync":
            return self.sync_stop is not None
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

    def action_toggle_auto_sync(self) -> None:
        """Stop the timer, or wind it up."""
        if self.next_sync_at is None:
            self._plan_auto_sync()
        else:
            self.next_sync_at = None
        self.repaint()

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

    def _handle_exception(self, error: Exception) -> None:
        """Keep the error for the crash log."""
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without Textual's traceback, which prints the values of variables."""
        self._close_messages_no_wait()

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

"""Where news becomes state: one method for each message of the threads."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from elconsole.ui.console import messages
from elconsole.ui.console.log_handler import LOGGER
from elconsole.ui.pages.page import PageScreen
from elconsole.ui.state import answers
from elconsole.ui.state.model import started
from elconsole.ui.tables.connections import reason_in_short
from elconsole.ui.words.wording import said_of

if TYPE_CHECKING:
    from elconsole.core.engine import Engine
    from elconsole.core.events import Event, TableFailed
    from elconsole.core.results import ConnectionHealth, RunSummary
    from elconsole.core.types import ErrorInfo
    from elconsole.ui.app.quitting import Quitting
    from elconsole.ui.app.syncing import AutoSync, Syncing
    from elconsole.ui.console.console import Console
    from elconsole.ui.console.options import ConsoleOptions

QUALITY_EVERY_S = 60.0


class Listening:
    """Folds the news, and tells in toasts what a human should hear of at once."""

    def __init__(
        self, console: Console, syncing: Syncing, auto_sync: AutoSync, quitting: Quitting
    ) -> None:
        self._console = console
        self._syncing = syncing
        self._auto_sync = auto_sync
        self._quitting = quitting
        self._greeted = False

    def hear(self, news: messages.News) -> None:
        """Do what a message means."""
        match news:
            case messages.EventSeen():
                self._event_seen(news.event)
            case messages.ProbeStarted():
                self._probe_started(news)
            case messages.ProbeAnswered():
                self._probe_answered(news.health)
            case messages.RunSeen():
                self._run_seen(news)
            case messages.WatchBroken():
                # The warehouse's row says it already; what is missed now is read afterwards.
                self._not_answered("watch", news.error)
            case messages.Answered():
                self._answered(news)
            case messages.Unanswered():
                self._not_answered(news.question, news.error)
            case messages.DetailRead():
                self._detail_read(news)
            case messages.Logged():
                self._console.fold(answers.logged(self._console.state, news.entry))
            case messages.Told():
                self._console.tell(news.title, news.words, news.severity)
            case messages.SyncEnded():
                self._sync_ended(news)
            case messages.OptionsRead():
                self._options_read(news.options)
            case messages.OptionsRefused():
                self._options_refused(news.error)
            case messages.EngineReady():
                self._engine_ready(news.engine)
            case messages.EngineRefused():
                self._engine_refused(news)

    # Beginnings

    def _options_read(self, options: ConsoleOptions) -> None:
        """Show the names; build the engine."""
        console = self._console
        console.options = console.questions.options = options
        console.state = replace(console.state, connections=started(options.connections).connections)
        console.repaint()
        for warning in options.warnings:
            console.tell("Settings", warning, "warning")
            logging.getLogger(f"{LOGGER}.settings").warning("%s", warning)
        console.questions.build_engine()

    def _options_refused(self, error: Exception) -> None:
        """End; the command line says why."""
        self._console.refusal = error
        self._console.exit()

    def _engine_ready(self, engine: Engine) -> None:
        """Begin to ask."""
        console = self._console
        options, questions = console.options, console.questions
        questions.engine = engine
        questions.start_probes(options.connections)
        questions.start_watch()
        for question in ("runs", "tables", "quality"):
            questions.read(question)
        if options.tick_s:
            console.set_interval(QUALITY_EVERY_S, self._read_quality)
        if options.auto_sync_s and not options.read_only:
            self._auto_sync.plan()
        self._syncing.wished = options.sync_request or self._syncing.wished
        self._syncing.start_wished()
        if isinstance(console.screen, PageScreen):
            console.screen.on_screen_resume()

    def _engine_refused(self, news: messages.EngineRefused) -> None:
        """Show why, and end with the error's exit code once it was read."""
        from elconsole.ui.dialogs.dialog import ErrorDialog

        def end(_: object) -> None:
            self._console.exit(return_code=news.exit_code)

        self._console.push_screen(ErrorDialog("The engine can't start", news.error), end)

    # Connections

    def _probe_started(self, news: messages.ProbeStarted) -> None:
        """A connection is being asked: nothing to see unless it takes long."""
        self._console.state = answers.probe_started(self._console.state, news.name, news.at)

    def _probe_answered(self, health: ConnectionHealth) -> None:
        connections = self._console.state.connections
        before = next((item.health for item in connections if item.info.name == health.name), None)
        self._console.fold(answers.probe_answered(self._console.state, health))
        was_down = before is not None and before.status == "down"
        if health.status == "down" and not was_down:
            reason = reason_in_short(health.error, health.name)
            self._greet_or_tell(health.name, f"{reason}; enter on its row tells more")
        elif was_down and health.status != "down":
            self._came_back(health)

    def _came_back(self, health: ConnectionHealth) -> None:
        console = self._console
        # It seldom was down alone, and seldom comes back alone.
        for item in console.state.connections:
            if item.health is not None and item.health.status == "down":
                console.background.hurry(f"probe-{item.info.name}")
        if health.role == "warehouse":
            console.fold(answers.solved(console.state, "watch"))
            console.background.hurry("watch")
            self._read_anew()

    def _greet_or_tell(self, name: str, words: str) -> None:
        welcome = self._console.options.welcome
        states = self._console.state.connections
        if welcome is not None and not self._greeted:
            if any(item.health is None for item in states):
                return
            self._greeted = True
            if all(item.health is not None and item.health.status == "down" for item in states):
                from elconsole.ui.dialogs.welcome import WelcomeScreen

                self._console.push_screen(WelcomeScreen(welcome))
                return
        self._console.tell(f"{name} is down", words, severity="error")

    # Runs

    def _run_seen(self, news: messages.RunSeen) -> None:
        """Fold a run, whoever runs it."""
        from elconsole.ui.state.runs import run_seen

        console, run = self._console, news.detail.run
        before = console.state.run(run.run_id)
        was_running = before is not None and before.running
        ended = run.status != "running" and (was_running or self._end_is_news(run))
        missed = console.state.problem("watch") is not None
        console.fold(run_seen(answers.solved(console.state, "watch"), news.detail, news.at))
        if ended or missed:
            self._read_anew()
        if was_running and run.status == "failed" and before is not None and not before.here:
            console.tell(f"Run {run.run_number} failed", "enter on its row shows why", "error")

    def _end_is_news(self, run: RunSummary) -> bool:
        """Whether a run that nobody saw running has ended since the history was read."""
        state = self._console.state
        if state.history is None or state.run(run.run_id) is not None:
            return False
        return run.run_id not in {item.run_id for item in state.history if item.status != "running"}

    def _event_seen(self, event: Event) -> None:
        """Fold an event of our own sync; failures and signals also pop up."""
        from elconsole.core.events import QualitySignal, TableFailed
        from elconsole.ui.state.runs import event_seen

        self._console.fold(event_seen(self._console.state, event))
        if isinstance(event, TableFailed) and not event.will_retry:
            self._tell_end_of(event)
        elif isinstance(event, QualitySignal):
            self._console.tell(f"{event.value} out of control", event.finding, "warning")

    def _tell_end_of(self, event: TableFailed) -> None:
        severities = {"failed": "error", "locked": "warning", "skipped": "warning"}
        if event.status in severities:
            name = f"{event.source}.{event.table}"
            words = said_of(name, event.error.message)
            self._console.tell(f"{name} {event.status}", words, severities[event.status])

    def _sync_ended(self, news: messages.SyncEnded) -> None:
        """Our own sync returned."""
        stopped = self._syncing.end(news)
        if self._quitting.after(news, stopped=stopped):
            return
        self._syncing.tell_end(news)
        self._read_anew()
        self._syncing.start_wished()

    # Answers

    def _answered(self, news: messages.Answered) -> None:
        state = self._console.state
        if news.question == "runs":
            self._console.fold(answers.history_read(state, news.parts["history"]))
        else:
            self._console.fold(answers.answered(state, news.question, **news.parts))

    def _not_answered(self, question: str, error: ErrorInfo) -> None:
        self._console.fold(answers.failed(self._console.state, question, error))

    def _detail_read(self, news: messages.DetailRead) -> None:
        """Hand an answer to the screen that asked."""
        from elconsole.ui.pages.detail import DetailScreen

        for screen in self._console.screen_stack:
            if isinstance(screen, DetailScreen):
                screen.deliver(news.key, news.value, news.error)

    def _read_quality(self) -> None:
        if not self._console.paused:
            self._console.questions.read("quality")

    def _read_anew(self) -> None:
        """Read everything that a run changes."""
        for question in ("runs", "tables", "quality"):
            self._console.questions.read(question, anew=True)
        if self._console.current_mode == "schema":
            self._console.questions.read("plan", anew=True)

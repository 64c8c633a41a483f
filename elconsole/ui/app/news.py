"""Where news becomes state: one handler for each message of the threads."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from elconsole.ui.app.syncing import SyncingApp
from elconsole.ui.console import messages
from elconsole.ui.console.log_handler import LOGGER
from elconsole.ui.pages.page import PageScreen
from elconsole.ui.state import answers
from elconsole.ui.state.model import started
from elconsole.ui.tables.connections import reason_in_short
from elconsole.ui.words.wording import said_of

if TYPE_CHECKING:
    from elconsole.core.events import TableFailed
    from elconsole.core.results import ConnectionHealth, RunSummary
    from elconsole.ui.console.options import ConsoleOptions

QUALITY_EVERY_S = 60.0


class ListeningApp(SyncingApp):
    """Folds the news, and tells in toasts what a human should hear of at once."""

    def __init__(self, options: ConsoleOptions) -> None:
        super().__init__(options)
        self._greeted = False

    # Beginnings

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
        self.wished = self.options.sync_request or self.wished
        self.start_wished()
        if isinstance(self.screen, PageScreen):
            self.screen.on_screen_resume()

    def on_engine_refused(self, message: messages.EngineRefused) -> None:
        """Show why, and end with the error's exit code once it was read."""
        from elconsole.ui.dialogs.dialog import ErrorDialog

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
        self.state = answers.probe_started(self.state, message.name, message.at)

    def on_probe_answered(self, message: messages.ProbeAnswered) -> None:
        """Fold a probe."""
        health = message.health
        before = next(
            (c.health for c in self.state.connections if c.info.name == health.name), None
        )
        self.fold(answers.probe_answered(self.state, health))
        was_down = before is not None and before.status == "down"
        if health.status == "down" and not was_down:
            reason = reason_in_short(health.error, health.name)
            self._greet_or_tell(health.name, f"{reason}; enter on its row tells more")
        elif was_down and health.status != "down":
            self._came_back(health)

    def _came_back(self, health: ConnectionHealth) -> None:
        # It seldom was down alone, and seldom comes back alone.
        for item in self.state.connections:
            if item.health is not None and item.health.status == "down":
                self.background.hurry(f"probe-{item.info.name}")
        if health.role == "warehouse":
            self.fold(answers.solved(self.state, "watch"))
            self.background.hurry("watch")
            self._read_anew()

    def _greet_or_tell(self, name: str, words: str) -> None:
        welcome = self.options.welcome
        states = self.state.connections
        if welcome is not None and not self._greeted:
            if any(item.health is None for item in states):
                return
            self._greeted = True
            if all(item.health is not None and item.health.status == "down" for item in states):
                from elconsole.ui.dialogs.welcome import WelcomeScreen

                self.push_screen(WelcomeScreen(welcome))
                return
        self.tell(f"{name} is down", words, severity="error")

    def on_run_seen(self, message: messages.RunSeen) -> None:
        """Fold a run, whoever runs it."""
        from elconsole.ui.state.runs import run_seen

        run = message.detail.run
        before = self.state.run(run.run_id)
        was_running = before is not None and before.running
        ended = run.status != "running" and (was_running or self._end_is_news(run))
        missed = self.state.problem("watch") is not None
        self.fold(run_seen(answers.solved(self.state, "watch"), message.detail, message.at))
        if ended or missed:
            self._read_anew()
        if was_running and run.status == "failed" and before is not None and not before.here:
            self.tell(f"Run {run.run_number} failed", "enter on its row shows why", "error")

    def _end_is_news(self, run: RunSummary) -> bool:
        """Whether a run that nobody saw running has ended since the history was read."""
        if self.state.history is None or self.state.run(run.run_id) is not None:
            return False
        return run.run_id not in {
            item.run_id for item in self.state.history if item.status != "running"
        }

    def on_watch_broken(self, message: messages.WatchBroken) -> None:
        """The warehouse's row says it already; what is missed now is read afterwards."""
        self.fold(answers.failed(self.state, "watch", message.error))

    def on_event_seen(self, message: messages.EventSeen) -> None:
        """Fold an event of our own sync; failures and signals also pop up."""
        from elconsole.core.events import QualitySignal, TableFailed
        from elconsole.ui.state.runs import event_seen

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
            self.fold(answers.history_read(self.state, message.parts["history"]))
        else:
            self.fold(answers.answered(self.state, message.question, **message.parts))

    def on_unanswered(self, message: messages.Unanswered) -> None:
        """Fold the reason."""
        self.fold(answers.failed(self.state, message.question, message.error))

    def on_detail_read(self, message: messages.DetailRead) -> None:
        """Hand an answer to the screen that asked."""
        from elconsole.ui.pages.detail import DetailScreen

        for screen in self.screen_stack:
            if isinstance(screen, DetailScreen):
                screen.deliver(message.key, message.value, message.error)

    def on_told(self, message: messages.Told) -> None:
        """Show a toast."""
        self.tell(message.title, message.words, message.severity)

    def on_logged(self, message: messages.Logged) -> None:
        """Fold a line of the program's log."""
        self.fold(answers.logged(self.state, message.entry))

    def _read_quality(self) -> None:
        if not self.paused:
            self.questions.read("quality")

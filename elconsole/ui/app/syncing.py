"""Starting, cancelling and repeating the sync that this console runs, and quitting with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_FAILED, EXIT_OK
from elconsole.ui.console import messages
from elconsole.ui.console.console import StateApp
from elconsole.ui.console.options import ConsoleOptions
from elconsole.ui.pages.page import PageScreen

if TYPE_CHECKING:
    from elconsole.core.results import SyncRequest
    from elconsole.core.types import ErrorInfo

CANCEL_GRACE_S = 1.5
"""How long quitting waits for a cancelled sync to say that it has ended."""


class SyncingApp(StateApp):
    """Owns the running sync."""

    def __init__(self, options: ConsoleOptions) -> None:
        super().__init__(options)
        self.sync_stop: threading.Event | None = None
        """Cancels the sync under way; None while there is none."""
        self.wished: SyncRequest | None = None
        """A sync asked for before there was an engine, or while the last one was ending."""
        self.next_sync_at: datetime | None = None
        """When the next automatic sync starts; None where that is off."""
        self.quit_when_done = False
        self.first_exit_code: int | None = None
        """Of the first sync that ended here, as it would be without a console."""
        self._automatic = False
        """Whether the clock started the sync under way."""

    def requested_exit_code(self) -> int:
        """Of the sync that the command line asked for; it has failed until it has ended."""
        if self.options.sync_request is None:
            return EXIT_OK
        return EXIT_FAILED if self.first_exit_code is None else self.first_exit_code

    def start_sync(self, request: SyncRequest, *, automatic: bool = False) -> None:
        """Start a sync, unless one of ours is under way; `automatic` where the clock asks."""
        if self.options.read_only or self._told_busy():
            return
        if self.paused:
            # A sync that nobody sees running would be cancelled by nobody.
            self.frozen_at = None
        ending = self.sync_stop is not None
        if self.questions.engine is None or ending:
            self.wished = request
        else:
            self.sync_stop = threading.Event()
            self._automatic = automatic
            self.questions.sync(request, self.sync_stop)
        self.fold(replace(self.state, starting=True))

    def _told_busy(self) -> bool:
        """Whether a sync of ours is under way; says so."""
        busy = self.wished is not None or (self.sync_stop is not None and self._sync_goes_on())
        if busy:
            self.notify("A sync is running already; x cancels it.", severity="warning")
        return busy

    def _sync_goes_on(self) -> bool:
        return self.state.starting or self.state.running_here() is not None

    def start_wished(self) -> None:
        """Start the sync that was asked for too early."""
        request, self.wished = self.wished, None
        if request is not None:
            self.start_sync(request)

    def stop_sync(self) -> None:
        """Cancel our sync: the flag first, then every blocked call."""
        if self.sync_stop is None or self.questions.engine is None:
            return
        from elconsole.ui.state.runs import cancelling

        self.sync_stop.set()
        self.background.last(self.questions.engine.interrupt)
        self.fold(cancelling(self.state))

    def sync_target(self) -> tuple[str, ...]:
        """The selection that the cursor stands on; empty means everything."""
        page = next(item for item in reversed(self.screen_stack) if isinstance(item, PageScreen))
        grid = page.grid()
        if grid is None or page.focused is not grid:
            return ()
        from elconsole.ui.app.links import selection_of

        row = grid.row_under_cursor()
        return selection_of(row) if row is not None else ()

    def sync_target_words(self) -> str:
        """What `s` would sync."""
        return ", ".join(self.sync_target()) or "all"

    def action_sync(self) -> None:
        """Sync everything, or what the cursor stands on."""
        from elconsole.core.results import SyncRequest

        self.start_sync(SyncRequest(selection=self.sync_target()))

    def action_full_refresh(self) -> None:
        """Ask, then read everything anew."""
        from elconsole.core.results import SyncRequest
        from elconsole.ui.dialogs.dialog import RefreshDialog

        if self._told_busy():
            return
        target = self.sync_target()

        def chosen(choice: str | None) -> None:
            if choice == "refresh":
                self.start_sync(SyncRequest(selection=target, full=True))

        self.push_screen(RefreshDialog(target, self.state), chosen)

    def action_cancel_sync(self) -> None:
        """Cancel the sync that this console runs."""
        if self.wished is not None:
            self.wished = None
            self.fold(replace(self.state, starting=False))
        elif self.sync_stop is None:
            self.notify("No sync of this console is running.", severity="warning")
        else:
            self.stop_sync()

    def on_sync_ended(self, message: messages.SyncEnded) -> None:
        """Our own sync returned: its result is the last word."""
        from elconsole.ui.state.runs import run_seen

        state = replace(self.state, starting=False)
        if message.detail is not None:
            state = run_seen(state, message.detail, message.at, here=True)
        self.fold(state)
        stopped = self.sync_stop is not None and self.sync_stop.is_set()
        self.sync_stop = None
        if self.first_exit_code is None:
            self.first_exit_code = message.exit_code
        failed = message.detail is None or message.detail.run.status == "failed"
        quitting = self.quit_when_done or self._asks_to_quit()
        if quitting and (stopped or not failed):
            self.exit()
            return
        if quitting:
            self._stay_for_the_error()
        if message.error is not None:
            self._say_not_started(message.error)
        elif message.detail is not None and message.detail.run.status == "succeeded":
            run = message.detail.run
            self.tell(
                "Sync succeeded", f"{run.rows_written:,} rows in {run.duration_seconds:.1f} s"
            )
        self._read_anew()
        self.start_wished()

    def _stay_for_the_error(self) -> None:
        """A sync that was to be watched to its end failed: that must be seen first."""
        self.quit_when_done = False
        if self._asks_to_quit():
            self.screen.dismiss("stay")
        self.tell("The sync failed", "the console stays open to show why; q quits", "error")

    def _say_not_started(self, error: ErrorInfo) -> None:
        """In the log, and in a dialog where somebody asked for the sync and none is open."""
        from elconsole.ui.dialogs.dialog import ErrorDialog
        from elconsole.ui.state import answers
        from elconsole.ui.state.log import LogEntry
        from elconsole.ui.words.wording import error_line

        title = "The sync could not start"
        entry = LogEntry(
            at=self.now(),
            level="error",
            subject="sync",
            text="could not start",
            tone="bad",
            detail=error_line(error),
            error=error,
        )
        self.fold(answers.logged(self.state, entry))
        if self._automatic or any(isinstance(item, ErrorDialog) for item in self.screen_stack):
            self.tell(title, error.message, "error")
        else:
            self.push_screen(ErrorDialog(title, error))

    async def action_quit(self) -> None:
        """Quit; asks while a sync of this console runs."""
        if self.sync_stop is None or not self._sync_goes_on():
            self.exit()
            return
        from elconsole.ui.dialogs.dialog import QuitDialog

        self.push_screen(QuitDialog(), self._quit_chosen)

    def _asks_to_quit(self) -> bool:
        """Whether quitting waits for an answer only because of the sync."""
        if len(self.screen_stack) < 2:
            return False
        from elconsole.ui.dialogs.dialog import QuitDialog

        return isinstance(self.screen_stack[-1], QuitDialog)

    def _quit_chosen(self, choice: str | None) -> None:
        self.quit_when_done = choice in ("cancel", "wait")
        if choice == "cancel":
            self.stop_sync()
            self.set_timer(CANCEL_GRACE_S, self.exit)
        elif choice == "wait":
            self.notify("The console closes when the sync has ended.")

    def _plan_auto_sync(self) -> None:
        if self.options.auto_sync_s:
            self.next_sync_at = self.now() + timedelta(seconds=self.options.auto_sync_s)

    def _auto_sync_due(self) -> None:
        if self.next_sync_at is None or self.paused or self.now() < self.next_sync_at:
            return
        self._plan_auto_sync()
        if self.sync_stop is None and self.wished is None:
            from elconsole.core.results import SyncRequest

            self.start_sync(SyncRequest(), automatic=True)

    def action_toggle_auto_sync(self) -> None:
        """Stop the timer, or wind it up."""
        if self.next_sync_at is None:
            self._plan_auto_sync()
        else:
            self.next_sync_at = None
        self.repaint()

    def _read_anew(self) -> None:
        """Read everything that a run changes."""
        for question in ("runs", "tables", "quality"):
            self.questions.read(question, anew=True)
        if self.current_mode == "schema":
            self.questions.read("plan", anew=True)

"""Starting, cancelling and repeating the sync that this console runs."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_FAILED, EXIT_OK
from elconsole.ui.pages.page import PageScreen

if TYPE_CHECKING:
    from elconsole.core.results import SyncRequest
    from elconsole.core.types import ErrorInfo
    from elconsole.ui.console import messages
    from elconsole.ui.console.console import Console


class Syncing:
    """Owns the running sync."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.stop: threading.Event | None = None
        """Cancels the sync under way; None while there is none."""
        self.wished: SyncRequest | None = None
        """A sync asked for before there was an engine, or while the last one was ending."""
        self.automatic = False
        """Whether the clock started the sync under way."""
        self._first_exit_code: int | None = None
        """Of the first sync that ended here, as it would be without a console."""

    def requested_exit_code(self) -> int:
        """Of the sync that the command line asked for; it has failed until it has ended."""
        if self._console.options.sync_request is None:
            return EXIT_OK
        return EXIT_FAILED if self._first_exit_code is None else self._first_exit_code

    @property
    def idle(self) -> bool:
        """Whether no sync is under way, ending or wished for."""
        return self.stop is None and self.wished is None

    def goes_on(self) -> bool:
        """Whether a sync of ours is under way and not only ending."""
        state = self._console.state
        return self.stop is not None and (state.starting or state.running_here() is not None)

    def start(self, request: SyncRequest, *, automatic: bool = False) -> None:
        """Start a sync, unless one of ours is under way; `automatic` where the clock asks."""
        console = self._console
        if console.options.read_only or self.told_busy():
            return
        if console.paused:
            # A sync that nobody sees running would be cancelled by nobody.
            console.frozen_at = None
        ending = self.stop is not None
        if console.questions.engine is None or ending:
            self.wished = request
        else:
            self.stop = threading.Event()
            self.automatic = automatic
            console.questions.sync(request, self.stop)
        console.fold(replace(console.state, starting=True))

    def start_wished(self) -> None:
        """Start the sync that was asked for too early."""
        request, self.wished = self.wished, None
        if request is not None:
            self.start(request)

    def told_busy(self) -> bool:
        """Whether a sync of ours is under way; says so."""
        busy = self.wished is not None or self.goes_on()
        if busy:
            self._console.notify("A sync is running already; x cancels it.", severity="warning")
        return busy

    def selection(self) -> tuple[str, ...]:
        """The selection that the cursor stands on; empty means everything."""
        stack = reversed(self._console.screen_stack)
        return next(page for page in stack if isinstance(page, PageScreen)).sync_selection()

    def ask_full_refresh(self) -> None:
        """Ask, then read everything anew."""
        from elconsole.core.results import SyncRequest
        from elconsole.ui.dialogs.dialog import RefreshDialog

        if self.told_busy():
            return
        selection = self.selection()

        def chosen(choice: str | None) -> None:
            if choice == "refresh":
                self.start(SyncRequest(selection=selection, full=True))

        self._console.push_screen(RefreshDialog(selection, self._console.state), chosen)

    def cancel(self) -> None:
        """Cancel the sync that this console runs, or the wish for one."""
        if self.wished is not None:
            self.wished = None
            self._console.fold(replace(self._console.state, starting=False))
        elif self.stop is None:
            self._console.notify("No sync of this console is running.", severity="warning")
        else:
            self.interrupt()

    def interrupt(self) -> None:
        """Cancel the sync under way, if any: the flag first, then every blocked call."""
        console = self._console
        if self.stop is None or console.questions.engine is None:
            return
        from elconsole.ui.state.runs import cancelling

        self.stop.set()
        console.background.last(console.questions.engine.interrupt)
        console.fold(cancelling(console.state))

    def end(self, message: messages.SyncEnded) -> bool:
        """Take the sync's result as the last word on it; returns whether it was cancelled."""
        from elconsole.ui.state.runs import run_seen

        state = replace(self._console.state, starting=False)
        if message.detail is not None:
            state = run_seen(state, message.detail, message.at, here=True)
        self._console.fold(state)
        stopped = self.stop is not None and self.stop.is_set()
        self.stop = None
        if self._first_exit_code is None:
            self._first_exit_code = message.exit_code
        return stopped

    def tell_end(self, message: messages.SyncEnded) -> None:
        """Say that it succeeded, or that it could not start; the tables tell of failures."""
        if message.error is not None:
            self._tell_not_started(message.error)
        elif message.detail is not None and message.detail.run.status == "succeeded":
            run = message.detail.run
            self._console.tell(
                "Sync succeeded", f"{run.rows_written:,} rows in {run.duration_seconds:.1f} s"
            )

    def _tell_not_started(self, error: ErrorInfo) -> None:
        """In the log, and in a dialog where somebody asked for the sync and none is open."""
        from elconsole.ui.dialogs.dialog import ErrorDialog
        from elconsole.ui.state import answers
        from elconsole.ui.state.journal import of_refusal

        console, title = self._console, "The sync could not start"
        console.fold(answers.logged(console.state, of_refusal(error, console.now())))
        if self.automatic or any(isinstance(item, ErrorDialog) for item in console.screen_stack):
            console.tell(title, error.message, "error")
        else:
            console.push_screen(ErrorDialog(title, error))


class AutoSync:
    """Starts a sync of everything whenever its interval has passed."""

    def __init__(self, console: Console, syncing: Syncing) -> None:
        self._console = console
        self._syncing = syncing

    def plan(self) -> None:
        """Wind the timer up, where the settings give an interval."""
        console = self._console
        if console.options.auto_sync_s:
            console.next_sync_at = console.now() + timedelta(seconds=console.options.auto_sync_s)

    def start_due(self) -> None:
        """Start a sync if its time has come; rests while the screen is frozen."""
        console = self._console
        at = console.next_sync_at
        if at is None or console.paused or console.now() < at:
            return
        self.plan()
        if self._syncing.idle:
            from elconsole.core.results import SyncRequest

            self._syncing.start(SyncRequest(), automatic=True)

    def toggle(self) -> None:
        """Stop the timer, or wind it up."""
        if self._console.next_sync_at is None:
            self.plan()
        else:
            self._console.next_sync_at = None
        self._console.repaint()

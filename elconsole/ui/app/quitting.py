"""Leaving the console, which asks first while a sync of its own runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elconsole.ui.app.syncing import Syncing
    from elconsole.ui.console import messages
    from elconsole.ui.console.console import Console

CANCEL_GRACE_S = 1.5
"""How long quitting waits for a cancelled sync to say that it has ended."""


class Quitting:
    """Knows whether the console ends with its sync."""

    def __init__(self, console: Console, syncing: Syncing) -> None:
        self._console = console
        self._syncing = syncing
        self._when_done = False
        """Whether the console ends when its sync has ended."""

    def quit(self) -> None:
        """Quit; asks while a sync of this console runs."""
        if not self._syncing.goes_on():
            self._console.exit()
            return
        from elconsole.ui.dialogs.dialog import QuitDialog

        self._console.push_screen(QuitDialog(), self._chosen)

    def _chosen(self, choice: str | None) -> None:
        self._when_done = choice in ("cancel", "wait")
        if choice == "cancel":
            self._syncing.interrupt()
            self._console.set_timer(CANCEL_GRACE_S, self._console.exit)
        elif choice == "wait":
            self._console.notify("The console closes when the sync has ended.")

    def _asks(self) -> bool:
        """Whether quitting waits for an answer only because of the sync."""
        stack = self._console.screen_stack
        if len(stack) < 2:
            return False
        from elconsole.ui.dialogs.dialog import QuitDialog

        return isinstance(stack[-1], QuitDialog)

    def after(self, message: messages.SyncEnded, *, stopped: bool) -> bool:
        """Quit if that waited for the sync, `stopped` or not; returns whether it does.

        A sync that was to be watched to its end and failed keeps the console open.
        """
        if not (self._when_done or self._asks()):
            return False
        failed = message.detail is None or message.detail.run.status == "failed"
        if stopped or not failed:
            self._console.exit()
            return True
        self._stay_for_the_error()
        return False

    def _stay_for_the_error(self) -> None:
        self._when_done = False
        if self._asks():
            self._console.screen.dismiss("stay")
        self._console.tell(
            "The sync failed", "the console stays open to show why; q quits", "error"
        )

"""Daemon threads that ask the engine and post messages; none delays the program's end.

Textual's own thread workers run in an executor that is joined at exit, so that one
hanging server would hold up quitting; these threads are abandoned instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from elconsole.core.errors import ElconsoleError

if TYPE_CHECKING:
    from elconsole.core.types import ErrorInfo

log = logging.getLogger(__name__)

Post = Callable[[Message], object]
Work = Callable[[], Message]
OnRefusal = Callable[["ErrorInfo"], Message]


def error_info(error: BaseException) -> ErrorInfo:
    """Any exception as the value that is shown."""
    from elconsole.core.types import ErrorInfo

    if isinstance(error, ElconsoleError):
        return error.info()
    return ErrorInfo("internal", f"{type(error).__name__}: {error}", "See the log file.")


class Background:
    """The console's threads."""

    def __init__(self, deliver: Post) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._asked_anew: dict[str, tuple[Work, OnRefusal]] = {}
        """What to ask once more when the answer under way has come."""
        self._wakes: dict[str, threading.Event] = {}
        self.stop = threading.Event()
        """Set once, when the console ends."""

    def waiting(self) -> frozenset[str]:
        """The questions under way."""
        with self._lock:
            return frozenset(self._asked)

    def post(self, message: Message) -> None:
        """Hand a message to the app; quietly nothing once the app has ended."""
        if not self.stop.is_set():
            try:
                self._deliver(message)
            except RuntimeError:
                self.stop.set()

    def ask(self, question: str, work: Work, refused: OnRefusal, *, anew: bool = False) -> bool:
        """Ask one question; False where the same one is still under way.

        With `anew` it is then asked once more: the answer under way may be of an older state.
        """
        with self._lock:
            if self.stop.is_set():
                return False
            if question in self._asked:
                if anew:
                    self._asked_anew[question] = (work, refused)
                return False
            self._asked.add(question)
        self._start(question, lambda: self._answer(question, work, refused))
        return True

    def repeat(self, name: str, work: Callable[[], float]) -> None:
        """Do `work` again and again; it returns how many seconds to rest."""
        wake = self._wakes.setdefault(name, threading.Event())

        def turn() -> None:
            while not self.stop.is_set():
                rest_s = work()
                self.settle(name)
                wake.wait(rest_s)
                wake.clear()
                self._under_way(name)

        self._under_way(name)
        self._start(name, turn)

    def settle(self, name: str) -> None:
        """A repeated work that does not return has told what it knew."""
        with self._lock:
            self._asked.discard(name)

    def asking(self, question: str) -> bool:
        """Whether that question is under way."""
        return question in self._asked

    def last(self, work: Callable[[], None]) -> None:
        """Do a last thing that nobody waits for."""

        def quietly() -> None:
            try:
                work()
            except Exception:  # the program is ending and nobody can be told
                log.debug("closing failed", exc_info=True)

        self._start("last", quietly)

    def hurry(self, name: str) -> None:
        """End the rest of a repeated work now."""
        if (wake := self._wakes.get(name)) is not None:
            wake.set()

    def end(self) -> None:
        """Tell every thread to stop; waits for none."""
        self.stop.set()
        for wake in self._wakes.values():
            wake.set()

    def _under_way(self, name: str) -> None:
        with self._lock:
            self._asked.add(name)

    def _answer(self, question: str, work: Work, refused: OnRefusal) -> None:
        try:
            message = work()
        except Exception as error:
            if not isinstance(error, ElconsoleError):
                log.exception("%s failed", question)
            message = refused(error_info(error))
        self.post(message)
        with self._lock:
            self._asked.discard(question)
            anew = self._asked_anew.pop(question, None)
        if anew is not None:
            self.ask(question, *anew)

    def _start(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=f"console-{name}", daemon=True).start()

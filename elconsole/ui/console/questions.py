"""What the console asks the engine, each in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_FAILED, EXIT_OK, ElconsoleError
from elconsole.ui.console import messages
from elconsole.ui.console.threads import Background, error_info

if TYPE_CHECKING:
    import threading

    from elconsole.core.engine import Engine
    from elconsole.core.results import ConnectionInfo, SyncRequest
    from elconsole.core.types import ErrorInfo
    from elconsole.ui.console.options import ConsoleOptions

LONGEST_BACKOFF_S = 20.0
HISTORY_LIMIT = 200


def backoff_s(first_s: float, failures: int, longest_s: float) -> float:
    """How long to rest: doubled with each failure after the first."""
    return min(first_s * 2.0 ** min(max(0, failures - 1), 16), longest_s)


class Questions:
    """Starts threads; every answer comes back as a message."""

    def __init__(self, background: Background, options: ConsoleOptions) -> None:
        self._background = background
        self.options = options
        self.engine: Engine | None = None

    def read_options(self) -> None:
        """Read the settings, where the command line left that for after the first frame."""

        def work() -> messages.OptionsRead | messages.OptionsRefused:
            try:
                return messages.OptionsRead(self.options.completed())
            except Exception as error:  # noqa: BLE001 - told by the command line
                return messages.OptionsRefused(error)

        self._background.ask("options", work, lambda error: messages.EngineRefused(error, 1))

    def build_engine(self) -> None:
        """Build the engine; imports what talks to databases."""

        def work() -> messages.EngineReady | messages.EngineRefused:
            try:
                return messages.EngineReady(self.options.engine_factory())
            except ElconsoleError as error:
                return messages.EngineRefused(error_info(error), error.exit_code)

        self._background.ask("engine", work, lambda error: messages.EngineRefused(error, 1))

    def start_probes(self, connections: tuple[ConnectionInfo, ...]) -> None:
        """One thread a connection: a hanging server delays only its own."""
        for info in connections:
            self._background.repeat(f"probe-{info.name}", self._prober(info))

    def _prober(self, info: ConnectionInfo) -> Callable[[], float]:
        failures = 0

        def probe() -> float:
            nonlocal failures
            assert self.engine is not None
            clock = self.options.clock
            self._background.post(messages.ProbeStarted(info.name, clock()))
            try:
                health = self.engine.probe(info.name)
            except Exception as error:  # noqa: BLE001 - the one catch of this thread
                from elconsole.core.results import ConnectionHealth

                health = ConnectionHealth(
                    name=info.name,
                    role=info.role,
                    status="down",
                    checked_at=clock(),
                    error=error_info(error),
                )
            self._background.post(messages.ProbeAnswered(health))
            failures = failures + 1 if health.status == "down" else 0
            return backoff_s(self.options.probe_every_s, failures, LONGEST_BACKOFF_S)

        return probe

    def start_watch(self) -> None:
        """Follow runs made anywhere; try again while the warehouse is away."""
        failures = 0

        def watch() -> float:
            nonlocal failures
            assert self.engine is not None
            try:
                for detail in self.engine.watch(self._background.stop):
                    failures = 0
                    self._background.post(messages.RunSeen(detail, self.options.clock()))
                    self._background.settle("watch")
            except Exception as error:  # noqa: BLE001 - the one catch of this thread
                self._background.post(messages.WatchBroken(error_info(error)))
            failures += 1
            return backoff_s(2.0, failures, 30.0)

        self._background.repeat("watch", watch)

    def hurry(self) -> None:
        """Ask every connection now."""
        for info in self.options.connections:
            self._background.hurry(f"probe-{info.name}")
        self._background.hurry("watch")

    def read(self, question: str, *, anew: bool = False) -> None:
        """Ask one of the questions whose answer is a part of the state.

        `anew` where an answer under way would come too early to tell what has happened.
        """
        engine = self.engine
        if engine is None:
            return
        from elconsole.core.results import QualityRequest, SyncRequest

        work: dict[str, Callable[[], dict[str, object]]] = {
            "runs": lambda: {"history": engine.runs(HISTORY_LIMIT)},
            "tables": lambda: {"raw_tables": engine.raw_tables()},
            "quality": lambda: {
                "quality": engine.quality(QualityRequest()),
                "quality_at": self.options.clock(),
            },
            "plan": lambda: {"plan": engine.plan(SyncRequest()), "plan_at": self.options.clock()},
            "advice": lambda: {"advice": engine.advise()},
        }
        self._background.ask(
            question,
            lambda: messages.Answered(question, work[question]()),
            lambda error: messages.Unanswered(question, error),
            anew=anew,
        )

    def read_detail(self, key: str, work: Callable[[], object]) -> None:
        """Ask for one screen."""
        self._background.ask(
            key,
            lambda: messages.DetailRead(key, work(), None),
            lambda error: messages.DetailRead(key, None, error),
        )

    def do(self, name: str, work: Callable[[], str]) -> None:
        """Do something and tell in a toast how it ended."""
        self._background.ask(
            name,
            lambda: messages.Told(name, work()),
            lambda error: messages.Told(f"{name}: failed", error.message, "error"),
        )

    def sync(self, request: SyncRequest, stop: threading.Event) -> bool:
        """Run a sync to its end; False where one is under way."""
        engine = self.engine
        if engine is None:
            return False

        def work() -> messages.SyncEnded:
            try:
                detail = engine.sync(
                    request,
                    emit=lambda event: self._background.post(messages.EventSeen(event)),
                    stop=stop,
                )
            except ElconsoleError as error:
                return refused(error_info(error), error.exit_code)
            code_of = self.options.sync_exit_code
            code = code_of(detail) if code_of is not None else EXIT_OK
            return messages.SyncEnded(detail, None, self.options.clock(), code)

        def refused(error: ErrorInfo, code: int = EXIT_FAILED) -> messages.SyncEnded:
            return messages.SyncEnded(None, error, self.options.clock(), code)

        return self._background.ask("sync", work, refused)

    def wait_for_sync(self, longest_s: float) -> None:
        """Wait for a cancelled sync to end, but not for ever."""
        deadline = time.monotonic() + longest_s
        while self._background.asking("sync") and time.monotonic() < deadline:
            time.sleep(0.02)

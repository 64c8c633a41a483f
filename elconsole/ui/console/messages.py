"""Everything a thread may tell the app. Counts in them are totals, so a newer one may
replace an older one that nobody has read yet."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.engine import Engine
    from elconsole.core.events import Event
    from elconsole.core.results import ConnectionHealth, RunDetail
    from elconsole.core.types import ErrorInfo
    from elconsole.ui.console.options import ConsoleOptions
    from elconsole.ui.state.log import LogEntry


class News(Message):
    """What a thread tells; the app hands all of it to one place."""


class OptionsRead(News):
    """The settings were read."""

    def __init__(self, options: ConsoleOptions) -> None:
        super().__init__()
        self.options = options


class OptionsRefused(News):
    """The settings can't be read; the command line tells why, after the console."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class EngineReady(News):
    """The engine exists; questions may begin."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine


class EngineRefused(News):
    """The engine can't be built."""

    def __init__(self, error: ErrorInfo, exit_code: int) -> None:
        super().__init__()
        self.error = error
        self.exit_code = exit_code


class ProbeStarted(News):
    """A connection is being asked."""

    def __init__(self, name: str, at: datetime) -> None:
        super().__init__()
        self.name = name
        self.at = at


class ProbeAnswered(News):
    """A connection answered, or the engine gave the reason why not."""

    def __init__(self, health: ConnectionHealth) -> None:
        super().__init__()
        self.health = health


class RunSeen(News):
    """A run's new state, whoever runs it."""

    def __init__(self, detail: RunDetail, at: datetime) -> None:
        super().__init__()
        self.detail = detail
        self.at = at


class WatchBroken(News):
    """The warehouse can't be watched; another try follows."""

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__()
        self.error = error


class EventSeen(News):
    """An event of the sync that this console runs."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        """Progress of a table replaces older progress of the same table."""
        from elconsole.core.events import ProgressMade

        mine, other = self.event, getattr(message, "event", None)
        return (
            isinstance(mine, ProgressMade)
            and isinstance(other, ProgressMade)
            and (mine.run_id, mine.source, mine.table) == (other.run_id, other.source, other.table)
        )


class SyncEnded(News):
    """The sync of this console returned; without the console the exit code would be this."""

    def __init__(
        self, detail: RunDetail | None, error: ErrorInfo | None, at: datetime, exit_code: int
    ) -> None:
        super().__init__()
        self.detail = detail
        self.error = error
        self.at = at
        self.exit_code = exit_code


class Answered(News):
    """A question was answered: `parts` are fields of the state."""

    def __init__(self, question: str, parts: dict[str, Any]) -> None:
        super().__init__()
        self.question = question
        self.parts = parts


class Unanswered(News):
    """A question has no answer."""

    def __init__(self, question: str, error: ErrorInfo) -> None:
        super().__init__()
        self.question = question
        self.error = error


class Logged(News):
    """A line of the program's own log."""

    def __init__(self, entry: LogEntry) -> None:
        super().__init__()
        self.entry = entry


class DetailRead(News):
    """An answer for one screen, or the reason why there is none."""

    def __init__(self, key: str, value: Any, error: ErrorInfo | None) -> None:
        super().__init__()
        self.key = key
        self.value = value
        self.error = error


class Told(News):
    """Something done in a thread has ended: a toast."""

    def __init__(self, title: str, words: str, severity: str = "information") -> None:
        super().__init__()
        self.title = title
        self.words = words
        self.severity = severity

"""Lines of the log. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from elconsole.core.record import record
from elconsole.ui.words.cells import Tone

if TYPE_CHECKING:
    from elconsole.core.types import ErrorInfo

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")


@record(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One thing that happened."""

    at: datetime
    level: Level = "info"
    subject: str
    """A connection, a table (`source.table`) or a run."""
    text: str
    """The news itself, in its tone."""
    tone: Tone = "plain"
    detail: str = ""
    """Numbers beside it, dim."""
    key: str = ""
    """Tells the same news heard twice; empty: always new."""
    error: ErrorInfo | None = None
    run_id: str = ""

    def is_about(self, connection: str) -> bool:
        """Whether it is about a connection or a table of it."""
        return self.subject == connection or self.subject.startswith(f"{connection}.")

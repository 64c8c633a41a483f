"""What the tables say where their last question was not answered. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.ui.words.text import clock
from elconsole.ui.words.wording import error_line

if TYPE_CHECKING:
    from elconsole.ui.state.model import ConsoleState


def unread_since(state: ConsoleState, question: str, at: datetime | None = None) -> str:
    """That what is shown is old, since when and why; empty where it is the last answer."""
    error = state.problem(question)
    if error is None:
        return ""
    since = f"since {clock(at)}" if at is not None else "again"
    return f"not read {since}: {error_line(error)}"

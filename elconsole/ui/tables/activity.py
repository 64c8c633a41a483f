"""The activity panel and the Log page: what happened, line by line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from elconsole.ui.state.log import LEVELS, Level, LogEntry
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.words.cells import (
    Column,
    ConnectionLink,
    ErrorLink,
    Link,
    Row,
    RunLink,
    Span,
    Table,
    Tone,
    cell,
)
from elconsole.ui.words.text import moment, safe

ACTIVITY_ROWS = 200
LEVEL_TONES: dict[Level, Tone] = {
    "debug": "dim",
    "info": "dim",
    "warning": "warn",
    "error": "bad",
}


def panel(state: ConsoleState, now: datetime) -> Table:
    """The newest first."""
    entries = [entry for entry in state.log if entry.level != "debug"][-ACTIVITY_ROWS:]
    return Table(
        columns=(
            Column("", name="time"),
            Column("", name="about", max_width=40, min_width=10, keep=1),
            Column("", name="what", grows=True, min_width=20, max_width=500),
        ),
        rows=tuple(_rows(reversed(entries), state, now)),
        title="Activity",
        empty="Nothing has happened yet.",
    )


def _rows(entries: Iterable[LogEntry], state: ConsoleState, now: datetime) -> Iterable[Row]:
    for entry in entries:
        yield Row(
            key=_key(entry),
            cells=(
                cell(moment(entry.at, now), "dim"),
                cell(safe(entry.subject, 120), "plain"),
                _news(entry),
            ),
            opens=_link(entry, state),
        )


def _link(entry: LogEntry, state: ConsoleState) -> Link | None:
    """What the line is about: an error, a run, a connection."""
    if entry.error is not None:
        return ErrorLink(entry.subject, entry.error)
    if entry.run_id:
        return RunLink(entry.run_id)
    if any(item.info.name == entry.subject for item in state.connections):
        return ConnectionLink(entry.subject)
    return None


def _news(entry: LogEntry) -> tuple[Span, ...]:
    news = cell(safe(entry.text), entry.tone)
    return (*news, Span(f"  {safe(entry.detail)}", "dim")) if entry.detail else news


def _key(entry: LogEntry) -> str:
    return entry.key or f"{entry.at.isoformat()}/{entry.subject}/{entry.text}"


def page(
    state: ConsoleState, now: datetime, *, level: Level, source: str | None, following: bool
) -> Table:
    """The Log page: oldest first, the end in sight."""
    least = LEVELS.index(level)
    entries = [
        entry
        for entry in state.log
        if LEVELS.index(entry.level) >= least and (source is None or entry.is_about(source))
    ]
    rows = tuple(
        Row(
            key=_key(entry),
            cells=(
                cell(moment(entry.at, now), "dim"),
                cell(entry.level, LEVEL_TONES[entry.level]),
                cell(safe(entry.subject, 120), "plain"),
                _news(entry),
            ),
            values=(
                entry.at.timestamp(),
                LEVELS.index(entry.level),
                entry.subject,
                entry.text,
            ),
            opens=_link(entry, state),
        )
        for entry in entries
    )
    parts = [f"{level} and above" if level != "debug" else "every level", source or "all sources"]
    return Table(
        columns=(
            Column("time"),
            Column("level", keep=2),
            Column("about", max_width=44, keep=1),
            Column("what", grows=True, min_width=20, max_width=2000),
        ),
        rows=rows,
        title="Log · " + " · ".join(parts),
        note="following" if following else "standing still · space follows",
        empty="Nothing of that level was logged"
        + ("." if following else " before it stood still;\nspace shows what came since."),
    )

"""Progress of a headless sync on a terminal: a table of bars on stderr, drawn by rich."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elconsole import render
from elconsole.api import RunDetail
from elconsole.events import (
    DataExtracted,
    DataLoaded,
    Event,
    ProgressMade,
    SyncCompleted,
    SyncStarted,
    TableEvent,
    TableFailed,
    TableStarted,
)
from elconsole.headless.progress import shown_fraction
from elconsole.humanize import clean_text, rows_exact, seconds
from elconsole.output import Output

REPAINTS_PER_SECOND = 4
BAR_CELLS = 24
SHOW_CURSOR = "\x1b[?25h"


@dataclass
class _Line:
    """What one table's line shows."""

    rows: int = 0
    estimate: int | None = None
    fraction: float = 0.0
    status: str = "waiting"
    style: str = "dim"
    began_s: float | None = None
    took_s: float | None = None


@dataclass
class LiveProgress:
    """Bars for every table of the run; they vanish when the sync ends."""

    output: Output
    _lines: dict[tuple[str, str], _Line] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _live: Live | None = None

    def __enter__(self) -> Self:
        console = Console(file=self.output.stderr)
        self._live = Live(
            console=console,
            get_renderable=self._paint,
            refresh_per_second=REPAINTS_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def restore(self) -> None:
        self.output.failure(SHOW_CURSOR)

    def finish(self, detail: RunDetail) -> None:
        for run in detail.tables:
            for failure in render.table_failures([run]):
                self.output.failure(failure)
        self.output.note(render.summary(detail))

    def __call__(self, event: Event) -> None:
        with self._lock:
            match event:
                case SyncStarted():
                    self._lines = {name: _Line() for name in event.tables}
                case SyncCompleted():
                    pass
                case TableEvent():
                    name = (event.source, event.table)
                    self._advance(self._lines.setdefault(name, _Line()), event)
                case _:
                    pass

    def _advance(self, line: _Line, event: TableEvent) -> None:
        match event:
            case TableStarted():
                line.status, line.style = "reading", "cyan"
                line.estimate, line.began_s = event.rows_estimated, time.monotonic()
            case ProgressMade():
                line.rows, line.estimate = event.rows_total, event.rows_estimated
                line.fraction = shown_fraction(line.fraction, line.rows, line.estimate)
            case DataExtracted():
                line.rows, line.status = event.rows_total, "publishing"
            case DataLoaded():
                line.rows, line.fraction, line.took_s = (
                    event.rows_total,
                    1.0,
                    event.duration_seconds,
                )
                line.status, line.style = "✓ done", "green"
            case TableFailed(will_retry=True):
                line.status, line.style = "retrying", "yellow"
            case TableFailed():
                line.status, line.style = f"✗ {event.status}", "red"
                line.took_s = time.monotonic() - (line.began_s or time.monotonic())
            case _:
                pass

    def _paint(self) -> Table:
        with self._lock:
            grid = Table.grid(padding=(0, 2))
            for justify in ("left", "left", "left", "right", "right", "right", "left"):
                grid.add_column(justify=justify, no_wrap=True)
            for (source, table), line in self._lines.items():
                grid.add_row(*_cells(source, table, line))
            return grid


def _cells(source: str, table: str, line: _Line) -> tuple[Text | ProgressBar, ...]:
    elapsed_s = line.took_s
    if elapsed_s is None and line.began_s is not None:
        elapsed_s = time.monotonic() - line.began_s
    rate = f"{line.rows / elapsed_s:,.0f}/s" if elapsed_s and line.rows else ""
    known = bool(line.estimate) or line.fraction == 1.0
    share = (
        ProgressBar(total=1.0, completed=line.fraction, width=BAR_CELLS)
        if known or line.began_s is None
        else Text(" " * BAR_CELLS)
    )
    goal = f" of {render.estimate(line.estimate)}" if line.estimate and line.took_s is None else ""
    return (
        Text(clean_text(source)),
        Text(clean_text(table), style="dim"),
        share,
        Text(f"{rows_exact(line.rows)}{goal}"),
        Text(rate, style="dim"),
        Text("" if elapsed_s is None else seconds(elapsed_s)),
        Text(line.status, style=line.style),
    )

"""Progress of a headless sync on a terminal: a table of bars on stderr, drawn by rich."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elconsole.core.events import (
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
from elconsole.core.humanize import rows, rows_exact, seconds
from elconsole.core.results import RunDetail
from elconsole.core.safe_text import clean_text
from elconsole.headless.progress import shown_fraction, tell_failures
from elconsole.report import text
from elconsole.report.streams import Output

REPAINTS_PER_SECOND = 4
BAR_CELLS = 24
SHORTEST_BAR = 5
GAP = 2
ROWS, GOAL, RATE, TOOK, COLUMNS = 2, 3, 4, 5, 7
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
            get_renderable=lambda: self,
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
        self.output.control(SHOW_CURSOR)

    def finish(self, detail: RunDetail) -> None:
        tell_failures(detail.tables, self.output)
        self.output.note(text.summary(detail))

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
                line.rows, line.estimate = event.rows_read, event.rows_estimated
                line.fraction = shown_fraction(line.fraction, line.rows, line.estimate)
            case DataExtracted():
                line.rows, line.status = event.rows_read, "publishing"
            case DataLoaded():
                line.rows, line.fraction, line.took_s = (
                    event.rows_written,
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

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            lines = [_cells(source, table, line) for (source, table), line in self._lines.items()]
            bars = list(self._lines.values())
        yield _grid(lines, bars, options.max_width)


def _grid(cells: list[tuple[Text, ...]], lines: list[_Line], room: int) -> Table:
    """One row a table. A narrow terminal shortens the bars, then goes without them, the
    rates, estimates and times, before it cuts a word."""
    grid = Table.grid(padding=(0, GAP))
    widths = [max((row[n].cell_len for row in cells), default=0) + GAP for n in range(COLUMNS)]
    shown = list(range(COLUMNS))
    for dispensable in (RATE, GOAL, TOOK):
        if sum(widths[n] for n in shown) > room:
            shown.remove(dispensable)
    bar_cells = min(BAR_CELLS, room - sum(widths[n] for n in shown) - GAP)
    for n in shown:
        if n == ROWS and bar_cells >= SHORTEST_BAR:
            grid.add_column()
        grid.add_column(justify="right" if n in (ROWS, GOAL, RATE, TOOK) else "left", no_wrap=True)
    for row, line in zip(cells, lines, strict=True):
        painted: list[RenderableType] = [row[n] for n in shown]
        if bar_cells >= SHORTEST_BAR:
            painted.insert(ROWS, _bar(line, bar_cells))
        grid.add_row(*painted)
    return grid


def _bar(line: _Line, cells: int) -> RenderableType:
    """How far; empty where nobody knows how far it is."""
    if line.estimate or line.fraction == 1.0 or line.began_s is None:
        return ProgressBar(total=1.0, completed=line.fraction, width=cells)
    return Text(" " * cells)


def _cells(source: str, table: str, line: _Line) -> tuple[Text, ...]:
    elapsed_s = line.took_s
    if elapsed_s is None and line.began_s is not None:
        elapsed_s = time.monotonic() - line.began_s
    rate = f"{rows(int(line.rows / elapsed_s))}/s" if elapsed_s and line.rows else ""
    goal = f"of ~{rows(line.estimate)}" if line.estimate and line.took_s is None else ""
    done = rows_exact(line.rows) if line.took_s is not None else rows(line.rows)
    return (
        Text(clean_text(source)),
        Text(clean_text(table), style="dim"),
        Text(done),
        Text(goal, style="dim"),
        Text(rate, style="dim"),
        Text("" if elapsed_s is None else seconds(elapsed_s)),
        Text(line.status, style=line.style),
    )

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
    SyncStarted,
    TableEvent,
    TableStarted,
)
from elconsole.core.fold import begun, fold_table, pending
from elconsole.core.humanize import rows, rows_exact, seconds
from elconsole.core.results import RunDetail, TableRun
from elconsole.core.safe_text import clean_text
from elconsole.core.types import ENDED
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
    """One table, and what its line shows beside it."""

    table: TableRun
    fraction: float = 0.0
    publishing: bool = False
    began_s: float | None = None
    """Monotonic time at which its first attempt began."""
    attempt_s: float | None = None
    """The same of the last one."""

    def advance(self, event: TableEvent) -> None:
        self.table = table = fold_table(self.table, event)
        match event:
            case TableStarted():
                self.attempt_s, self.publishing = time.monotonic(), False
                self.began_s = self.began_s or self.attempt_s
            case ProgressMade():
                self.fraction = shown_fraction(self.fraction, table.rows_read, event.rows_estimated)
            case DataExtracted():
                self.publishing = True
            case DataLoaded():
                self.fraction = 1.0
            case _:
                pass

    @property
    def ended(self) -> bool:
        return self.table.status in ENDED

    @property
    def rows(self) -> int:
        table = self.table
        return table.rows_written if table.status == "succeeded" else table.rows_read

    @property
    def elapsed_s(self) -> float | None:
        """None before it began."""
        if self.ended:
            return self.table.duration_seconds
        return None if self.began_s is None else time.monotonic() - self.began_s

    @property
    def rate(self) -> float | None:
        """Rows a second: of the attempt while it lasts, of the whole once it ended."""
        since = self.began_s if self.ended else self.attempt_s
        seconds = self.elapsed_s if self.ended else since and time.monotonic() - since
        return self.rows / seconds if seconds and self.rows else None

    @property
    def retrying(self) -> bool:
        return self.table.status == "running" and self.table.error is not None

    @property
    def words(self) -> Text:
        status = self.table.status
        if self.retrying:
            return Text("retrying", "yellow")
        if status == "pending":
            return Text("waiting", "dim")
        if status == "running":
            return Text("publishing" if self.publishing else "reading", "cyan")
        return Text("✓ done", "green") if status == "succeeded" else Text(f"✗ {status}", "red")


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
                    tables = begun(event).tables
                    self._lines = {(table.source, table.table): _Line(table) for table in tables}
                case TableEvent():
                    self._line(event.source, event.table).advance(event)
                case _:
                    pass

    def _line(self, source: str, table: str) -> _Line:
        return self._lines.setdefault((source, table), _Line(pending(source, table)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            lines = list(self._lines.values())
            cells = [_cells(line) for line in lines]
        yield _grid(cells, lines, options.max_width)


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
    if line.table.rows_estimated or line.fraction == 1.0 or line.began_s is None:
        return ProgressBar(total=1.0, completed=line.fraction, width=cells)
    return Text(" " * cells)


def _cells(line: _Line) -> tuple[Text, ...]:
    table, elapsed_s, ended = line.table, line.elapsed_s, line.ended
    rate = f"{rows(int(line.rate))}/s" if line.rate else ""
    estimate = table.rows_estimated
    goal = f"of ~{rows(estimate)}" if line.began_s is not None and estimate and not ended else ""
    return (
        Text(clean_text(table.source)),
        Text(clean_text(table.table), style="dim"),
        Text(rows_exact(line.rows) if ended else rows(line.rows)),
        Text(goal, style="dim"),
        Text(rate, style="dim"),
        Text("" if elapsed_s is None else seconds(elapsed_s)),
        line.words,
    )

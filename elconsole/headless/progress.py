"""Progress of a headless sync as plain lines: one a table, each error at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from elconsole.core.events import DataLoaded, Event, SyncStarted, TableFailed
from elconsole.core.humanize import rows_exact, seconds
from elconsole.core.results import RunDetail, TableRun
from elconsole.report import text
from elconsole.report.streams import Output


class Progress(Protocol):
    """Shows a sync while it runs. Called from the engine's threads; never raises."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self, event: Event) -> None: ...

    def finish(self, detail: RunDetail) -> None:
        """Say what no event told: tables never started, errors not yet shown."""

    def restore(self) -> None:
        """Leave the terminal as it was, from any thread, at once."""


class PlainProgress:
    """One line per finished table on stderr, for logs and pipes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        match event:
            case SyncStarted():
                name = "sync" if event.run_number is None else f"run {event.run_number}"
                tables = "1 table" if len(event.tables) == 1 else f"{len(event.tables)} tables"
                self._output.note(f"{name}: {tables}")
            case DataLoaded():
                self._tell(event.source, event.table)
                self._output.note(
                    f"{event.source}.{event.table}: succeeded, "
                    f"{rows_exact(event.rows_written)} rows written in "
                    f"{seconds(event.duration_seconds)}"
                )
            case TableFailed(will_retry=True):
                message = text.failure(event.error, f"{event.source}.{event.table}")
                first_line = message.splitlines()[0].removeprefix("error: ")
                self._output.note(f"{first_line}; attempt {event.attempt} failed, trying again")
            case TableFailed():
                self._tell(event.source, event.table)
                self._output.note(f"{event.source}.{event.table}: {event.status}")
                if event.status != "cancelled":
                    place = f"{event.source}.{event.table}"
                    self._output.failure(text.failure(event.error, place))
            case _:
                pass

    def _tell(self, source: str, table: str) -> None:
        with self._lock:
            self._told.add((source, table))

    def finish(self, detail: RunDetail) -> None:
        untold = [run for run in detail.tables if (run.source, run.table) not in self._told]
        tell_outcomes(untold, self._output)
        self._output.note(text.summary(detail))

    def restore(self) -> None:
        pass


def tell_outcomes(tables: list[TableRun], output: Output) -> None:
    """A line for each table, then each error once."""
    for run in tables:
        output.note(text.finished_table(run))
    tell_failures(tables, output)


def tell_failures(tables: Sequence[TableRun], output: Output) -> None:
    """Each error in full; one that befell several tables (the warehouse is down) once."""
    for failure in text.table_failures(tables):
        output.failure(failure)


def shown_fraction(before: float, rows: int, estimate: int | None) -> float:
    """How much of a bar to fill: never backwards, never full before the end.

    An estimate is the server's guess: a table may hold more rows than it, and a retry
    starts again from the first row.
    """
    if not estimate:
        return before
    return max(before, min(rows / estimate, 0.99))

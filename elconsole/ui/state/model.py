"""What the console knows: frozen state, and what can be told from it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.core.record import record
from elconsole.core.types import ENDED, ErrorInfo

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.results import (
        AdviceReport,
        ConnectionHealth,
        ConnectionInfo,
        PlanReport,
        QualityReport,
        RawTable,
        RunDetail,
        RunSummary,
        TableRun,
    )
    from elconsole.ui.state.log import LogEntry


@record(frozen=True, slots=True)
class ConnectionState:
    """A connection and its last probes."""

    info: ConnectionInfo
    health: ConnectionHealth | None = None
    latencies: tuple[float | None, ...] = ()
    """Milliseconds, oldest first; None where it did not answer."""
    asked_at: datetime | None = None
    """Since when a probe has been under way; None between probes."""
    changed_at: datetime | None = None
    """When the status last changed."""

    def usual_ms(self) -> float | None:
        """The median of the latencies before the last."""
        known = sorted(ms for ms in self.latencies[:-1] if ms is not None)
        return known[len(known) // 2] if known else None


@record(frozen=True, slots=True)
class TableProgress:
    """One table of a run, with the samples its rate is told from."""

    table: TableRun
    samples: tuple[tuple[datetime, int], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Source and table."""
        return self.table.source, self.table.table

    def rows(self) -> int:
        """Rows so far: what was read while it runs, what was written once it ended."""
        table = self.table
        return table.rows_written if table.status == "succeeded" else table.rows_read

    def rate(self, now: datetime) -> float | None:
        """Rows a second: lately while it runs, on the whole once it ended."""
        if self.table.status in ENDED:
            seconds = self.table.duration_seconds
            return self.table.rows_read / seconds if seconds > 0 else None
        if len(self.samples) < 2:
            return self._mean_rate(now)
        first, newest = self.samples[0], self.samples[-1]
        end = max(newest[0], now) if (now - newest[0]).total_seconds() > 3 else newest[0]
        seconds = (end - first[0]).total_seconds()
        return (newest[1] - first[1]) / seconds if seconds > 0 else None

    def _mean_rate(self, now: datetime) -> float | None:
        began, rows = self.table.started_at, self.table.rows_read
        seconds = (now - began).total_seconds() if began is not None else 0.0
        return rows / seconds if seconds > 0.5 and rows else None

    def share(self) -> float | None:
        """How much is done, 0 to 1; None where the total is not known."""
        table = self.table
        if table.status == "succeeded":
            return 1.0
        if not table.rows_estimated:
            return None
        return min(table.rows_read / table.rows_estimated, 0.99)

    def seconds_left(self, now: datetime) -> float | None:
        """From the estimate and the present rate; None where either is missing."""
        rate, total = self.rate(now), self.table.rows_estimated
        if self.table.status != "running" or not rate or not total:
            return None
        left = total - self.table.rows_read
        return left / rate if left > 0 else None


@record(frozen=True, slots=True)
class RunState:
    """A run as far as it is known."""

    run: RunSummary
    tables: tuple[TableProgress, ...] = ()
    here: bool = False
    """Whether this console started it."""
    cancelling: bool = False

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.run.status == "running"

    def detail(self) -> RunDetail:
        """The run as the engine's own result type."""
        from elconsole.core.results import RunDetail

        return RunDetail(self.run, tuple(item.table for item in self.tables))


@record(frozen=True, slots=True, kw_only=True)
class ConsoleState:
    """Everything on the screen comes from here."""

    connections: tuple[ConnectionState, ...] = ()
    runs: tuple[RunState, ...] = ()
    """Runs going on and the last one that ended, newest first."""
    history: tuple[RunSummary, ...] | None = None
    raw_tables: tuple[RawTable, ...] = ()
    quality: QualityReport | None = None
    quality_at: datetime | None = None
    plan: PlanReport | None = None
    plan_at: datetime | None = None
    advice: AdviceReport | None = None
    log: tuple[LogEntry, ...] = ()
    """Oldest first."""
    problems: tuple[tuple[str, ErrorInfo], ...] = ()
    """What could not be read, by the name of the question: `quality`, `runs`, …"""
    starting: bool = False
    """Between the key and the engine's first event."""

    def sources(self) -> tuple[str, ...]:
        """The names of the sources that are configured."""
        return tuple(item.info.name for item in self.connections if item.info.role == "source")

    def shown_run(self) -> RunState | None:
        """The run the dashboard shows: the newest going on, else the newest."""
        return next((run for run in self.runs if run.running), self.runs[0] if self.runs else None)

    def running_here(self) -> RunState | None:
        """The run that this console started and that still goes on."""
        return next((run for run in self.runs if run.running and run.here), None)

    def run(self, run_id: str) -> RunState | None:
        """A run that is followed."""
        return next((item for item in self.runs if item.run.run_id == run_id), None)

    def problem(self, question: str) -> ErrorInfo | None:
        """Why a question has no answer."""
        return dict(self.problems).get(question)


def started(connections: tuple[ConnectionInfo, ...]) -> ConsoleState:
    """The state before anything was asked."""
    return ConsoleState(connections=tuple(ConnectionState(info) for info in connections))

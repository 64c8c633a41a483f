"""`Engine`: all that a terminal, a command or a test may ask of the engine.

Methods do database work and block; call them from worker threads. Each raises
`elconsole.core.errors.ElconsoleError` and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from elconsole.core.events import Emit
from elconsole.core.results import (
    AdviceReport,
    CheckReport,
    ConnectionHealth,
    ConnectionInfo,
    PlanReport,
    QualityReport,
    QualityRequest,
    RawTable,
    ReconcileReport,
    RunDetail,
    RunSummary,
    SchemaReport,
    SyncRequest,
    UnitsPage,
)

if TYPE_CHECKING:
    from elconsole.core.targets import TargetChange, TargetRequest, TargetsReport

StopFlag = threading.Event
"""Set it from any thread to cancel; the sync ends within a second, rolled back."""


class Engine(Protocol):
    """The engine, as seen from above. One object serves many threads at once."""

    def connections(self) -> tuple[ConnectionInfo, ...]:
        """Sources in the settings' order, then the warehouse. No I/O."""

    def probe(self, name: str) -> ConnectionHealth:
        """Ask one connection how it is; never raises for what the server does."""

    def check(self) -> CheckReport:
        """Probe all connections at once and list the raw tables."""

    def plan(self, request: SyncRequest) -> PlanReport:
        """What `sync` would do. Writes nothing."""

    def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
        """Run to the end. A table's failure, or an unreachable database, is in the
        result; raises only for a wrong request."""

    def interrupt(self) -> None:
        """Free every blocked call of a running sync; thread-safe, idempotent.
        Set the stop flag first."""

    def watch(self, stop: StopFlag) -> Iterator[RunDetail]:
        """Yield the newest run at once, then each run's new state as it changes,
        whoever runs it; ends within a second after `stop` is set. Reads only.
        Raises DatabaseUnavailable when the warehouse goes away."""

    def runs(self, limit: int = 20) -> tuple[RunSummary, ...]:
        """History, newest first."""

    def run(self, run_id: str) -> RunDetail:
        """One run by its id, a unique prefix of it, or its number; the newest as `last`."""

    def cancel(self, run_id: str | None = None) -> RunSummary | None:
        """Ask a run, wherever it runs, to stop; or the one that goes on. Returns it as it stands
        now: one that has ended is left alone; None where none is named and none goes on.
        Raises UsageError where several go on."""

    def prune_runs(self, keep_seconds: float | None = None) -> int:
        """Remove the runs that ended longer ago than that, or than the setting `keep_runs`;
        returns how many. Keeps what goes on, and what raw tables' rows are of."""

    def raw_tables(self) -> tuple[RawTable, ...]:
        """Every table the engine published."""

    def targets(self) -> TargetsReport:
        """Every raw table, and who feeds it. Asks the sources."""

    def change_targets(self, request: TargetRequest) -> tuple[TargetChange, ...]:
        """Rename, drop or reset raw tables, or give them another source."""

    def quality(self, request: QualityRequest) -> QualityReport:
        """Pass rates per dimension."""

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> UnitsPage:
        """The newest failed units of one dimension value."""

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        """Keep the present periods as the reference; returns the new version."""

    def schema(self) -> SchemaReport:
        """Drift between each source table and its raw table."""

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> ReconcileReport:
        """Compare source and raw content."""

    def advise(self) -> AdviceReport:
        """What the advisors found."""

    def close(self) -> None:
        """Close every idle connection."""

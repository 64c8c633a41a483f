"""An engine whose syncs are also counted and told of: metrics and notifications.

Whatever fails here is logged and changes no sync's result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole.core import results
from elconsole.core.engine import Engine, StopFlag
from elconsole.core.errors import ElconsoleError
from elconsole.core.events import Emit, Event, QualitySignal

if TYPE_CHECKING:
    from elconsole.core.targets import TargetChange, TargetRequest, TargetsReport
    from elconsole.observe.metrics import Metrics
    from elconsole.observe.notify import Notifier


class ObservedEngine:
    """Implements `Engine` by another one, and passes on what it sees."""

    def __init__(
        self,
        engine: Engine,
        *,
        metrics: Metrics | None = None,
        metrics_file: Path | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._metrics_file = metrics_file
        self._notifier = notifier

    def sync(
        self, request: results.SyncRequest, *, emit: Emit, stop: StopFlag
    ) -> results.RunDetail:
        signals: list[QualitySignal] = []

        def observed(event: Event) -> None:
            if self._metrics is not None:
                self._metrics.observe(event)
            if isinstance(event, QualitySignal):
                signals.append(event)
            emit(event)

        if self._notifier is not None:
            self._notifier.starting()
        try:
            detail = self._engine.sync(request, emit=observed, stop=stop)
        except ElconsoleError as error:
            self._tell_failure(error)
            self._write(stop)
            raise
        self._tell(detail, signals)
        if self._metrics is not None and not (request.selection or request.due):
            self._metrics.forget_tables_but(detail.tables)
            self._count_unfed(detail)
        self._write(stop)
        return detail

    def _count_unfed(self, known: results.RunDetail | results.CheckReport) -> None:
        if self._metrics is not None and known.unfed is not None:
            self._metrics.observe_unfed(known.unfed, unasked=known.unasked)

    def _tell_failure(self, error: ElconsoleError) -> None:
        """A sync that could not even begin has failed too."""
        if self._notifier is None:
            return
        from elconsole.report import documents

        self._notifier.ended({"status": "failed", **documents.failure("tables", error.info())})

    def _tell(self, detail: results.RunDetail, signals: list[QualitySignal]) -> None:
        if self._notifier is None:
            return
        from elconsole.report import documents

        content = documents.in_warehouse(documents.sync(detail), self.connections())
        self._notifier.ended(content)
        self._notifier.signalled(
            [
                {"kind": signal.kind, **asdict(signal), "at": signal.at.isoformat()}
                for signal in signals
            ]
        )

    def _write(self, stop: StopFlag) -> None:
        if self._metrics is None or self._metrics_file is None:
            return
        if not stop.is_set():
            self._probe_all(self._metrics)
            with suppress(ElconsoleError):
                self.quality(results.QualityRequest())
        self._metrics.write_file(self._metrics_file)

    def _probe_all(self, metrics: Metrics) -> None:
        """Side by side: one that hangs delays no other."""
        names = [connection.name for connection in self.connections()]
        with ThreadPoolExecutor(len(names)) as pool:
            metrics.observe_connections(
                tuple(pool.map(self._engine.probe, names)), all_of_them=True
            )

    def probe(self, name: str) -> results.ConnectionHealth:
        health = self._engine.probe(name)
        if self._metrics is not None:
            self._metrics.observe_connections((health,))
        return health

    def check(self) -> results.CheckReport:
        report = self._engine.check()
        if self._metrics is not None:
            self._metrics.observe_connections(report.connections, all_of_them=True)
            self._count_unfed(report)
        return report

    def quality(self, request: results.QualityRequest) -> results.QualityReport:
        report = self._engine.quality(request)
        if self._metrics is not None:
            everything = request == results.QualityRequest()
            self._metrics.observe_quality(report.tables, all_of_them=everything)
        return report

    def connections(self) -> tuple[results.ConnectionInfo, ...]:
        return self._engine.connections()

    def plan(self, request: results.SyncRequest) -> results.PlanReport:
        return self._engine.plan(request)

    def interrupt(self) -> None:
        self._engine.interrupt()

    def watch(self, stop: StopFlag) -> Iterator[results.RunDetail]:
        return self._engine.watch(stop)

    def runs(self, limit: int = 20) -> tuple[results.RunSummary, ...]:
        return self._engine.runs(limit)

    def run(self, run_id: str) -> results.RunDetail:
        return self._engine.run(run_id)

    def cancel(self, run_id: str | None = None) -> results.RunSummary | None:
        return self._engine.cancel(run_id)

    def prune_runs(self, keep_seconds: float | None = None) -> int:
        return self._engine.prune_runs(keep_seconds)

    def raw_tables(self) -> tuple[results.RawTable, ...]:
        return self._engine.raw_tables()

    def targets(self) -> TargetsReport:
        return self._engine.targets()

    def change_targets(self, request: TargetRequest) -> tuple[TargetChange, ...]:
        return self._engine.change_targets(request)

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> results.UnitsPage:
        return self._engine.failed_units(source, table, dimension, value, limit)

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        return self._engine.freeze_baseline(sources)

    def schema(self) -> results.SchemaReport:
        return self._engine.schema()

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> results.ReconcileReport:
        return self._engine.reconcile(selection, stop=stop)

    def advise(self) -> results.AdviceReport:
        return self._engine.advise()

    def close(self) -> None:
        self._engine.close()

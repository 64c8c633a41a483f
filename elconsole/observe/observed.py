"""An engine whose syncs are also counted and told of: metrics and notifications.

Whatever fails here is logged and changes no sync's result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole import api
from elconsole.errors import ElconsoleError
from elconsole.events import Emit, Event, QualitySignal

if TYPE_CHECKING:
    from elconsole.metrics import Metrics
    from elconsole.notify import Notifier


class ObservedEngine:
    """Implements `api.Engine` by another one, and passes on what it sees."""

    def __init__(
        self,
        engine: api.Engine,
        *,
        metrics: Metrics | None = None,
        metrics_file: Path | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._metrics_file = metrics_file
        self._notifier = notifier

    def sync(self, request: api.SyncRequest, *, emit: Emit, stop: api.StopFlag) -> api.RunDetail:
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
        if self._metrics is not None and not request.selection:
            self._metrics.forget_tables_but(detail.tables)
        self._write(stop)
        return detail

    def _tell_failure(self, error: ElconsoleError) -> None:
        """A sync that could not even begin has failed too."""
        if self._notifier is None:
            return
        from elconsole import jsonout

        known = api.ErrorInfo(error.kind, error.message, error.hint, error.sqlstate)
        self._notifier.ended({"status": "failed", **jsonout.failure("tables", known)})

    def _tell(self, detail: api.RunDetail, signals: list[QualitySignal]) -> None:
        if self._notifier is None:
            return
        from elconsole import jsonout

        self._notifier.ended(jsonout.sync(detail))
        self._notifier.signalled(
            [
                {"kind": signal.kind, **asdict(signal), "at": signal.at.isoformat()}
                for signal in signals
            ]
        )

    def _write(self, stop: api.StopFlag) -> None:
        if self._metrics is None or self._metrics_file is None:
            return
        if not stop.is_set():
            with suppress(ElconsoleError):
                self.check()
                self.quality(api.QualityRequest())
        self._metrics.write_file(self._metrics_file)

    def probe(self, name: str) -> api.ConnectionHealth:
        health = self._engine.probe(name)
        if self._metrics is not None:
            self._metrics.observe_connections((health,))
        return health

    def check(self) -> api.CheckReport:
        report = self._engine.check()
        if self._metrics is not None:
            self._metrics.observe_connections(report.connections, all_of_them=True)
        return report

    def quality(self, request: api.QualityRequest) -> api.QualityReport:
        report = self._engine.quality(request)
        if self._metrics is not None:
            everything = request == api.QualityRequest()
            self._metrics.observe_quality(report.tables, all_of_them=everything)
        return report

    def connections(self) -> tuple[api.ConnectionInfo, ...]:
        return self._engine.connections()

    def plan(self, request: api.SyncRequest) -> api.PlanReport:
        return self._engine.plan(request)

    def interrupt(self) -> None:
        self._engine.interrupt()

    def watch(self, stop: api.StopFlag) -> Iterator[api.RunDetail]:
        return self._engine.watch(stop)

    def runs(self, limit: int = 20) -> tuple[api.RunSummary, ...]:
        return self._engine.runs(limit)

    def run(self, run_id: str) -> api.RunDetail:
        return self._engine.run(run_id)

    def raw_tables(self) -> tuple[api.RawTable, ...]:
        return self._engine.raw_tables()

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> api.UnitsPage:
        return self._engine.failed_units(source, table, dimension, value, limit)

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        return self._engine.freeze_baseline(sources)

    def schema(self) -> api.SchemaReport:
        return self._engine.schema()

    def reconcile(self, selection: tuple[str, ...], *, stop: api.StopFlag) -> api.ReconcileReport:
        return self._engine.reconcile(selection, stop=stop)

    def advise(self) -> api.AdviceReport:
        return self._engine.advise()

    def close(self) -> None:
        self._engine.close()

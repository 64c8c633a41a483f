"""`PostgresEngine`: the engine behind `elconsole.core.engine.Engine`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from elconsole.config.keys import dotted
from elconsole.core import results
from elconsole.core.engine import StopFlag
from elconsole.core.errors import UsageError
from elconsole.core.events import Emit
from elconsole.engine.catalog.warehouse import read_state
from elconsole.engine.connect.parallel import Attempts, side_by_side
from elconsole.engine.connect.pool import Pool, Pools
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger import runs as ledger
from elconsole.engine.ledger.schema import ledger_version
from elconsole.engine.ledger.targets import read_targets
from elconsole.engine.plan.plan import ignored_news, plan_tables
from elconsole.engine.plan.results import as_drift, as_planned_table, lacking, refused
from elconsole.engine.plan.survey import Survey, require_sources, select, survey
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.plan.unfed import surveyed_unfed
from elconsole.engine.publish.foresee import foresee
from elconsole.engine.quality.read import failed_units, freeze_baseline, read_quality
from elconsole.engine.quality.statements import QualityTarget
from elconsole.engine.quality.targets import quality_targets
from elconsole.engine.sql.statements import statement
from elconsole.engine.sync.gates import load_hooks
from elconsole.engine.sync.run import SyncRun, user_name

if TYPE_CHECKING:
    from elconsole.config.models import ConnectionSettings, Settings, SourceSettings
    from elconsole.core.targets import TargetChange, TargetRequest, TargetsReport
    from elconsole.core.types import Role

WAREHOUSE = "warehouse"
LEDGER_SESSIONS = 4
NOTHING = Survey((), {}, {})


class PostgresEngine:
    """Implements `Engine` on PostgreSQL. Opens no connection until it is asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._attempts = Attempts()
        of_warehouse = settings.workers + LEDGER_SESSIONS
        self._pools = Pools(
            {
                name: Pool(self._server(name, "source", source, settings.workers), settings.workers)
                for name, source in settings.sources.items()
            },
            Pool(
                self._server(WAREHOUSE, "warehouse", settings.warehouse, of_warehouse),
                of_warehouse,
            ),
        )
        self._running: set[threading.Event] = set()

    def _server(self, name: str, role: Role, settings: ConnectionSettings, sessions: int) -> Server:
        path = dotted(("sources", name)) if role == "source" else name
        return Server(
            name,
            role,
            settings.resolved_parameters(path),
            settings.address,
            self.settings.connect_timeout,
            self._attempts,
            settings.search_path,
            sessions,
        )

    def connections(self) -> tuple[results.ConnectionInfo, ...]:
        pools = (*self._pools.sources.values(), self._pools.warehouse)
        servers = [pool.server for pool in pools]
        return tuple(results.ConnectionInfo(s.name, s.role, s.address, *s.place) for s in servers)

    def probe(self, name: str) -> results.ConnectionHealth:
        source = self.settings.sources.get(name)
        if source is not None:
            return self._probe_source(name, source)
        if name != WAREHOUSE:
            raise UsageError(f"there is no connection {name}")
        return self._probe_warehouse()

    def check(self) -> results.CheckReport:
        probes = (partial(self._probe_role, connection) for connection in self.connections())
        health = tuple(side_by_side(probes, "probe"))
        if health[-1].status == "down":
            return results.CheckReport(health, ())
        silent = {one.name for one in health[:-1] if one.status == "down"}
        asked = tuple(name for name in self.settings.sources if name not in silent)
        found = survey(select(self.settings, asked), self._pools.sources) if asked else NOTHING
        with self._warehouse() as session:
            tables = self._raw_tables(session)
            state = read_state(session, self.settings.target_schemas)
            planned = plan_tables(self.settings, found, state, results.SyncRequest())
            planned = foresee(session, planned)
        return results.CheckReport(
            health,
            tables,
            (*lacking(health), *refused(planned)),
            surveyed_unfed(self.settings, found, state),
            tuple(sorted(silent.union(found.failures))),
            ignored_news(self.settings, found, state, planned),
        )

    def _probe_role(self, connection: results.ConnectionInfo) -> results.ConnectionHealth:
        # A source may be called warehouse, too.
        if connection.role == "warehouse":
            return self._probe_warehouse()
        return self.probe(connection.name)

    def _probe_source(self, name: str, source: SourceSettings) -> results.ConnectionHealth:
        from elconsole.engine.catalog.health import not_readable, probe

        missing = partial(not_readable, wanted=source.tables, excluded=source.exclude)
        return probe(self._pools.sources[name], self.settings.degraded_ms, missing)

    def _probe_warehouse(self) -> results.ConnectionHealth:
        from elconsole.engine.catalog.health import not_usable, probe

        missing = partial(not_usable, target_schemas=self.settings.target_schemas)
        return probe(self._pools.warehouse, self.settings.degraded_ms, missing)

    def plan(self, request: results.SyncRequest) -> results.PlanReport:
        planned, unfed, ignored = self._planned(request)
        with self._warehouse() as session:
            planned = foresee(session, planned)
        if not request.counted:
            return results.PlanReport(tuple(map(as_planned_table, planned)), unfed, ignored)
        from elconsole.engine.extract.expected import expect

        tables = (
            replace(as_planned_table(one), rows_estimated=rows)
            for one, rows in expect(planned, self._pools.sources)
        )
        return results.PlanReport(tuple(tables), unfed, ignored)

    def sync(
        self, request: results.SyncRequest, *, emit: Emit, stop: StopFlag
    ) -> results.RunDetail:
        hooks = load_hooks(self.settings)
        self._running.add(stop)
        try:
            run = SyncRun(self.settings, self._pools, request, emit=emit, stop=stop, hooks=hooks)
            return run.run()
        finally:
            self._running.discard(stop)
            if hooks is not None:
                hooks.close()

    def interrupt(self) -> None:
        for stop in tuple(self._running):
            stop.set()

    def watch(self, stop: StopFlag) -> Iterator[results.RunDetail]:
        from elconsole.engine.ledger.watch import watch_runs

        return watch_runs(self._pools.warehouse.server, stop)

    def runs(self, limit: int = 20) -> tuple[results.RunSummary, ...]:
        with self._warehouse() as session:
            return ledger.read_runs(session, limit)

    def run(self, run_id: str) -> results.RunDetail:
        with self._warehouse() as session:
            return ledger.read_run(session, run_id)

    def cancel(self, run_id: str | None = None) -> results.RunSummary | None:
        import socket

        from elconsole.engine.ledger.cancelling import cancel_run

        with self._warehouse() as session:
            return cancel_run(session, run_id, f"{user_name()}@{socket.gethostname()}")

    def prune_runs(self, keep_seconds: float | None = None) -> int:
        from elconsole.engine.ledger.retention import remove_all

        keep_s = self.settings.keep_runs_seconds if keep_seconds is None else keep_seconds
        with self._warehouse() as session:
            return remove_all(session, keep_s)

    def raw_tables(self) -> tuple[results.RawTable, ...]:
        with self._warehouse() as session:
            return self._raw_tables(session)

    def _raw_tables(self, session: Session) -> tuple[results.RawTable, ...]:
        schema = self.settings.warehouse.target_schema
        with session.within(CATALOG_TIMEOUT_S):
            if not ledger_version(session, self.settings.target_schemas):
                return ()
            with session.cursor(row_factory=class_row(results.RawTable)) as cursor:
                return tuple(cursor.execute(statement("catalog/raw_tables"), [schema]).fetchall())

    def targets(self) -> TargetsReport:
        from elconsole.engine.targets import list_targets

        found = survey(select(self.settings, ()), self._pools.sources)
        with self._warehouse() as session:
            published = self._raw_tables(session)
            state = read_state(session, self.settings.target_schemas)
        return list_targets(self.settings, found, state, published)

    def change_targets(self, request: TargetRequest) -> tuple[TargetChange, ...]:
        from elconsole.engine.targets import TargetChanger

        with self._warehouse() as session:
            return TargetChanger(session, self.settings, request).change()

    def quality(self, request: results.QualityRequest) -> results.QualityReport:
        require_sources(self.settings, request.sources)
        with self._warehouse() as session:
            return read_quality(session, self._units(session), request, datetime.now(UTC))

    def failed_units(
        self, source: str, table: str, dimension: str, value: str, limit: int = 200
    ) -> results.UnitsPage:
        with self._warehouse() as session:
            for target in self._units(session):
                if (target.source, target.table) == (source, table):
                    return failed_units(session, target, dimension, value, limit)
        raise UsageError(f"{source}.{table} has no pass rates, or was never synced")

    def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
        require_sources(self.settings, sources)
        with self._warehouse() as session:
            chosen = [t for t in self._units(session) if not sources or t.source in sources]
            return freeze_baseline(session, chosen, datetime.now(UTC))

    def _units(self, session: Session) -> list[QualityTarget]:
        """The published tables with pass rates."""
        schemas = self.settings.target_schemas
        return self._counted(session) if ledger_version(session, schemas) else []

    def _counted(self, session: Session) -> list[QualityTarget]:
        """The same, of a ledger that has been looked at."""
        schema = self.settings.warehouse.target_schema
        targets = read_targets(session).of(schema).values()
        return quality_targets(self.settings, targets)

    def schema(self) -> results.SchemaReport:
        planned, unfed, ignored = self._planned(results.SyncRequest())
        return results.SchemaReport(tuple(map(as_drift, planned)), unfed, ignored)

    def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> results.ReconcileReport:
        from elconsole.engine.reconcile import reconcile_tables

        planned, _, _ = self._planned(results.SyncRequest(selection), stop)
        salt = self.settings.hash_salt
        return reconcile_tables(
            planned,
            self._pools,
            hash_salt=salt.get_secret_value() if salt else None,
            workers=self.settings.workers,
            stall_timeout_s=self.settings.stall_timeout,
            stop=stop,
        )

    def advise(self) -> results.AdviceReport:
        from elconsole.advisors.everything import advise
        from elconsole.engine.facts import is_unreachable, read_facts

        planned, unfed, _ = self._planned(results.SyncRequest())
        silent = {one.source: one.error for one in planned if is_unreachable(one)}
        unasked = tuple((name, error.info()) for name, error in silent.items())
        now = datetime.now(UTC)
        with self._warehouse() as session:
            if not ledger_version(session, self.settings.target_schemas):
                return results.AdviceReport((), unasked)
            quality = read_quality(session, self._counted(session), results.QualityRequest(), now)
            sources = self._pools.sources
            facts = read_facts(session, planned, sources, quality.tables, self.settings, now)
        return results.AdviceReport(advise(replace(facts, unfed=unfed)), unasked)

    def _planned(
        self, request: results.SyncRequest, stop: StopFlag | None = None
    ) -> tuple[
        list[TableTask | Refused], tuple[results.UnfedTable, ...], tuple[results.IgnoredNew, ...]
    ]:
        """The tables of a request, the unfed ones where it names everything, and what is new
        and left out."""
        selected = select(self.settings, request.selection, request.backfill)
        found = survey(selected, self._pools.sources, stop)
        with self._warehouse() as session:
            schemas = self.settings.target_schemas
            state = read_state(session, schemas)
            if request.due:
                from elconsole.engine.sync.due import due_tables

                found = due_tables(session, self.settings, found, ledger_version(session, schemas))
        is_part = request.selection or request.due
        unfed = () if is_part else surveyed_unfed(self.settings, found, state)
        planned = plan_tables(self.settings, found, state, request)
        return planned, unfed, ignored_news(self.settings, found, state, planned)

    def close(self) -> None:
        self._pools.close()

    @contextmanager
    def _warehouse(self) -> Iterator[Session]:
        with (
            self._pools.warehouse.session() as session,
            session.attended(self.settings.stall_timeout),
        ):
            yield session

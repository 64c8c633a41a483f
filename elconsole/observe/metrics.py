"""Prometheus metrics of syncs, connections and pass rates (extra `metrics`).

Two ways out: a text file for node_exporter's textfile collector, which suits cron, and a
port, which suits a console or a long run. Neither can fail a sync.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from elconsole.core.errors import UsageError
from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    Event,
    QualitySignal,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableFailed,
)
from elconsole.core.files import read_regular, replace_regular
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from elconsole.core.results import ConnectionHealth, QualityTable, TableRun, UnfedTable

LOG = logging.getLogger("elconsole.metrics")

_TABLE = ("source", "table")
_UNIT = ("source", "table", "dimension", "value")


@record(frozen=True, slots=True)
class Definition:
    """One metric: its name, meaning and labels."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...] = ()


DEFINITIONS = (
    Definition("elconsole_rows_extracted_total", "counter", "Rows read from sources.", _TABLE),
    Definition("elconsole_rows_loaded_total", "counter", "Rows written to raw tables.", _TABLE),
    Definition("elconsole_rows_deleted_total", "counter", "Rows swept from raw tables.", _TABLE),
    Definition("elconsole_extracted_bytes_total", "counter", "Bytes read from sources.", _TABLE),
    Definition(
        "elconsole_table_failures_total",
        "counter",
        "Tables that were not published, by kind of error.",
        (*_TABLE, "kind"),
    ),
    Definition(
        "elconsole_table_last_success_timestamp_seconds",
        "gauge",
        "When a table was last published.",
        _TABLE,
    ),
    Definition(
        "elconsole_table_last_sync_succeeded",
        "gauge",
        "1 after a success, 0 after a failure.",
        _TABLE,
    ),
    Definition(
        "elconsole_table_extract_duration_seconds",
        "gauge",
        "Time the last extraction took.",
        _TABLE,
    ),
    Definition(
        "elconsole_table_load_duration_seconds",
        "gauge",
        "Time the last load took after its last byte.",
        _TABLE,
    ),
    Definition(
        "elconsole_table_sync_duration_seconds", "gauge", "Time a table's last sync took.", _TABLE
    ),
    Definition(
        "elconsole_schema_changes_total",
        "counter",
        "Columns that differed from the raw table.",
        _TABLE,
    ),
    Definition(
        "elconsole_table_unfed", "gauge", "1 where no sync fills the raw table any more.", _TABLE
    ),
    Definition("elconsole_syncs_total", "counter", "Runs that ended, by status.", ("status",)),
    Definition("elconsole_sync_running", "gauge", "1 while a run of this process lasts."),
    Definition("elconsole_sync_duration_seconds", "gauge", "Time the last run took."),
    Definition(
        "elconsole_sync_last_completed_timestamp_seconds", "gauge", "When the last run ended."
    ),
    Definition(
        "elconsole_connection_up",
        "gauge",
        "1 where a database answers, 0 where it does not.",
        ("name", "role"),
    ),
    Definition(
        "elconsole_connection_latency_seconds",
        "gauge",
        "Time a database took to answer.",
        ("name", "role"),
    ),
    Definition("elconsole_units_inspected", "gauge", "Units of a dimension's value.", _UNIT),
    Definition("elconsole_pass_ratio", "gauge", "Share of units that passed, 0 to 1.", _UNIT),
    Definition(
        "elconsole_quality_signal", "gauge", "1 where a control chart's rule fired, else 0.", _UNIT
    ),
    Definition(
        "elconsole_quality_signals_total",
        "counter",
        "Signals raised after syncs.",
        (*_UNIT, "rule"),
    ),
    Definition("elconsole_build_info", "gauge", "Always 1; which version runs.", ("version",)),
)

_CONNECTION_METRICS = ("elconsole_connection_up", "elconsole_connection_latency_seconds")
_UNFED_METRIC = "elconsole_table_unfed"
_UNIT_METRICS = ("elconsole_units_inspected", "elconsole_pass_ratio", "elconsole_quality_signal")
LARGEST_FILE_BYTES = 16 * 2**20
"""What an earlier process may have left: more tables than anybody has, parsed in seconds."""
LONGEST_LABEL = 200
"""Letters of a label's value: names of databases have 63, values of dimensions any number."""
UNKNOWN_TABLES = "*"
"""Stands for the tables of a source that did not answer."""


class Metrics:
    """One registry; its methods take what happened, are thread-safe and never raise."""

    def __init__(self) -> None:
        """Raises UsageError, naming the pip command, without the extra `metrics`."""
        try:
            import prometheus_client
        except ImportError as error:
            raise UsageError(
                "metrics need the package prometheus-client, which is not installed",
                hint='pip install "elconsole[metrics]"',
            ) from error
        # Creation times double every counter and mean nothing in a text file.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry: CollectorRegistry = prometheus_client.CollectorRegistry()
        kinds = {"counter": prometheus_client.Counter, "gauge": prometheus_client.Gauge}
        self._metrics: dict[str, Any] = {
            one.name: kinds[one.kind](one.name, one.meaning, one.labels, registry=self.registry)
            for one in DEFINITIONS
        }
        self._known: dict[str, set[tuple[str, ...]]] = {}
        """The label values that each metric has."""
        self._metric("elconsole_build_info", _version()).set(1)
        self._writing = threading.Lock()

    def observe(self, event: Event) -> None:
        """Take an event of a sync."""
        try:
            self._observe(event)
        # Numbers about a sync must not end it.
        except Exception:
            LOG.exception("metrics: %s was not counted", event.kind)

    def observe_connections(
        self, connections: Iterable[ConnectionHealth], *, all_of_them: bool = False
    ) -> None:
        """Take probes; with `all_of_them`, forget connections that are no more."""
        known = list(connections)
        if all_of_them:
            kept = {_labels(one.name, one.role) for one in known}
            for name in _CONNECTION_METRICS:
                self._forget(name, lambda labels: labels not in kept)
        for one in known:
            self._metric("elconsole_connection_up", one.name, one.role).set(one.status != "down")
            if one.latency_ms is not None:
                latency = self._metric("elconsole_connection_latency_seconds", one.name, one.role)
                latency.set(one.latency_ms / 1000)

    def observe_quality(self, tables: Iterable[QualityTable], *, all_of_them: bool = False) -> None:
        """Take pass rates over all data; with `all_of_them`, forget values that are no more:
        their last signal would stand for ever. A table that could not be read keeps its own."""
        known = list(tables)
        if all_of_them:
            kept = {
                _labels(table.source, table.table, table.dimension, row.value)
                for table in known
                for row in table.rows
            }
            unread = {_labels(t.source, t.table, t.dimension) for t in known if t.error is not None}
            for name in _UNIT_METRICS:
                self._forget(name, lambda unit: unit not in kept and unit[:3] not in unread)
        for table in known:
            for row in table.rows:
                if row.period is not None:
                    continue
                unit = (table.source, table.table, table.dimension, row.value)
                self._metric("elconsole_units_inspected", *unit).set(row.inspected)
                signal = row.judged == "signal"
                self._metric("elconsole_quality_signal", *unit).set(signal)
                if row.pass_rate is not None:
                    self._metric("elconsole_pass_ratio", *unit).set(row.pass_rate)

    def forget_tables_but(self, tables: Iterable[TableRun]) -> None:
        """Forget tables that a run of everything did not meet: removed from the settings or
        the source, they would look stale for ever. Where a source did not answer (`*`), its
        tables stay."""
        met = {_labels(table.source, table.table) for table in tables}
        silent = {source for source, table in met if table == UNKNOWN_TABLES}

        def gone(labels: tuple[str, ...]) -> bool:
            return labels[:2] not in met and labels[0] not in silent

        for one in DEFINITIONS:
            if one.labels[:2] == _TABLE and one.name not in (*_UNIT_METRICS, _UNFED_METRIC):
                self._forget(one.name, gone)

    def observe_unfed(self, tables: Iterable[UnfedTable], *, unasked: Collection[str] = ()) -> None:
        """Take all raw tables that are unfed, and forget those that no longer are. Those of
        the sources `unasked` stay as they were."""
        known = {_labels(table.source, table.table) for table in tables}
        silent = {label for source in unasked for label in _labels(source)}
        self._forget(_UNFED_METRIC, lambda table: table not in known and table[0] not in silent)
        for table in known:
            self._metric(_UNFED_METRIC, *table).set(1)

    def continue_file(self, path: Path) -> None:
        """Go on from what an earlier process wrote: counters keep counting, and tables that
        this run does not touch keep their last success."""
        from prometheus_client.parser import text_string_to_metric_families

        try:
            written = read_regular(path, LARGEST_FILE_BYTES).decode("utf-8")
            for family in text_string_to_metric_families(written):
                for sample in family.samples:
                    self._restore(sample.name, sample.labels, sample.value)
        except FileNotFoundError:
            return
        # What else stands in such a file makes the parser fail in any way.
        except Exception as error:  # noqa: BLE001
            LOG.warning("metrics: %s can't be continued: %s", path, error)

    def write_file(self, path: Path) -> bool:
        """Write the text file in one step; False, with a log line, where that fails."""
        from prometheus_client import generate_latest

        with self._writing:
            try:
                # The collector runs as another user than cron's.
                replace_regular(path, generate_latest(self.registry), 0o644)
            except (OSError, ValueError) as error:
                LOG.warning("metrics: %s was not written: %s", path, error)
                return False
        return True

    def serve(self, port: int, address: str = "127.0.0.1") -> Callable[[], None]:
        """Serve the metrics until the returned function is called.

        Raises UsageError where the port can't be had.
        """
        from prometheus_client import start_http_server

        try:
            server, thread = start_http_server(port, address, self.registry)
        except OSError as error:
            raise UsageError(
                f"metrics can't be served on {address}:{port}: {error.strerror}",
                hint="choose another --metrics-port",
            ) from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def _metric(self, name: str, *labels: str) -> Any:
        metric = self._metrics[name]
        if not labels:
            return metric
        cleaned = _labels(*labels)
        self._known.setdefault(name, set()).add(cleaned)
        return metric.labels(*cleaned)

    def _forget(self, name: str, unwanted: Callable[[tuple[str, ...]], bool]) -> None:
        known = self._known.get(name, set())
        for labels in [labels for labels in tuple(known) if unwanted(labels)]:
            known.discard(labels)
            self._metrics[name].remove(*labels)

    def _observe(self, event: Event) -> None:
        at = event.at.timestamp()
        match event:
            case SyncStarted():
                self._metric("elconsole_sync_running").set(1)
            case SchemaChanged():
                changes = self._metric("elconsole_schema_changes_total", event.source, event.table)
                changes.inc(len(event.changes))
            case DataExtracted():
                table = (event.source, event.table)
                self._metric("elconsole_rows_extracted_total", *table).inc(event.rows_read)
                self._metric("elconsole_extracted_bytes_total", *table).inc(event.bytes_total)
            case DataLoaded():
                self._loaded(event, at)
            case TableFailed() if not event.will_retry:
                table = (event.source, event.table)
                self._metric("elconsole_table_failures_total", *table, event.error.kind).inc()
                self._metric("elconsole_table_last_sync_succeeded", *table).set(0)
            case QualitySignal():
                unit = (event.source, event.table, event.dimension, event.value)
                rule = str(event.rule)
                self._metric("elconsole_quality_signals_total", *unit, rule).inc()
                self._metric("elconsole_quality_signal", *unit).set(1)
            case SyncCompleted():
                self._metric("elconsole_sync_running").set(0)
                self._metric("elconsole_syncs_total", event.status).inc()
                self._metric("elconsole_sync_duration_seconds").set(event.duration_seconds)
                self._metric("elconsole_sync_last_completed_timestamp_seconds").set(at)
            case _:
                pass

    def _loaded(self, event: DataLoaded, at: float) -> None:
        table = (event.source, event.table)
        # Its tables were unknown while the source did not answer; now one is.
        self._forget(
            "elconsole_table_last_sync_succeeded",
            lambda labels: labels == _labels(event.source, UNKNOWN_TABLES),
        )
        self._metric("elconsole_rows_loaded_total", *table).inc(event.rows_written)
        self._metric("elconsole_rows_deleted_total", *table).inc(event.rows_deleted)
        self._metric("elconsole_table_last_success_timestamp_seconds", *table).set(at)
        self._metric("elconsole_table_last_sync_succeeded", *table).set(1)
        seconds = {
            "elconsole_table_extract_duration_seconds": event.extract_seconds,
            "elconsole_table_load_duration_seconds": event.load_seconds,
            "elconsole_table_sync_duration_seconds": event.duration_seconds,
        }
        for name, value in seconds.items():
            self._metric(name, *table).set(value)

    def _restore(self, name: str, labels: dict[str, str], value: float) -> None:
        known = next((one for one in DEFINITIONS if one.name == name), None)
        if known is None or name == "elconsole_build_info" or set(labels) != set(known.labels):
            return
        metric = self._metric(name, *(labels[label] for label in known.labels))
        if known.kind == "counter":
            metric.inc(max(0.0, value))
        elif name != "elconsole_sync_running":
            metric.set(value)


def _labels(*values: str) -> tuple[str, ...]:
    """Names and values of databases, fit for the labels of a metric."""
    return tuple(clean_text(value, LONGEST_LABEL) for value in values)


def _version() -> str:
    try:
        return version("elconsole")
    except PackageNotFoundError:
        return "unknown"

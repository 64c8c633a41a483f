"""Metrics, as Prometheus reads them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from elconsole.core.errors import UsageError
from elconsole.core.events import (
    DataExtracted,
    DataLoaded,
    QualitySignal,
    SchemaChanged,
    SyncCompleted,
    SyncStarted,
    TableFailed,
)
from elconsole.core.results import (
    ConnectionHealth,
    QualityRow,
    QualityTable,
    TableRun,
    UnfedTable,
)
from elconsole.core.types import ErrorInfo, SchemaChange
from elconsole.observe.metrics import DEFINITIONS, Metrics

pytestmark = pytest.mark.unit

AT = datetime(2026, 3, 1, tzinfo=UTC)
RUN: dict[str, Any] = {"run_id": "r", "at": AT}
TABLE: dict[str, Any] = {**RUN, "source": "bodies", "table": "units", "target": "raw.units"}
LABELS = {"source": "bodies", "table": "units"}
EXTRACTED = DataExtracted(
    **TABLE, rows_read=100, bytes_total=5000, extract_seconds=1.5, columns=("id",)
)
LOADED = DataLoaded(
    **TABLE,
    mode="incremental",
    strategy="xmin",
    rows_read=100,
    rows_written=90,
    rows_deleted=3,
    bytes_total=5000,
    extract_seconds=1.5,
    load_seconds=0.5,
    duration_seconds=2.25,
    generation=1,
    columns=("id",),
)
FAILED = TableFailed(**TABLE, status="failed", attempt=1, error=ErrorInfo("stalled", "…"))
COMPLETED = SyncCompleted(
    **RUN,
    run_number=1,
    status="succeeded",
    rows_read=100,
    rows_written=90,
    bytes_total=5000,
    tables_failed=0,
    duration_seconds=2.5,
)


def samples(metrics: Metrics, path: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus's own parser reads from the text file."""
    assert metrics.write_file(path)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text("utf-8"))
        for sample in family.samples
    }


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_a_sync_is_counted_as_prometheus_reads_it(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.observe(SyncStarted(**RUN, run_number=1, mode="configured", tables=()))
    change = SchemaChange("colour", "added", "text", None, "added")
    metrics.observe(SchemaChanged(**TABLE, changes=(change,)))
    for event in (EXTRACTED, LOADED, COMPLETED):
        metrics.observe(event)
    read = samples(metrics, tmp_path / "elconsole.prom")
    assert read[key("elconsole_rows_extracted_total", **LABELS)] == 100
    assert read[key("elconsole_rows_loaded_total", **LABELS)] == 90
    assert read[key("elconsole_rows_deleted_total", **LABELS)] == 3
    assert read[key("elconsole_extracted_bytes_total", **LABELS)] == 5000
    assert read[key("elconsole_schema_changes_total", **LABELS)] == 1
    success = key("elconsole_table_last_success_timestamp_seconds", **LABELS)
    assert read[success] == AT.timestamp()
    assert read[key("elconsole_table_last_sync_succeeded", **LABELS)] == 1
    assert read[key("elconsole_table_sync_duration_seconds", **LABELS)] == 2.25
    assert read[key("elconsole_syncs_total", status="succeeded")] == 1
    assert read[key("elconsole_sync_running")] == 0
    assert read[key("elconsole_sync_duration_seconds")] == 2.5


def test_a_failure_counts_once_it_is_final(tmp_path: Path) -> None:
    metrics = Metrics()
    retried = TableFailed(
        **TABLE, status="failed", attempt=1, error=ErrorInfo("transient", "…"), will_retry=True
    )
    metrics.observe(retried)
    metrics.observe(FAILED)
    read = samples(metrics, tmp_path / "m.prom")
    assert read[key("elconsole_table_failures_total", **LABELS, kind="stalled")] == 1
    assert key("elconsole_table_failures_total", **LABELS, kind="transient") not in read
    assert read[key("elconsole_table_last_sync_succeeded", **LABELS)] == 0


def test_connections_and_pass_rates_are_gauges(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.observe_connections(
        [
            ConnectionHealth(
                name="bodies", role="source", status="degraded", checked_at=AT, latency_ms=250.0
            ),
            ConnectionHealth(name="springs", role="source", status="down", checked_at=AT),
        ]
    )
    row = QualityRow(
        value='li"ne\n1', inspected=100, passed=95, failed=5, pass_rate=0.95, judged="signal"
    )
    metrics.observe_quality(
        [
            QualityTable(
                source="bodies", table="units", target="raw.units", dimension="line_id", rows=(row,)
            )
        ]
    )
    metrics.observe(
        QualitySignal(
            **TABLE,
            dimension="line_id",
            value="L2",
            period="2026-03-01",
            rule=1,
            pass_rate=0.8,
            finding="…",
        )
    )
    read = samples(metrics, tmp_path / "m.prom")
    assert read[key("elconsole_connection_up", name="bodies", role="source")] == 1
    assert read[key("elconsole_connection_up", name="springs", role="source")] == 0
    assert read[key("elconsole_connection_latency_seconds", name="bodies", role="source")] == 0.25
    unit = {**LABELS, "dimension": "line_id", "value": 'li"ne 1'}
    assert read[key("elconsole_pass_ratio", **unit)] == 0.95
    assert read[key("elconsole_quality_signal", **unit)] == 1
    signal = {**LABELS, "dimension": "line_id", "value": "L2"}
    assert read[key("elconsole_quality_signals_total", **signal, rule="1")] == 1


def test_the_next_process_goes_on_counting_and_keeps_untouched_tables(tmp_path: Path) -> None:
    path = tmp_path / "elconsole.prom"
    first = Metrics()
    for event in (EXTRACTED, LOADED, COMPLETED):
        first.observe(event)
    assert first.write_file(path)
    second = Metrics()
    second.continue_file(path)
    second.observe(EXTRACTED)
    second.observe(FAILED)
    read = samples(second, path)
    assert read[key("elconsole_rows_extracted_total", **LABELS)] == 200
    assert read[key("elconsole_rows_loaded_total", **LABELS)] == 90
    success = key("elconsole_table_last_success_timestamp_seconds", **LABELS)
    assert read[success] == AT.timestamp()
    assert read[key("elconsole_table_last_sync_succeeded", **LABELS)] == 0


@pytest.mark.parametrize("content", ["garbage {{{", "\x00", 'elconsole_syncs_total{a="b"} 3\n'])
def test_a_file_that_is_not_ours_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "elconsole.prom"
    path.write_text(content)
    metrics = Metrics()
    metrics.continue_file(path)
    metrics.observe(COMPLETED)
    assert samples(metrics, path)[key("elconsole_syncs_total", status="succeeded")] == 1


def test_a_file_that_can_not_be_written_is_logged_and_left_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "elconsole.prom"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not Metrics().write_file(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["elconsole.prom"]
    assert "No space left on device" in caplog.text
    assert not Metrics().write_file(tmp_path / "absent" / "m.prom")


def test_metrics_are_served_until_stopped() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    metrics = Metrics()
    metrics.observe(COMPLETED)
    stop = metrics.serve(port)
    address = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b'elconsole_syncs_total{status="succeeded"} 1.0' in answer.read()
    with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
        Metrics().serve(port)
    stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=10)


def test_without_the_extra_the_error_names_the_pip_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError) as caught:
        Metrics()
    assert caught.value.hint == 'pip install "elconsole[metrics]"'


def test_an_event_that_can_not_be_counted_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    broken = DataExtracted(
        **{**TABLE, "table": "t"}, rows_read=-1, bytes_total=0, extract_seconds=0.0, columns=()
    )
    Metrics().observe(broken)
    assert "data_extracted was not counted" in caplog.text


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_every_metric_that_dashboard_and_alerts_name_exists(name: str) -> None:
    text = (files("elconsole.observe.monitoring") / name).read_text("utf-8")
    named = set(re.findall(r"\belconsole_[a-z_]+", text))
    assert named
    assert named <= {one.name for one in DEFINITIONS}


def test_the_dashboard_is_json_with_a_query_in_every_panel() -> None:
    text = (files("elconsole.observe.monitoring") / "grafana.json").read_text("utf-8")
    dashboard = json.loads(text)
    assert dashboard["title"] == "elconsole"
    assert all(panel["targets"][0]["expr"] for panel in dashboard["panels"])
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_metrics_and_alert_rules(tmp_path: Path) -> None:
    metrics, file = Metrics(), tmp_path / "m.prom"
    for event in (EXTRACTED, LOADED, FAILED, COMPLETED):
        metrics.observe(event)
    assert metrics.write_file(file)
    for arguments, text in (
        (["metrics"], file.read_bytes()),
        (["rules", str(files("elconsole.observe.monitoring") / "alerts.yml")], b""),
    ):
        checked = subprocess.run(
            ["promtool", "check", *arguments], input=text, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert not checked.stderr


def test_names_follow_prometheus_conventions() -> None:
    for one in DEFINITIONS:
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert one.meaning.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|percent)\b", one.name)


def test_a_value_that_is_gone_takes_its_signal_along(tmp_path: Path) -> None:
    def table(value: str, error: ErrorInfo | None = None) -> QualityTable:
        row = QualityRow(
            value=value, inspected=100, passed=50, failed=50, pass_rate=0.5, judged="signal"
        )
        return QualityTable(
            source="bodies", table="units", target="raw.units", dimension="line_id",
            rows=() if error else (row,), error=error,
        )  # fmt: skip

    metrics, file = Metrics(), tmp_path / "m.prom"
    metrics.observe_quality([table("L1")], all_of_them=True)
    metrics.observe_quality([table("L2")])
    both = samples(metrics, file)
    units = {**LABELS, "dimension": "line_id"}
    assert both[key("elconsole_quality_signal", **units, value="L1")] == 1
    assert both[key("elconsole_quality_signal", **units, value="L2")] == 1
    metrics.observe_quality([table("L2", ErrorInfo("missing_column", "…"))], all_of_them=True)
    assert samples(metrics, file) == both
    metrics.observe_quality([table("L2")], all_of_them=True)
    left = samples(metrics, file)
    assert key("elconsole_quality_signal", **units, value="L1") not in left
    assert left[key("elconsole_pass_ratio", **units, value="L2")] == 0.5


def test_tables_of_a_source_that_does_not_answer_stay_and_it_recovers(tmp_path: Path) -> None:
    def met(source: str, table: str) -> TableRun:
        return TableRun(source=source, table=table, target="", mode="full", strategy="full",
                        status="failed")  # fmt: skip

    metrics, file = Metrics(), tmp_path / "m.prom"
    metrics.observe(LOADED)
    metrics.observe(replace(FAILED, table="*"))
    metrics.forget_tables_but([met("bodies", "*")])
    success, state = (
        "elconsole_table_last_success_timestamp_seconds",
        "elconsole_table_last_sync_succeeded",
    )
    assert key(success, **LABELS) in samples(metrics, file)
    assert samples(metrics, file)[key(state, source="bodies", table="*")] == 0
    metrics.observe(LOADED)
    assert key(state, source="bodies", table="*") not in samples(metrics, file)
    metrics.forget_tables_but([met("refills", "units")])
    assert key(success, **LABELS) not in samples(metrics, file)


def test_unfed_tables_are_known_until_they_are_fed_or_their_source_is_silent(
    tmp_path: Path,
) -> None:
    def unfed(source: str) -> UnfedTable:
        return UnfedTable(target="", source=source, table="units", since=AT, reason="…")

    def told() -> set[str]:
        found = samples(metrics, file)
        return {
            dict(labels)["source"]
            for (name, labels), value in found.items()
            if name == "elconsole_table_unfed" and value == 1
        }

    metrics, file = Metrics(), tmp_path / "m.prom"
    metrics.observe_unfed([unfed("bodies"), unfed("caps")])
    metrics.forget_tables_but([])
    assert told() == {"bodies", "caps"}
    metrics.observe_unfed([], unasked=("bodies",))
    assert told() == {"bodies"}
    metrics.observe_unfed([])
    assert told() == set()

"""The demo's day out of control, wherever someone might look for it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import REPOSITORY, MakeFactory
from tests.postgres import Factory
from tests.terminal.screen import Terminal

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

LINE = "LINE-BODIES-002"
SAVE = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"


def write_settings(factory: Factory, folder: Path) -> None:
    """The plant as `elconsole.toml`, with a command that saves the signals it is told of."""
    command = shlex.join([sys.executable, "-c", SAVE, str(folder / "told.json")])
    lines = [f"[notify]\non_signal = [{json.dumps(command)}]"]
    for name in (*factory.sources, "warehouse"):
        lines.append("[warehouse]" if name == "warehouse" else f"[sources.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in factory.connection(name).items()]
    path = folder / "elconsole.toml"
    path.write_text("\n".join(lines))
    path.chmod(0o600)


def headless(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, as cron does."""
    return subprocess.run(
        [sys.executable, "-m", "elconsole", "--headless", "-c", "elconsole.toml", *arguments],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}


def gauge(file: Path, name: str) -> float:
    """A metric of the bad line, as Prometheus reads it."""
    families = text_string_to_metric_families(file.read_text())
    samples = [sample for family in families for sample in family.samples]
    return next(s.value for s in samples if s.name == name and s.labels.get("value") == LINE)


def test_the_bad_day_is_seen_by_everyone_who_looks(
    make_factory: MakeFactory, tmp_path: Path
) -> None:
    write_settings(make_factory(rows=20_000, sources=("bodies",)), tmp_path)
    metrics = tmp_path / "elconsole.prom"
    synced = headless(tmp_path, "sync", "--metrics-file", str(metrics))
    assert synced.returncode == 0, synced.stderr

    # The event, as a notification carries it on.
    told: list[dict[str, Any]] = json.loads((tmp_path / "told.json").read_text())["signals"]
    event = next(signal for signal in told if signal["value"] == LINE)
    assert event["kind"] == "quality_signal"
    assert (event["source"], event["dimension"], event["rule"]) == ("bodies", "line_id", 1)
    day = event["period"]

    # The metric.
    assert gauge(metrics, "elconsole_quality_signal") == 1
    assert gauge(metrics, "elconsole_quality_signals_total") == 1

    # The command.
    asked = headless(tmp_path, "quality", "--by", "line_id", "--json", "--fail-on-signal")
    assert asked.returncode == 5
    rows = json.loads(asked.stdout)["tables"][0]["rows"]
    row = next(row for row in rows if row["value"] == LINE)
    assert (row["judged"], row["rules"], row["signal_period"]) == ("signal", [1], day)
    assert row["signal_pass_rate"] == event["pass_rate"]

    # The console: its first page, then the line's control chart.
    command = [sys.executable, "-m", "elconsole"]
    with Terminal(command, env=environment(tmp_path), cwd=tmp_path) as console:
        console.wait_for(LINE, "▼")
        console.press("2")
        console.wait_for("Pass rates", "out of control")
        console.wait_for(LINE, "▼")
        console.press("down", "enter")
        console.wait_for("▼ signal")
        console.wait_for(day, "▼", "limits")
        console.press("escape")
        console.wait_gone("Next signal")
        console.press("q")
        assert console.wait_for_end() == 0

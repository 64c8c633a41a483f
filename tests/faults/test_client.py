"""The client's own troubles: a clock that is wrong, disks that are full."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from elconsole.engine.sync import run
from tests.conftest import MakeFactory, RunCli
from tests.pairs import Pair

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("years", [-30, 30])
def test_a_client_whose_clock_is_wrong_moves_no_watermark(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT now(), v text)")
    pair.source.sql("INSERT INTO t (id, v) VALUES (1, 'before')")
    pair.incremental(strategy="cursor", cursor="at")
    wrong = datetime.now(UTC) + timedelta(days=365 * years)
    monkeypatch.setattr(run, "_now", lambda: wrong)
    pair.sync()
    pair.source.sql("INSERT INTO t (id, v) VALUES (2, 'after')")
    assert pair.sync().rows_written == 1
    assert pair.raw("id, v") == pair.rows("id, v")
    late_s = pair.warehouse.scalar(
        "SELECT max(abs(extract(epoch FROM clock_timestamp() - _airbyte_extracted_at))) FROM raw.t"
    )
    assert late_s < 3600


def test_a_full_disk_of_logs_and_metrics_stops_no_sync(
    make_factory: MakeFactory, run_cli: RunCli, home: Path
) -> None:
    factory = make_factory(sources=("springs",))
    lines = []
    for name in ("warehouse", "springs"):
        lines.append("[warehouse]" if name == "warehouse" else f"[sources.{name}]")
        block = factory.connection(name)
        lines += [f"{key} = {json.dumps(value)}" for key, value in block.items()]
    config = home / "work" / "elconsole.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    nowhere = home / "missing" / "elconsole.prom"
    done = run_cli(
        "--headless", "sync", "--json", "--log-file", "/dev/full", "--metrics-file", str(nowhere)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records_loaded"] == 150
    assert "Traceback" not in done.stderr

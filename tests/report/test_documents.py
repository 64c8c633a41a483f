"""The JSON documents have the contract's keys and nesting."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from elconsole.core.results import (
    AdviceReport,
    Finding,
    QualityRequest,
    ReconciledTable,
    ReconcileReport,
    SchemaReport,
    SyncRequest,
    TableDrift,
)
from elconsole.report import documents
from tests.fakes.engine import FakeEngine
from tests.fakes.plans import UNFED, WIDENED
from tests.fakes.plant import DENIED, WAREHOUSE_DOWN, down, failing
from tests.fakes.quality import quality_row

pytestmark = pytest.mark.unit


def parsed(content: dict[str, Any]) -> dict[str, Any]:
    text = documents.document(content)
    assert "\n" not in text
    result: dict[str, Any] = json.loads(text)
    return result


def synced(engine: FakeEngine) -> dict[str, Any]:
    detail = engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    return parsed(documents.sync(detail))


def test_sync_has_the_contract_s_keys() -> None:
    content = synced(FakeEngine())
    assert {
        "run_id", "run_number", "status", "mode", "started_at", "finished_at",
        "duration_seconds", "records_extracted", "records_loaded", "bytes", "tables",
    } <= content.keys()  # fmt: skip
    assert isinstance(content["run_id"], str)
    assert isinstance(content["run_number"], int)
    assert content["records_loaded"] == 350
    assert content["started_at"] == "2026-03-14T12:03:32Z"
    assert content["tables"][0] == {
        "source": "refills",
        "table": "refills_production",
        "source_schema": None,
        "source_address": None,
        "target": "raw.refills_production",
        "mode": "full",
        "strategy": "full",
        "status": "succeeded",
        "records_extracted": 100,
        "records_loaded": 100,
        "records_deleted": 0,
        "records_marked": 0,
        "versions": 0,
        "bytes": 20_000,
        "duration_seconds": 0.5,
        "extract_seconds": None,
        "load_seconds": None,
        "attempts": 1,
        "schema_changes": [],
        "notes": [],
        "error": None,
    }


def test_a_failed_table_carries_its_error() -> None:
    tables = synced(FakeEngine(failing("springs", DENIED)))["tables"]
    assert tables[2]["error"] == {
        "kind": "permission",
        "message": DENIED.message,
        "hint": DENIED.hint,
        "sqlstate": "42501",
    }


def test_times_are_utc_whatever_their_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert documents.time(datetime(2025, 1, 1, 1, 0, tzinfo=zone)) == "2024-12-31T23:00:00Z"
    assert documents.time(None) is None


def test_runs_have_the_contract_s_keys() -> None:
    engine = FakeEngine()
    synced(engine)
    assert parsed(documents.runs(engine.runs()))["runs"][0].keys() == {
        "run_id", "run_number", "status", "mode", "host", "pid", "started_at",
        "finished_at", "duration_seconds", "cancelled_by", "backfill", "records_loaded",
        "tables_failed",
    }  # fmt: skip


def test_check_has_the_contract_s_keys() -> None:
    content = parsed(
        documents.check(FakeEngine(health={"springs": down("springs", DENIED)}).check())
    )
    assert {"name", "role", "status", "latency_ms", "server_version", "error"} <= content[
        "connections"
    ][0].keys()
    assert [c["status"] for c in content["connections"]] == [
        "healthy",
        "healthy",
        "down",
        "healthy",
    ]
    assert {"target", "rows", "bytes", "last_synced_at"} <= content["tables"][0].keys()


def test_check_and_schema_tell_which_tables_are_unfed() -> None:
    engine = FakeEngine(unfed=UNFED)
    expected = [
        {
            "target": "raw.bodies_2024",
            "since": "2026-02-16T12:04:31Z",
            "reason": "settings exclude public.bodies_2024 of bodies (*_2024)",
        },
        {
            "target": "raw.caps_production",
            "since": "2026-03-11T12:04:31Z",
            "reason": "the source caps is no longer configured",
        },
    ]
    assert parsed(documents.check(engine.check()))["unfed"] == expected
    assert parsed(documents.schema(engine.schema()))["unfed"] == expected
    unreached = FakeEngine(unfed=UNFED, health={"warehouse": down("warehouse")}).check()
    assert parsed(documents.check(unreached))["unfed"] == []


def test_quality_rates_are_fractions_and_periods_appear_only_when_asked() -> None:
    content = parsed(documents.quality(FakeEngine().quality(QualityRequest())))
    row = content["tables"][0]["rows"][0]
    assert {"value", "inspected", "passed", "failed", "pass_rate", "low", "high", "lcl",
            "ucl", "chart", "signal", "trend"} <= row.keys()  # fmt: skip
    assert {"signal_period", "signal_pass_rate", "signal_since", "rules", "judged"} <= row.keys()
    assert {"baseline", "notes", "error", "changed_rows"} <= content["tables"][0].keys()
    assert row["pass_rate"] == pytest.approx(53 / 56)
    assert "period" not in row
    assert documents._quality_row(quality_row("x", 0, 0))["pass_rate"] is None


def test_schema_and_reconcile_and_advise_have_the_contract_s_keys() -> None:
    drift = TableDrift(source="s", table="t", target="raw.t", changes=(WIDENED,))
    schema = parsed(documents.schema(SchemaReport((drift,))))["tables"][0]
    assert schema["changes"][0].keys() == {
        "column", "change", "source_type", "target_type", "action"
    }  # fmt: skip
    compared = ReconciledTable(
        source="s", table="t", target="raw.t", source_rows=2, target_rows=2, equal=False,
        different_keys=("[1]", "[2, \"a\"]", "odd"),
    )  # fmt: skip
    reconciled = parsed(documents.reconcile(ReconcileReport((compared,))))["tables"][0]
    assert reconciled["different_keys"] == [[1], [2, "a"], "odd"]
    finding = Finding(advisor="a", subject="s", finding="f", evidence={"rows": 1}, command="c")
    assert parsed(documents.advise(AdviceReport((finding,))))["findings"][0]["evidence"] == {
        "rows": 1
    }


def test_a_command_that_failed_keeps_its_list_and_says_why() -> None:
    content = parsed(documents.failure("runs", WAREHOUSE_DOWN))
    assert content["runs"] == []
    assert content["error"]["kind"] == "warehouse_unavailable"

"""Advisors: a scenario in which each finding fires, and one in which it must not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from elconsole.advisors.everything import advise
from elconsole.advisors.facts import Facts, PastLoad, RefusedTable, TableFacts
from elconsole.advisors.words import evidence_words
from elconsole.core.results import Finding, QualityRow, QualityTable
from elconsole.core.types import Change, ErrorInfo, SchemaChange

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def load(hours_ago: float = 0.1, **facts: Any) -> PastLoad:
    usual: dict[str, Any] = {
        "strategy": "full",
        "rows_read": 100,
        "rows_written": 100,
        "extract_seconds": 0.05,
        "duration_seconds": 0.1,
    }
    return PastLoad(finished_at=NOW - timedelta(hours=hours_ago), **{**usual, **facts})


def loads(count: int, every_hours: float = 1.0, **facts: Any) -> tuple[PastLoad, ...]:
    return tuple(load(0.1 + number * every_hours, **facts) for number in range(count))


def table(**facts: Any) -> TableFacts:
    usual: dict[str, Any] = {
        "source": "bodies",
        "table": "bodies_production",
        "target": "raw.bodies_production",
        "argument": "bodies.bodies_production",
        "sql_name": "bodies_production",
        "mode": "full",
        "strategy": "full",
        "primary_key": ("id",),
        "rows": 100,
        "loads": loads(10),
    }
    return TableFacts(**{**usual, **facts})


def found(*tables: TableFacts, **facts: Any) -> list[Finding]:
    return list(advise(Facts(now=NOW, tables=tables, **facts)))


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, [one.finding for one in findings]
    return findings[0]


def units(**row: Any) -> QualityTable:
    usual: dict[str, Any] = {
        "value": "LINE-1",
        "inspected": 1000,
        "passed": 950,
        "failed": 50,
        "pass_rate": 0.95,
        "judged": "in_control",
    }
    made = QualityRow(**{**usual, **row})
    return QualityTable(
        source="bodies",
        table="bodies_production",
        target="raw.bodies_production",
        dimension="line_id",
        rows=(made,),
        total=made,
    )


def test_the_healthy_plant_hears_nothing() -> None:
    plant = tuple(
        table(source=name, table=f"{name}_production", rows=rows)
        for name, rows in (("refills", 100), ("bodies", 100), ("springs", 150))
    )
    assert found(*plant, quality=(units(judged="insufficient_n"),), last_run_seconds=0.3) == []
    assert found(*(replace(one, loads=one.loads[:1]) for one in plant)) == []
    assert found() == []


def test_a_pass_rate_out_of_control_is_found_with_its_numbers() -> None:
    signal = units(
        judged="signal",
        rules=(1,),
        signal="rule 1: beyond a control limit on 2026-03-01",
        signal_period="2026-03-01",
        signal_pass_rate=0.8,
        center=0.95,
    )
    finding = only(found(quality=(signal,)))
    assert finding.advisor == "data quality"
    assert finding.subject == "bodies.bodies_production line_id LINE-1"
    assert finding.evidence["pass_rate"] == 0.8
    assert finding.command == "elconsole quality bodies --by line_id --period day"
    assert found(quality=(units(),)) == []


def test_a_table_of_which_nothing_passed_is_a_wrong_setting() -> None:
    nothing = units(inspected=1000, passed=0, failed=1000, pass_rate=0.0)
    assert "quality.passed" in only(found(quality=(nothing,))).finding
    few = units(inspected=5, passed=0, failed=5, pass_rate=0.0)
    assert found(quality=(few,)) == []


def test_a_full_load_of_an_unusual_size_is_found_and_a_usual_one_is_not() -> None:
    usual = tuple(load(n, rows_read=1000 + n, rows_written=1000 + n) for n in range(1, 8))
    finding = only(found(table(loads=(load(rows_read=300), *usual))))
    assert finding.finding == (
        "rows extracted of the last load are unusual: 300, usually about 1,004"
    )
    assert finding.evidence == {"last": 300.0, "median": 1004.0, "loads": 7}
    assert found(table(loads=(load(rows_read=1100), *usual))) == []
    assert found(table(loads=(load(rows_read=300), *usual[:3]))) == []
    changes = tuple(replace(one, strategy="xmin") for one in (load(rows_read=300), *usual))
    assert found(table(loads=changes)) == []


def test_a_load_that_took_unusually_long_is_found_unless_it_is_short() -> None:
    slow = (load(duration_seconds=90.0), *loads(7, duration_seconds=12.0)[1:])
    assert "seconds of the last load are unusual" in only(found(table(loads=slow))).finding
    short = (load(duration_seconds=0.9), *loads(7)[1:])
    assert found(table(loads=short)) == []


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ("added", "elconsole --headless sync bodies.bodies_production"),
        ("type_changed", "elconsole --headless sync bodies.bodies_production --full"),
    ],
)
def test_changed_columns_are_found(change: Change, command: str) -> None:
    drift = (SchemaChange("colour", change, "text", "integer", "…"),)
    finding = only(found(table(drift=drift)))
    assert finding.advisor == "schema monitor"
    assert finding.finding == f"its columns changed in the source: colour {change}"
    assert finding.evidence["colour"]["source_type"] == "text"
    assert finding.command == command
    assert found(table(drift=())) == []


def test_a_table_that_no_sync_can_take_is_found_with_what_to_change() -> None:
    refused = RefusedTable(
        source="bodies",
        table="bodies_production",
        kind="plan",
        message='there is no column "made_at", which cursor names',
        hint="set cursor in [sources.bodies.table.bodies_production]",
    )
    finding = only(found(refused=(refused,)))
    assert finding.advisor == "schema monitor"
    assert finding.finding == (
        'no sync can take it: there is no column "made_at", which cursor names;'
        " set cursor in [sources.bodies.table.bodies_production]"
    )
    assert finding.command is None


def test_a_quality_column_that_is_gone_is_found_once() -> None:
    error = ErrorInfo("missing_column", 'raw.x has no column "state"', "set status in […]")
    broken = replace(units(), rows=(), total=None, error=error)
    finding = only(found(quality=(broken, replace(broken, dimension="material"))))
    assert finding.advisor == "schema monitor"
    assert finding.finding.endswith("; set status in […]")
    assert finding.command is None
    never_synced = replace(broken, error=ErrorInfo("not_synced", "…"))
    assert found(quality=(never_synced,)) == []


def test_a_cursor_without_an_index_is_found_in_large_tables_alone() -> None:
    facts = {"mode": "incremental", "strategy": "cursor", "cursor": "Made At"}
    large = table(rows=200_000, cursor_indexed=False, **facts)
    finding = only(found(large))
    assert finding.command == (
        'CREATE INDEX CONCURRENTLY ON bodies_production ("Made At")  -- in bodies'
    )
    assert finding.evidence["rows"] == 200_000
    assert found(replace(large, cursor_indexed=True)) == []
    assert found(replace(large, cursor_indexed=None)) == []
    assert found(replace(large, rows=5_000)) == []


def test_a_long_scan_for_few_changes_asks_for_a_cursor() -> None:
    facts: dict[str, Any] = {"mode": "incremental", "strategy": "xmin", "rows": 10_000_000}
    few: dict[str, Any] = {"strategy": "xmin", "rows_read": 900, "rows_written": 900}
    slow = table(loads=loads(4, extract_seconds=30.0, duration_seconds=31.0, **few), **facts)
    assert 'strategy = "cursor"' in str(only(found(slow)).command)
    assert found(table(loads=loads(4, extract_seconds=2.0, **few), **facts)) == []


def test_time_spent_after_the_last_byte_points_at_indexes() -> None:
    heavy = loads(3, every_hours=24, extract_seconds=30.0, duration_seconds=120.0)
    finding = only(found(table(loads=heavy)))
    assert finding.evidence == {"duration_seconds": 120.0, "seconds_after_extract": 90.0}
    light = loads(3, every_hours=24, extract_seconds=110.0, duration_seconds=120.0)
    assert found(table(loads=light)) == []


def test_a_large_table_that_hardly_grows_should_be_incremental() -> None:
    facts: dict[str, Any] = {
        "rows_read": 2_000_000,
        "rows_written": 2_000_000,
        "extract_seconds": 15.0,
    }
    refreshed = table(rows=2_000_000, loads=loads(4, duration_seconds=20.0, **facts))
    finding = only(found(refreshed))
    assert finding.command == (
        'set mode = "incremental" in [sources.bodies.table.bodies_production]'
    )
    assert finding.evidence["primary_key"] == ["id"]
    assert found(replace(refreshed, primary_key=())) == []
    doubled = (replace(refreshed.loads[0], rows_written=4_000_000), *refreshed.loads[1:])
    assert found(replace(refreshed, loads=doubled)) == []


def test_a_raw_table_that_readers_scan_is_offered_an_index() -> None:
    read = table(rows=2_000_000, raw_scans=500, time_column="timestamp")
    assert only(found(read)).command == (
        'CREATE INDEX ON raw.bodies_production USING brin ("timestamp")  -- in the warehouse'
    )
    assert found(replace(read, time_indexed=True)) == []
    assert found(replace(read, raw_scans=30)) == []
    assert found(replace(read, rows=20_000)) == []


def test_idle_cores_are_found_where_runs_are_long() -> None:
    tables = tuple(table(source=f"s{number}") for number in range(8))
    facts = {"workers": 2, "cores": 16, "last_run_seconds": 600.0}
    assert only(found(*tables, **facts)).command == "set workers = 8"
    assert found(*tables, **{**facts, "last_run_seconds": 2.0}) == []
    assert found(*tables, **{**facts, "workers": 8}) == []


def test_syncs_that_find_nothing_may_be_rarer() -> None:
    idle: dict[str, Any] = {"strategy": "xmin", "rows_read": 0, "rows_written": 0}
    facts: dict[str, Any] = {"mode": "incremental", "strategy": "xmin"}
    finding = only(found(table(loads=loads(20, every_hours=0.1, **idle), **facts)))
    assert finding.advisor == "sync scheduler"
    assert finding.finding == ("20 of the last 20 syncs found nothing to load: every 2h would do")
    busy = {**idle, "rows_written": 5}
    assert found(table(loads=loads(20, every_hours=0.1, **busy), **facts)) == []


def test_syncs_that_leave_no_pause_should_be_rarer() -> None:
    tight = loads(10, every_hours=0.01, duration_seconds=30.0, extract_seconds=29.0)
    finding = only(found(table(loads=tight)))
    assert finding.finding == (
        "a sync takes 30 s and the next begins every 36 s: sync every 2m, or incrementally"
    )
    assert found(table(loads=loads(10, duration_seconds=30.0, extract_seconds=29.0))) == []


def growing(rows_a_load: int, seconds: float) -> tuple[PastLoad, ...]:
    """Hourly full loads of a table that now has a million rows, the newest first."""
    return tuple(
        load(
            0.1 + number,
            rows_written=1_000_000 - number * rows_a_load,
            bytes=100 * (1_000_000 - number * rows_a_load),
            duration_seconds=seconds,
            extract_seconds=seconds * 0.9,
        )
        for number in range(20)
    )


def scheduled(one: TableFacts) -> list[Finding]:
    """What the scheduler says of a table."""
    return [finding for finding in found(one) if finding.advisor == "sync scheduler"]


def test_a_table_that_outgrows_its_full_refresh_is_found_in_time() -> None:
    # 60 s for a million rows: half an hour is reached at 30 million, 29 days from now.
    fast = growing(rows_a_load=42_000, seconds=60.0)
    finding = only(scheduled(table(loads=fast, rows=1_000_000)))
    assert finding.finding == (
        "it grows by 1,008,000 rows a day: in 29 days a full refresh will take half the 60m"
        " between syncs; make it incremental"
    )
    assert finding.evidence["bytes_per_day"] == pytest.approx(100 * 1_008_000)
    keyless = only(scheduled(table(loads=fast, rows=1_000_000, primary_key=())))
    assert keyless.command == 'auto_sync = "4m", or that interval in cron'
    slower = growing(rows_a_load=10_000, seconds=60.0)
    assert scheduled(table(loads=slower)) == []
    assert scheduled(table(loads=growing(rows_a_load=42_000, seconds=1.0))) == []


def test_growth_is_not_told_from_a_short_history() -> None:
    loads_of_minutes = tuple(
        replace(one, finished_at=NOW - timedelta(minutes=10 * number))
        for number, one in enumerate(growing(rows_a_load=42_000, seconds=60.0))
    )
    assert scheduled(table(loads=loads_of_minutes)) == []


def test_a_rhythm_that_broke_off_is_found() -> None:
    late = tuple(load(20 + number) for number in range(10))
    finding = only(found(table(loads=late)))
    assert finding.finding == "it used to be synced every 60m and was not for 20h"
    assert finding.command == "elconsole --headless sync bodies.bodies_production"
    assert found(table(loads=tuple(load(2 + number) for number in range(10)))) == []
    by_hand = tuple(load(20 + hours) for hours in (0.1, 0.2, 0.9, 1.0, 5.0, 5.1, 9.0))
    assert found(table(loads=by_hand)) == []


def test_an_incremental_sync_of_most_rows_should_be_full() -> None:
    facts: dict[str, Any] = {"mode": "incremental", "strategy": "cursor", "rows": 200_000}
    most: dict[str, Any] = {"strategy": "cursor", "rows_read": 150_000, "rows_written": 150_000}
    assert only(found(table(loads=loads(5, **most), **facts))).command == (
        'set mode = "full" in [sources.bodies.table.bodies_production]'
    )
    some = {**most, "rows_written": 15_000}
    assert found(table(loads=loads(5, **some), **facts)) == []


def test_evidence_reads_as_one_line() -> None:
    finding = Finding(
        advisor="a",
        subject="s",
        finding="f",
        evidence={"rows": 2_000_000, "rate": 0.95123, "seconds": 61234.5},
    )
    assert evidence_words(finding) == "rows 2,000,000, rate 0.951, seconds 61,234"
    nested = replace(finding, evidence={"gloss": {"change": "added", "was": None}, "rules": [1, 2]})
    assert evidence_words(nested) == "gloss (change added, was unknown), rules 1 and 2"

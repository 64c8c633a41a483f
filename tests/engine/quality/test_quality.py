"""Pass rates read from real tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from elconsole.core.errors import UsageError
from elconsole.core.results import QualityReport, QualityRequest, QualityRow, QualityTable
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import open_session
from elconsole.engine.ledger.schema import prepare_warehouse
from elconsole.engine.quality.daily import store_daily_counts
from elconsole.engine.quality.read import failed_units, freeze_baseline, read_quality
from elconsole.engine.quality.signals import raise_signals
from elconsole.engine.quality.statements import QualityTarget
from tests.conftest import MakeDatabase
from tests.postgres import Database

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 31, 15, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Definition:
    status: str = "quality_status"
    passed: tuple[str, ...] = ("ok",)
    time: str = "timestamp"
    by: tuple[str, ...] = ("line_id", "material")
    defect: str = "defect_type"
    shift: str = "shift_id"
    batch: str = "batch_id"


TARGET = QualityTarget(
    source="bodies",
    table="bodies_production",
    target_schema="raw",
    target_table="bodies_production",
    definition=Definition(),
)

UNITS = """
CREATE SCHEMA raw;
CREATE SCHEMA elconsole;
CREATE TABLE raw.bodies_production (
    id serial PRIMARY KEY, timestamp timestamptz, line_id varchar(50), material varchar(50),
    shift_id varchar(20), batch_id varchar(100), quality_status varchar(20),
    defect_type varchar(50),
    _airbyte_extracted_at timestamptz NOT NULL DEFAULT '2026-03-31T15:00:00Z',
    _airbyte_meta jsonb NOT NULL DEFAULT '{"sync_id": 1, "changes": []}'
);
"""

# 30 days of 400 units on each of two lines, every 20th failed; on the 20th of March every
# fifth of line 2 failed.
PRODUCTION = """
INSERT INTO raw.bodies_production
    (timestamp, line_id, material, shift_id, batch_id, quality_status, defect_type)
SELECT timestamptz '2026-03-01T00:00:00Z' + day * interval '1 day' + n * interval '3 minutes',
       'LINE-' || line, (ARRAY['metal', 'bamboo'])[1 + n % 2],
       (ARRAY['NIGHT', 'MORNING', 'AFTERNOON'])[1 + n / 160],
       'BATCH-' || to_char(day, 'FM00'),
       CASE WHEN failed THEN 'error' ELSE 'ok' END,
       CASE WHEN failed THEN (ARRAY['crack', 'dimensional', 'crack'])[1 + n % 3] END
FROM generate_series(0, 29) AS day, generate_series(1, 2) AS line,
     generate_series(0, 399) AS n,
     LATERAL (SELECT n % (CASE WHEN line = 2 AND day = 19 THEN 5 ELSE 20 END) = 0) AS f (failed)
"""


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    made = make_database("warehouse")
    made.sql(UNITS)
    server = Server("warehouse", "warehouse", made.params, "here", 10.0)
    with contextlib.closing(open_session(server)) as session:
        prepare_warehouse(session, ("raw",))
    return made


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect() as opened:
        yield opened


def stored(database: Database, target: QualityTarget) -> QualityTarget:
    """The target as a reader finds it once its daily counts are stored."""
    database.sql(
        "INSERT INTO elconsole.targets"
        " (home_schema, source, source_schema, source_table, target_schema, target_table)"
        " VALUES ('raw', 's', 'public', 't', %s, %s) ON CONFLICT DO NOTHING",
        target.target_schema,
        target.target_table,
    )
    with database.connect() as connection:
        store_daily_counts(connection, target)
    return replace(target, counted_version=target.stored_version)


def ask(
    connection: psycopg.Connection[Any], target: QualityTarget = TARGET, **request: Any
) -> QualityReport:
    return read_quality(connection, [target], QualityRequest(**request), NOW)


def table_of(report: QualityReport, dimension: str) -> QualityTable:
    return next(table for table in report.tables if table.dimension == dimension)


def row_of(report: QualityReport, dimension: str, value: str) -> QualityRow:
    return next(row for row in table_of(report, dimension).rows if row.value == value)


def test_each_value_has_one_row_over_all_data(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    report = ask(connection)
    lines = table_of(report, "line_id")
    assert [(r.value, r.inspected, r.failed) for r in lines.rows] == [
        ("LINE-1", 12_000, 600),
        ("LINE-2", 12_000, 660),
    ]
    assert lines.total is not None
    assert (lines.total.inspected, lines.total.failed) == (24_000, 1260)
    assert {r.value for r in table_of(report, "material").rows} == {"bamboo", "metal"}
    assert lines.newest_unit_at == datetime(2026, 3, 30, 19, 57, tzinfo=UTC)
    assert lines.newest_extracted_at == datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
    assert lines.baseline == "the shown periods"


def test_the_bad_day_of_one_line_is_found_by_rule_and_date(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    report = ask(connection)
    bad = row_of(report, "line_id", "LINE-2")
    assert bad.judged == "signal"
    assert bad.rules == (1,)
    assert bad.signal_period == "2026-03-20"
    assert bad.signal_pass_rate == pytest.approx(0.8)
    assert row_of(report, "line_id", "LINE-1").judged == "in_control"


def test_periods_add_up_to_the_whole(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    for period in ("hour", "day", "shift", "batch"):
        table = table_of(ask(connection, period=period), "line_id")
        assert sum(row.inspected for row in table.rows) == 24_000
        assert sum(row.failed for row in table.rows) == 1260
        assert all(row.period is not None for row in table.rows)
        assert len({(row.value, row.period) for row in table.rows}) == len(table.rows)


@pytest.mark.slow
def test_labels_of_periods_are_utc_starts_and_names(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    connection.execute("SET TimeZone = 'Pacific/Kiritimati'")
    first = {
        period: table_of(ask(connection, period=period), "line_id").rows[0].period
        for period in ("hour", "day", "shift", "batch")
    }
    assert first == {
        "hour": "2026-03-01T00:00:00Z",
        "day": "2026-03-01",
        "shift": "AFTERNOON",
        "batch": "BATCH-00",
    }


def test_the_top_defect_comes_from_failed_units_alone(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, quality_status, defect_type)
        VALUES ('2026-03-02', 'L', 'error', 'crack'), ('2026-03-02', 'L', 'ok', 'colour'),
               ('2026-03-02', 'L', 'ok', 'colour'), ('2026-03-02', 'L', 'error', NULL)
    """)
    row = row_of(ask(connection), "line_id", "L")
    assert (row.inspected, row.failed) == (4, 2)
    assert row.top_defect == "crack"
    assert row.top_defect_share == 0.5


def test_nulls_are_a_value_of_their_own_and_a_unit_without_status_did_not_pass(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, quality_status)
        VALUES (NULL, NULL, 'ok'), ('infinity', NULL, NULL), ('2999-01-01', NULL, 'ok'),
               ('0044-03-15 BC', 'L', 'ok')
    """)
    row = row_of(ask(connection), "line_id", "(none)")
    assert (row.inspected, row.passed) == (3, 2)
    assert row.judged == "incomplete"
    periods = table_of(ask(connection, period="day"), "line_id").rows
    assert sum(row.inspected for row in periods) == 4


def test_today_is_incomplete_and_so_is_whatever_the_last_sync_did_not_see(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, quality_status)
        SELECT '2026-03-31T01:00:00Z', 'LINE-1', 'error' FROM generate_series(1, 400)
    """)
    today = table_of(ask(connection, period="day"), "line_id").rows[30]
    assert (today.period, today.judged) == ("2026-03-31", "incomplete")
    assert row_of(ask(connection), "line_id", "LINE-1").signal is None
    stale = replace(TARGET, complete_until=NOW - timedelta(days=1))
    rows = table_of(ask(connection, stale, period="day"), "line_id").rows
    judged = {row.period: row.judged for row in rows if row.value == "LINE-1"}
    assert judged["2026-03-29"] == "in_control"
    assert judged["2026-03-30"] == "incomplete"


@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_times_without_a_zone_count_as_utc(
    connection: psycopg.Connection[Any], database: Database, kind: str
) -> None:
    database.sql(f"ALTER TABLE raw.bodies_production ALTER COLUMN timestamp TYPE {kind}")
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, quality_status)
        VALUES ('2026-03-02 00:00', 'L', 'ok')
    """)
    connection.execute("SET TimeZone = 'Pacific/Kiritimati'")
    rows = table_of(ask(connection, period="day"), "line_id").rows
    assert [row.period for row in rows] == ["2026-03-02"]


def test_a_table_without_a_time_has_rates_and_no_control_chart(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    target = replace(TARGET, definition=Definition(time="made_at"))
    table = table_of(ask(connection, target), "line_id")
    assert [row.inspected for row in table.rows] == [12_000, 12_000]
    assert {row.judged for row in table.rows} == {"unjudged"}
    assert table.notes == ('raw.bodies_production has no time column "made_at": no control chart',)
    by_day = table_of(ask(connection, target, period="day"), "line_id")
    assert by_day.error is not None
    assert '"made_at"' in by_day.error.message


def test_a_missing_column_is_named_where_settings_ask_for_it(
    connection: psycopg.Connection[Any],
) -> None:
    wrong_status = replace(TARGET, definition=Definition(status="state"))
    table = ask(connection, wrong_status).tables[0]
    assert table.error is not None
    assert table.error.message == (
        'raw.bodies_production has no column "state", which quality.status names'
    )
    assert table.error.hint == "set status in [sources.bodies.table.bodies_production.quality]"
    assert ask(connection, replace(wrong_status, explicit=False)).tables == ()


def test_a_missing_dimension_leaves_the_others_alone(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    target = replace(TARGET, definition=Definition(by=("line_id", "colour")))
    report = ask(connection, target)
    assert len(table_of(report, "line_id").rows) == 2
    error = table_of(report, "colour").error
    assert error is not None
    assert '"colour"' in error.message


def test_a_table_that_was_never_synced_says_how_to_sync_it(
    connection: psycopg.Connection[Any],
) -> None:
    table = ask(connection, replace(TARGET, target_table="absent")).tables[0]
    assert table.error is not None
    assert table.error.kind == "not_synced"
    assert table.error.hint == "`elconsole --headless sync bodies.bodies_production`"


def test_an_unknown_dimension_is_a_usage_error(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(UsageError, match='"hue"'):
        ask(connection, by="hue")


def test_any_column_can_be_the_dimension_asked_for(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    report = ask(connection, by="shift_id")
    assert [table.dimension for table in report.tables] == ["shift_id"]
    assert len(report.tables[0].rows) == 3


def test_an_empty_table_has_no_rows_and_no_trouble(connection: psycopg.Connection[Any]) -> None:
    table = table_of(ask(connection), "line_id")
    assert table.rows == ()
    assert table.total is not None
    assert table.total.pass_rate is None


def test_names_of_any_shape_are_quoted(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql("""
        CREATE TABLE raw."50% off""; DROP" ("Status %s" text, "when" timestamptz, "a{b}" int);
        INSERT INTO raw."50% off""; DROP" VALUES ('o''k', '2026-03-02', 1), ('no', NULL, 2);
    """)
    target = QualityTarget(
        source="s",
        table='50% off"; DROP',
        target_schema="raw",
        target_table='50% off"; DROP',
        definition=Definition(status="Status %s", passed=("o'k",), time="when", by=("a{b}",)),
        content_run_id="1",
    )
    rows = ask(connection, target).tables[0].rows
    assert [(row.value, row.passed) for row in rows] == [("1", 1), ("2", 0)]
    assert failed_units(connection, target, "a{b}", "2", 10).rows == (("no", None, "2"),)
    assert store_daily_counts(connection, target) == {"passed": 1, "failed": 1}
    assert ask(connection, stored(database, target)).tables[0].rows == rows


def test_changed_rows_are_counted_apart(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, quality_status, _airbyte_meta)
        VALUES ('2026-03-02', 'L', 'ok', '{"sync_id": 1, "changes": [{"field": "x"}]}'),
               ('2026-03-02', 'L', 'ok', '{"sync_id": 1, "changes": []}')
    """)
    assert table_of(ask(connection), "line_id").changed_rows == 1


def test_stored_daily_counts_give_the_very_same_report(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    target = replace(TARGET, content_run_id="run 1")
    scanned = ask(connection, target)
    assert store_daily_counts(connection, target) == {"passed": 22_740, "failed": 1260}
    target = stored(database, target)
    assert ask(connection, target) == scanned
    database.sql("TRUNCATE raw.bodies_production")
    assert ask(connection, target) == scanned
    assert ask(connection, target, by="material").tables == (table_of(scanned, "material"),)


def test_stored_counts_of_other_content_or_other_settings_are_not_used(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    target = stored(database, replace(TARGET, content_run_id="run 1"))
    database.sql("UPDATE raw.bodies_production SET quality_status = 'ok'")
    assert row_of(ask(connection, target), "line_id", "LINE-1").failed == 600
    newer = replace(target, content_run_id="run 2")
    assert row_of(ask(connection, newer), "line_id", "LINE-1").failed == 0
    other = replace(target, definition=Definition(passed=("ok", "error")))
    assert row_of(ask(connection, other), "line_id", "LINE-1").failed == 0


def test_failed_units_come_newest_first_and_say_when_there_are_more(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    page = failed_units(connection, TARGET, "line_id", "LINE-2", 5)
    assert page.truncated
    assert len(page.rows) == 5
    times = [row[page.columns.index("timestamp")] for row in page.rows]
    assert times == sorted(times, key=str, reverse=True)
    assert {row[page.columns.index("quality_status")] for row in page.rows} == {"error"}
    assert not failed_units(connection, TARGET, "line_id", "LINE-2", 660).truncated
    assert failed_units(connection, TARGET, "line_id", "absent", 5).rows == ()


@pytest.mark.slow
def test_a_frozen_baseline_judges_what_comes_later(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    assert freeze_baseline(connection, [TARGET], NOW) == 1
    assert freeze_baseline(connection, [TARGET], NOW) == 2
    database.sql("""
        UPDATE raw.bodies_production SET quality_status = 'error'
        WHERE id % 10 IN (1, 2, 3) AND line_id = 'LINE-1'
    """)
    table = table_of(ask(connection), "line_id")
    row = table.rows[0]
    assert table.baseline == "version 2, frozen 2026-03-31"
    assert row.center == pytest.approx(0.95)
    assert row.judged == "signal"
    assert row.signal is not None
    assert "set aside" not in row.signal
    hourly = table_of(ask(connection, period="hour"), "line_id").rows
    assert {r.center for r in hourly if r.value == "LINE-1"} == {row.center}


def test_a_value_that_came_after_the_baseline_is_named(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    freeze_baseline(connection, [TARGET], NOW)
    assert table_of(ask(connection), "line_id").notes == ()
    database.sql("""
        INSERT INTO raw.bodies_production (timestamp, line_id, material, quality_status)
        SELECT '2026-03-28T12:00:00Z', 'LINE-3', 'metal', 'ok' FROM generate_series(1, 50)
    """)
    assert table_of(ask(connection), "line_id").notes == (
        "not in the baseline, so judged against their own periods: LINE-3",
    )
    assert table_of(ask(connection), "material").notes == ()


def test_a_run_that_goes_on_is_raised_once(connection: psycopg.Connection[Any]) -> None:
    def report(period: str, since: str) -> QualityReport:
        row = QualityRow(
            value="LINE-1", inspected=100, passed=99, failed=1, pass_rate=0.99, judged="signal",
            rules=(2,), signal=f"rule 2 on {period}", signal_period=period, signal_since=since,
            signal_pass_rate=0.99,
        )  # fmt: skip
        table = QualityTable(
            source="bodies", table="t", target="raw.t", dimension="line_id", rows=(row,)
        )
        return QualityReport((table,))

    def raised(period: str, since: str) -> list[str]:
        run_id = "00000000-0000-0000-0000-000000000001"
        events = raise_signals(connection, report(period, since), run_id, NOW)
        return [event.period for event in events]

    assert raised("2026-03-12", since="2026-03-04") == ["2026-03-12"]
    assert raised("2026-03-13", since="2026-03-04") == []
    assert raised("2026-03-30", since="2026-03-20") == ["2026-03-30"]


def test_the_batch_that_each_line_works_on_is_incomplete(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    database.sql("""
        UPDATE raw.bodies_production SET batch_id = batch_id || right(line_id, 1);
        INSERT INTO raw.bodies_production (timestamp, line_id, material, batch_id, quality_status)
        SELECT '2026-03-30T23:00:00Z'::timestamptz + line * interval '1 hour', 'LINE-' || line,
               'metal', 'BATCH-NOW-' || line, 'error'
        FROM generate_series(1, 2) AS line, generate_series(1, 200)
    """)
    rows = table_of(ask(connection, period="batch"), "line_id").rows
    states = {row.period: row.judged for row in rows}
    assert states["BATCH-NOW-1"] == states["BATCH-NOW-2"] == "incomplete"
    assert states["BATCH-291"] == "in_control"
    assert states["BATCH-192"] == "signal"


def test_shifts_with_ids_of_their_own_are_periods_in_order_and_the_current_one_is_incomplete(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    database.sql(PRODUCTION)
    named = table_of(ask(connection, period="shift"), "line_id").rows
    assert [row.period for row in named[:3]] == ["AFTERNOON", "MORNING", "NIGHT"]
    assert {row.judged for row in named} == {"in_control"}
    database.sql("""
        UPDATE raw.bodies_production
        SET shift_id = to_char(timestamp, 'DD-MM-') || left(shift_id, 1);
        INSERT INTO raw.bodies_production (timestamp, line_id, material, shift_id, quality_status)
        SELECT '2026-03-31T01:00:00Z', 'LINE-1', 'metal', '31-03-N',
               CASE WHEN n % 2 = 0 THEN 'error' ELSE 'ok' END
        FROM generate_series(1, 160) AS n
    """)
    rows = table_of(ask(connection, period="shift"), "line_id").rows
    first = [row for row in rows if row.value == "LINE-1"]
    assert [row.period for row in first[:4]] == ["01-03-N", "01-03-M", "01-03-A", "02-03-N"]
    assert (first[-1].period, first[-1].judged) == ("31-03-N", "incomplete")
    bad = [row.period for row in rows if row.value == "LINE-2" and 1 in row.rules]
    assert bad == ["20-03-N", "20-03-M"]


def test_nothing_complete_can_not_be_frozen(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(UsageError, match="no complete day"):
        freeze_baseline(connection, [TARGET], NOW)


def test_reading_writes_nothing(connection: psycopg.Connection[Any], database: Database) -> None:
    database.sql(PRODUCTION)
    connection.execute("SET default_transaction_read_only = on")
    assert ask(connection, replace(TARGET, content_run_id="run 1")).tables

"""The daily counts that syncs keep: after any history they equal a count of the whole table."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from elconsole.core.events import DataLoaded
from elconsole.core.results import QualityReport, QualityRequest, QualityTable
from elconsole.engine.quality.read import read_quality
from tests.effort import tries
from tests.pairs import Pair

pytestmark = pytest.mark.integration

UNITS = """
CREATE TABLE t (
    id int PRIMARY KEY, status text, made timestamp, line text, kind varchar(9), flaw text,
    note text
)
"""
QUALITY = {
    "status": "status", "passed": ["ok"], "time": "made", "by": ["line", "kind"], "defect": "flaw"
}  # fmt: skip
STATUSES = ("ok", "ok", "ok", "bad", None)
DAYS = ("2026-03-01 10:00", "2026-03-02 11:30", "2026-03-02 23:59:59", "1999-12-31", None)


def configure(pair: Pair, **settings: Any) -> None:
    pair.incremental(quality=QUALITY, **settings)


def insert(pair: Pair, number: int, choose: random.Random) -> None:
    pair.source.sql(
        "INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s, 'n') ON CONFLICT DO NOTHING",
        number,
        choose.choice(STATUSES),
        choose.choice(DAYS),
        choose.choice(("L1", "L2", None)),
        choose.choice(("a", "b", "")),
        choose.choice(("crack", "", None)),
    )


def change(pair: Pair, choose: random.Random) -> None:
    """One random statement; some change no unit's place in the counts."""
    key = choose.randrange(60)
    column, values = choose.choice(
        [
            ("status", STATUSES),
            ("made", DAYS),
            ("line", ("L1", "L3", None)),
            ("flaw", ("crack", "spot", None)),
            ("note", ("x", "y")),
        ]
    )
    kind = choose.randrange(4)
    if kind == 0:
        pair.source.sql("DELETE FROM t WHERE id = %s", key)
    elif kind == 1:
        insert(pair, choose.randrange(60), choose)
    else:
        pair.source.sql(
            f"UPDATE t SET {column} = %s WHERE id BETWEEN %s AND %s",
            choose.choice(values),
            key,
            key + choose.randrange(4),
        )


def reports(pair: Pair) -> tuple[QualityReport, QualityReport]:
    """By the stored counts, and by a scan. Only the scan knows when the latest row of those
    that stayed was extracted."""
    assert pair.engine is not None
    now = datetime.now(UTC)
    with pair.engine._warehouse() as session:
        targets = pair.engine._units(session)
        scans = [replace(target, counted_version=None) for target in targets]
        assert all(target.counted_version == target.stored_version for target in targets)
        pages = tuple(
            read_quality(session, chosen, QualityRequest(), now) for chosen in (targets, scans)
        )
    stored, scanned = (
        QualityReport(tuple(replace(table, newest_extracted_at=None) for table in page.tables))
        for page in pages
    )
    return stored, scanned


def differences(one: QualityTable, other: QualityTable) -> dict[str, tuple[Any, Any]]:
    names = (field.name for field in fields(one))
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def counted_here(pair: Pair) -> list[tuple[Any, ...]]:
    """Where each stored count stands in its table: a recount writes every one anew."""
    return pair.warehouse.sql("SELECT ctid::text FROM elconsole.quality_daily ORDER BY 1")


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(tries(2)))
def test_the_counts_of_any_history_equal_a_scan(pair: Pair, seed: int) -> None:
    choose = random.Random(seed)
    pair.source.sql(UNITS)
    for number in range(40):
        insert(pair, number, choose)
    configure(pair, deletes="sweep" if seed % 2 else "ignore")
    pair.sync()
    for _ in range(8):
        for _ in range(choose.randrange(1, 4)):
            change(pair, choose)
        table = pair.sync()
        stored, scanned = reports(pair)
        for one, other in zip(stored.tables, scanned.tables, strict=True):
            assert differences(one, other) == {}
        rows, passed = pair.warehouse.sql(
            "SELECT count(*), count(*) FILTER (WHERE status = 'ok') FROM raw.t"
        )[0]
        (loaded,) = (event for event in pair.events if isinstance(event, DataLoaded))
        assert loaded.quality_flags == {"passed": passed, "failed": rows - passed}
        assert table.error is None


def test_few_changes_recount_no_unit_that_stayed(pair: Pair) -> None:
    pair.source.sql(UNITS)
    pair.source.sql(
        "INSERT INTO t SELECT i, 'ok', timestamp '2026-03-01' + i * interval '1 hour',"
        " 'L' || i % 3, 'a', NULL FROM generate_series(1, 500) i"
    )
    configure(pair)
    pair.sync()
    before = set(counted_here(pair))
    pair.source.sql("UPDATE t SET status = 'bad', flaw = 'crack' WHERE id = 7")
    assert pair.sync().rows_written == 1
    after = set(counted_here(pair))
    assert len(before - after) == 1
    assert len(after - before) == 2
    stored, scanned = reports(pair)
    assert stored == scanned


@pytest.mark.parametrize("other_day", [True, False])
def test_the_newest_unit_that_goes_is_not_remembered(pair: Pair, other_day: bool) -> None:
    pair.source.sql(UNITS)
    pair.source.sql(
        "INSERT INTO t SELECT i, 'ok', '2026-03-01', 'L', 'a' FROM generate_series(1, 9) i"
    )
    latest = "2999-01-01" if other_day else "2026-03-01 23:00"
    pair.source.sql("INSERT INTO t VALUES (10, 'ok', %s, 'L', 'a')", latest)
    configure(pair, deletes="sweep")
    pair.sync()
    assert str(newest(reports(pair)[0])).startswith(latest)
    pair.source.sql("DELETE FROM t WHERE id = 10")
    assert pair.sync().rows_deleted == 1
    assert str(newest(reports(pair)[0])).startswith("2026-03-01 00:00")


def newest(report: QualityReport) -> datetime | None:
    return report.tables[0].newest_unit_at


@pytest.mark.parametrize(
    ("kind", "beyond"), [("timestamp", "4714-11-24 00:00:00 BC"), ("date", "5874897-12-31")]
)
def test_units_that_cannot_be_counted_fail_no_table(pair: Pair, kind: str, beyond: str) -> None:
    pair.source.sql(UNITS.replace("made timestamp", f"made {kind}"))
    pair.source.sql(
        "INSERT INTO t SELECT i, 'ok', '2026-03-01', 'L', 'a' FROM generate_series(1, 9) i"
    )
    configure(pair)
    pair.sync()
    pair.source.sql(f"UPDATE t SET made = '{beyond}' WHERE id = 3")
    pair.sync()
    assert pair.raw("id, made::text") == pair.rows("id, made::text")


@pytest.mark.parametrize("rows_change", [True, False], ids=["rows-change", "idle"])
def test_a_changed_setting_counts_anew(pair: Pair, rows_change: bool) -> None:
    pair.source.sql(UNITS)
    pair.source.sql(
        "INSERT INTO t SELECT i, 'fine', '2026-03-01', 'L', 'a' FROM generate_series(1, 9) i"
    )
    configure(pair)
    pair.sync()
    pair.incremental(quality={**QUALITY, "passed": ["fine"]})
    if rows_change:
        pair.source.sql("UPDATE t SET note = 'x' WHERE id = 1")
    pair.sync()
    (loaded,) = (event for event in pair.events if isinstance(event, DataLoaded))
    assert loaded.quality_flags == {"passed": 9, "failed": 0}
    stored, scanned = reports(pair)
    assert stored == scanned
    assert stored.tables[0].rows[0].passed == 9

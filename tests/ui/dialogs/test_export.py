"""What a table is exported as, and by what its rows are sorted and found."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from elconsole.core.humanize import SPARKS
from elconsole.core.results import QualityReport
from elconsole.ui.dialogs.export import as_csv, as_json, exported
from elconsole.ui.state.answers import history_read, probe_answered
from elconsole.ui.state.log import LogEntry
from elconsole.ui.state.model import ConsoleState, started
from elconsole.ui.state.runs import run_seen
from elconsole.ui.tables import (
    activity,
    connections,
    quality_page,
    quality_panels,
    raw,
    runs,
    schema,
    sync,
    units,
)
from elconsole.ui.widgets.arrange import Sort, shown, widths
from elconsole.ui.words.cells import Column, Row, Table, cell
from tests.fakes.plans import PLAN
from tests.fakes.plant import CONNECTIONS, NOW, RAW_TABLES, healthy
from tests.fakes.quality import QUALITY, UNITS
from tests.fakes.runs import FAILED, RUNNING, SUCCEEDED, past

pytestmark = pytest.mark.unit


def known() -> ConsoleState:
    """A state in which everything was answered and a run goes on."""
    state = run_seen(started(CONNECTIONS), RUNNING, NOW)
    for info in CONNECTIONS:
        state = probe_answered(state, healthy(info.name))
    state = history_read(state, past(SUCCEEDED, FAILED))
    return replace(
        state,
        quality=QUALITY,
        quality_at=NOW,
        plan_at=NOW,
        plan=PLAN,
        raw_tables=RAW_TABLES,
        log=(
            *state.log,
            LogEntry(at=NOW, level="error", subject="springs", text="lost"),
            LogEntry(at=NOW, level="warning", subject="bodies", text="slow"),
        ),
    )


def log_page(state: ConsoleState) -> Table:
    """The Log page."""
    return activity.page(state, NOW, level="info", source=None, following=True)


TABLES: dict[str, Callable[[ConsoleState], Table]] = {
    "connections": lambda state: connections.table(state, NOW),
    "sync": lambda state: sync.table(state, NOW),
    "first": lambda state: quality_panels.first(state, NOW),
    "activity": lambda state: activity.panel(state, NOW),
    "log": log_page,
    "quality": lambda state: quality_page.table(state, NOW),
    "runs": lambda state: runs.history(state, NOW),
    "run": lambda state: runs.tables(SUCCEEDED, FAILED),
    "schema": schema.page,
    "raw": lambda state: raw.panel(state, NOW),
    "defects": lambda state: units.defects(UNITS),
    "units": lambda state: units.failed(UNITS),
}


def exported_rows(table: Table) -> list[dict[str, Any]]:
    """The table as JSON tells it."""
    rows: list[dict[str, Any]] = json.loads(as_json(table.columns, table.rows))
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_every_exported_value_is_a_declared_number_or_the_text_on_the_screen(name: str) -> None:
    table = TABLES[name](known())
    places = exported(table.columns)
    assert places
    assert len(exported_rows(table)) == sum(not row.heading for row in table.rows) > 0
    for record in exported_rows(table):
        assert not [head for head in record if head.startswith("column")]
        for head, value in record.items():
            number = table.columns[places[head]].number
            assert isinstance(value, float | int | None if number else str), (head, value)


def test_the_exported_log_tells_levels_and_times_as_shown() -> None:
    record = exported_rows(log_page(known()))[-2]
    assert (record["time"], record["level"]) == ("12:04:31", "error")


def test_an_exported_connection_tells_its_state_in_words() -> None:
    table = connections.table(known(), NOW)
    record = exported_rows(table)[0]
    assert record["connection"] == "refills"
    assert record["state"] == "healthy"
    assert record["latency ms"] == 2.0


def test_exported_runs_tell_the_start_as_shown_and_sizes_in_bytes() -> None:
    record = exported_rows(runs.history(known(), NOW))[-1]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", record["started"])
    assert isinstance(record["bytes"], int)
    assert "throughput" not in record


def test_a_trend_is_exported_as_drawn() -> None:
    record = exported_rows(quality_page.table(known(), NOW))[0]
    assert set(record["trend"]) <= set(SPARKS)


def test_columns_of_one_name_are_exported_apart() -> None:
    assert [*exported((Column("a"), Column("a"), Column("")))] == ["a", "a_2"]


def test_the_head_of_an_exported_csv_has_as_many_cells_as_its_rows() -> None:
    table = quality_page.table(known(), NOW)
    head, *rows = csv.reader(io.StringIO(as_csv(table.columns, table.rows)))
    assert {len(row) for row in rows} == {len(head)}
    assert "" not in head


def test_cells_that_a_spreadsheet_would_run_are_quoted_but_numbers_are_not() -> None:
    columns = (Column("text"), Column("number", number=True))
    text = as_csv(columns, (Row("a", (cell("=1+1"), cell("-3")), ("=1+1", -3)),))
    assert text.splitlines()[1] == "'=1+1,-3"


def test_the_log_sorts_by_the_level_of_its_lines() -> None:
    table = log_page(known())
    level = [column.title for column in table.columns].index("level")
    rows = shown(table.rows, Sort(level, descending=True), "")
    levels = [row.texts()[level] for row in rows]
    assert levels == sorted(levels, key=("error", "warning", "info").index)
    assert len(set(levels)) == 3


def two_sources() -> Table:
    """Two sources that both make things of `metal`."""
    one = next(item for item in QUALITY.tables if item.dimension == "material")
    tables = (one, replace(one, source="caps", table="caps_production"))
    return quality_page.table(replace(known(), quality=QualityReport(tables)), NOW)


def titles(table: Table, room: int, *, headings: bool) -> list[str]:
    """The columns in sight."""
    return [table.columns[at].title for at, _ in widths(table, room, headings=headings)]


@pytest.mark.parametrize("room", [74, 116, 196])
def test_sorted_rates_tell_their_source_and_dimension(room: int) -> None:
    table = two_sources()
    assert {"source", "by"} <= set(titles(table, room, headings=False))
    assert not {"source", "by"} & set(titles(table, room, headings=True))


def test_rates_are_found_by_their_source_and_by_their_dimension() -> None:
    rows = shown(two_sources().rows, None, "caps metal")
    assert [row.texts()[0] for row in rows] == ["metal"]
    assert len(shown(two_sources().rows, None, "by material")) == 0
    assert len(shown(two_sources().rows, None, "material")) == 6


def test_exported_rates_tell_their_source_and_dimension() -> None:
    found = [(row["source"], row["by"], row["value"]) for row in exported_rows(two_sources())]
    assert ("caps", "material", "metal") in found
    assert len(set(found)) == 6

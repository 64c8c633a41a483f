"""What rows lead to, and what the palette does by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.screen import Screen

from elconsole.core.results import SyncRequest
from elconsole.ui.app.links import screen_for
from elconsole.ui.app.palette import commands
from elconsole.ui.dialogs.connection import ConnectionDialog
from elconsole.ui.dialogs.dialog import ErrorDialog
from elconsole.ui.dialogs.drift import DriftDialog, UnfedDialog
from elconsole.ui.pages.chart import ChartScreen
from elconsole.ui.pages.run import RunScreen
from elconsole.ui.state.answers import logged
from elconsole.ui.state.log import LogEntry
from elconsole.ui.state.model import RunState, TableProgress, started
from elconsole.ui.tables import activity, sync
from elconsole.ui.words.cells import (
    ChartLink,
    ConnectionLink,
    DriftLink,
    ErrorLink,
    Link,
    RunLink,
    UnfedLink,
)
from tests.fakes.engine import operated
from tests.fakes.plans import PLAN, UNFED
from tests.fakes.plant import CONNECTIONS, LOST, NOW, RAW_TABLES
from tests.fakes.quality import QUALITY
from tests.fakes.runs import run_of, table_run
from tests.ui.piloting import SIZE, console, press, settle
from tests.ui.test_snapshots import ON_METAL

pytestmark = pytest.mark.ui
ODD = 'it\'s ("odd", \\n) ✓\n'


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        (ConnectionLink("bodies"), ConnectionDialog),
        (RunLink("run-1"), RunScreen),
        (ErrorLink("bodies.b failed", LOST), ErrorDialog),
        (ChartLink(QUALITY.tables[0], QUALITY.tables[0].rows[0]), ChartScreen),
        (DriftLink(PLAN.tables[0]), DriftDialog),
        (UnfedLink(UNFED[0]), UnfedDialog),
    ],
)
def test_every_link_leads_to_its_screen(link: Link, kind: type[Screen[object]]) -> None:
    assert type(screen_for(link)) is kind


def test_a_line_of_the_log_leads_to_its_error_its_run_or_its_connection() -> None:
    entries = [
        LogEntry(at=NOW, subject="bodies", text="down", error=LOST, run_id="run-1"),
        LogEntry(at=NOW, subject="bodies.b", text="published", run_id="run-1"),
        LogEntry(at=NOW, subject="bodies", text="healthy again"),
        LogEntry(at=NOW, subject="settings", text="read"),
    ]
    state = logged(started(CONNECTIONS), *entries)
    page = activity.page(state, NOW, level="info", source=None, following=True)
    assert [row.opens for row in page.rows] == [
        ErrorLink("bodies", LOST), RunLink("run-1"), ConnectionLink("bodies"), None,
    ]  # fmt: skip


def test_a_table_of_the_sync_panel_leads_to_its_error_else_to_its_run() -> None:
    failed, well = table_run("bodies", "failed", error=LOST), table_run("refills")
    retried = replace(well, error=LOST)
    run = run_of((failed, well, retried)).run
    shown = RunState(run, tuple(TableProgress(table) for table in (failed, well, retried)))
    state = replace(started(CONNECTIONS), runs=(shown,))
    rows = [row for row in sync.table(state, NOW).rows if not row.heading]
    assert [row.opens for row in rows] == [
        ErrorLink("bodies.bodies_production failed", LOST),
        RunLink(run.run_id),
        RunLink(run.run_id),
    ]
    assert rows[0].selects == ("bodies.bodies_production",)


@pytest.mark.slow
async def test_a_row_that_leads_nowhere_says_so() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, *ON_METAL, "enter")
        assert isinstance(app.screen, ChartScreen)
        app.screen.query_one("#units").focus()
        await press(pilot, "enter")
        assert isinstance(app.screen, ChartScreen)
        assert [note.message for note in app._notifications] == [
            "Its row says all there is to know about it."
        ]


async def test_the_palette_syncs_a_table_whatever_its_name() -> None:
    engine = operated()
    app = console(engine)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        odd = replace(RAW_TABLES[0], table=ODD)
        app.fold(replace(app.state, raw_tables=(odd,)))
        [deed] = [deed for title, _, deed in commands(app, app.screen) if "odd" in title]
        await deed()
        await settle(pilot)
        assert engine.requests == [SyncRequest(selection=(f"{odd.source}.{ODD}",))]


async def test_no_name_of_an_action_syncs_in_a_read_only_console() -> None:
    engine = operated()
    app = console(engine, read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for action in ("sync", "sync_selection()", "sync_selection('bodies')", "full_refresh"):
            assert not await app.run_action(action)
        await settle(pilot)
        assert engine.requests == []
        assert len(app.screen_stack) == 1

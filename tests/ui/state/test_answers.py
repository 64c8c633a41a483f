"""The console's state folded from snapshots, events and probes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from elconsole.core.events import DataLoaded, ProgressMade, SyncStarted, TableFailed, TableStarted
from elconsole.core.results import RunDetail
from elconsole.core.types import ErrorInfo, TableStatus
from elconsole.ui.state import answers, runs
from elconsole.ui.state.model import ConsoleState, TableProgress, started
from elconsole.ui.tables import connections, sync
from tests.fakes.plant import CONNECTIONS, LOST, NOW, before, down, healthy
from tests.fakes.quality import QUALITY
from tests.fakes.runs import FAILED, RUNNING, SUCCEEDED, past

pytestmark = pytest.mark.unit

RUN = "11111111-1111-4111-8111-111111111111"
WHERE: dict[str, Any] = {
    "run_id": RUN,
    "source": "refills",
    "table": "refills_production",
    "target": "raw.r",
}


def fresh() -> ConsoleState:
    """A state in which nothing was asked yet."""
    return started(CONNECTIONS)


def begun() -> ConsoleState:
    """A run of this console whose one table is being read."""
    state = runs.event_seen(
        fresh(),
        SyncStarted(
            run_id=RUN,
            at=before(10),
            run_number=7,
            mode="configured",
            tables=(("refills", "refills_production"),),
        ),
    )
    return runs.event_seen(
        state,
        TableStarted(
            **WHERE,
            at=before(10),
            mode="full",
            strategy="full",
            attempt=1,
            rows_estimated=1000,
        ),
    )


def progressed(state: ConsoleState, rows: int, seconds_ago: float = 5) -> ConsoleState:
    """So many rows were read."""
    event = ProgressMade(
        **WHERE,
        at=before(seconds_ago),
        rows_read=rows,
        bytes_total=rows * 10,
        rows_estimated=1000,
    )
    return runs.event_seen(state, event)


def only_table(state: ConsoleState) -> TableProgress:
    """The one table of the run shown."""
    run = state.shown_run()
    assert run is not None
    return run.tables[0]


def loaded(rows: int) -> DataLoaded:
    """The table was published."""
    return DataLoaded(
        **WHERE,
        at=NOW,
        mode="full",
        strategy="full",
        rows_read=rows,
        rows_written=rows,
        rows_deleted=0,
        bytes_total=rows * 10,
        extract_seconds=1.0,
        load_seconds=1.0,
        duration_seconds=2.0,
        generation=3,
        columns=("id",),
        quality_flags={"passed": rows - 5, "failed": 5},
    )


def failure(*, will_retry: bool = False, status: TableStatus = "failed") -> TableFailed:
    """The table failed."""
    return TableFailed(**WHERE, at=NOW, status=status, attempt=1, error=LOST, will_retry=will_retry)


def test_rows_of_a_running_table_never_go_back() -> None:
    state = progressed(progressed(begun(), 600), 400)
    assert only_table(state).rows() == 600


def test_a_snapshot_older_than_the_events_takes_nothing_back() -> None:
    state = progressed(begun(), 600)
    run = state.shown_run()
    assert run is not None
    older = replace(run.tables[0].table, rows_read=100)
    state = runs.run_seen(state, RunDetail(run.run, (older,)), NOW)
    assert only_table(state).rows() == 600


def test_a_table_that_ended_is_not_running_again_by_a_late_snapshot() -> None:
    state = runs.event_seen(progressed(begun(), 600), loaded(1000))
    run = state.shown_run()
    assert run is not None
    late = replace(run.tables[0].table, status="running", rows_read=900)
    state = runs.run_seen(state, RunDetail(run.run, (late,)), NOW)
    assert only_table(state).table.status == "succeeded"


def test_late_progress_does_not_reopen_a_table() -> None:
    state = progressed(runs.event_seen(begun(), loaded(1000)), 900)
    assert only_table(state).table.status == "succeeded"
    assert only_table(state).rows() == 1000


def test_events_of_an_unknown_run_are_dropped() -> None:
    state = fresh()
    assert progressed(state, 100) is state


def test_the_bar_stays_below_its_end_while_more_rows_come_than_were_estimated() -> None:
    share = only_table(progressed(begun(), 5000)).share()
    assert share is not None
    assert share < 1.0


def test_an_unknown_total_gives_no_percentage() -> None:
    item = only_table(progressed(begun(), 500))
    unknown = TableProgress(replace(item.table, rows_estimated=None), item.samples)
    assert unknown.share() is None
    assert unknown.seconds_left(NOW) is None
    assert sync.percent_done(unknown.share(), "running") == ""


def test_the_rate_is_told_from_the_last_samples() -> None:
    state = progressed(progressed(begun(), 400, 6), 900, 5)
    assert only_table(state).rate(before(5)) == pytest.approx(900 / 5)


def test_a_rate_fades_when_rows_stop_coming() -> None:
    item = only_table(progressed(begun(), 900, 9))
    moving, stalled = item.rate(before(9)), item.rate(NOW + timedelta(seconds=60))
    assert moving is not None
    assert stalled is not None
    assert stalled < moving / 10


def test_a_retry_starts_the_count_anew() -> None:
    state = runs.event_seen(progressed(begun(), 600), failure(will_retry=True))
    assert only_table(state).table.status == "running"
    again = TableStarted(
        **WHERE, at=NOW, mode="full", strategy="full", attempt=2, rows_estimated=1000
    )
    state = runs.event_seen(state, again)
    assert only_table(state).rows() == 0
    assert only_table(state).table.error is None


@pytest.mark.parametrize("status", ["failed", "locked", "skipped", "cancelled"])
def test_a_failure_keeps_its_own_status_and_error(status: TableStatus) -> None:
    table = only_table(runs.event_seen(begun(), failure(status=status))).table
    assert table.status == status
    assert table.error == LOST


def test_a_run_of_another_machine_is_shown_while_it_runs() -> None:
    state = runs.run_seen(fresh(), SUCCEEDED, NOW)
    state = runs.run_seen(state, RUNNING, NOW)
    shown = state.shown_run()
    assert shown is not None
    assert shown.run.run_number == 42
    assert not shown.here
    assert state.running_here() is None


def test_the_result_of_a_run_replaces_what_was_guessed_of_it() -> None:
    state = runs.run_seen(fresh(), RUNNING, NOW)
    ended = replace(RUNNING.run, status="succeeded", finished_at=NOW)
    tables = tuple(replace(table, status="succeeded") for table in RUNNING.tables)
    state = runs.run_seen(state, RunDetail(ended, tables), NOW)
    state = runs.run_seen(state, RUNNING, NOW)
    shown = state.shown_run()
    assert shown is not None
    assert not shown.running


def test_news_heard_twice_stands_in_the_log_once() -> None:
    state = runs.run_seen(fresh(), SUCCEEDED, NOW)
    state = answers.history_read(state, (SUCCEEDED.run, FAILED.run))
    state = answers.history_read(state, (SUCCEEDED.run, FAILED.run))
    assert [entry.subject for entry in state.log] == ["run 40", "run 41"]


def test_the_log_is_in_the_order_of_time() -> None:
    state = answers.probe_answered(fresh(), down("springs"))
    state = answers.history_read(state, past(SUCCEEDED, FAILED))
    times = [entry.at for entry in state.log]
    assert times == sorted(times)


def test_the_log_keeps_no_more_than_it_should() -> None:
    state = fresh()
    for number in range(answers.LOG_KEPT + 50):
        health = down("springs") if number % 2 else healthy("springs")
        state = answers.probe_answered(state, health)
    assert len(state.log) == answers.LOG_KEPT


def test_a_source_that_comes_back_is_told_once() -> None:
    state = fresh()
    for health in (down("springs"), healthy("springs"), healthy("springs")):
        state = answers.probe_answered(state, health)
    assert [entry.text for entry in state.log] == ["down", "healthy again"]


def test_a_probe_of_an_unknown_connection_changes_nothing() -> None:
    state = fresh()
    assert answers.probe_answered(state, healthy("elsewhere")) is state


def test_a_probe_under_way_for_long_makes_its_own_row_stale_and_no_other() -> None:
    state = fresh()
    for info in CONNECTIONS:
        state = answers.probe_answered(state, healthy(info.name))
    state = answers.probe_started(state, "bodies", before(12))
    words = [connections.standing(item, NOW).word for item in state.connections]
    assert words == ["healthy", "no answer", "healthy", "healthy"]
    assert connections.overall(state, NOW).word == "1 of 4 no answer"


def test_latencies_are_kept_only_for_a_while() -> None:
    state = fresh()
    for _ in range(answers.LATENCIES_KEPT + 10):
        state = answers.probe_answered(state, healthy("refills"))
    assert len(state.connections[0].latencies) == answers.LATENCIES_KEPT


def test_an_answer_removes_its_own_problem_only() -> None:
    error = ErrorInfo("unavailable", "gone")
    state = answers.failed(answers.failed(fresh(), "quality", error), "plan", error)
    state = answers.answered(state, "quality", quality=QUALITY)
    assert state.problem("quality") is None
    assert state.problem("plan") == error


def test_cancelling_ends_with_the_run() -> None:
    state = runs.cancelling(begun())
    run = state.running_here()
    assert run is not None
    assert run.cancelling
    ended = RunDetail(replace(run.run, status="cancelled", finished_at=NOW), ())
    state = runs.run_seen(state, ended, NOW, here=True)
    shown = state.shown_run()
    assert shown is not None
    assert not shown.cancelling


def test_a_connection_known_to_be_down_stays_down_while_it_is_asked_again() -> None:
    state = answers.probe_answered(fresh(), down("bodies"))
    state = answers.probe_started(state, "bodies", before(12))
    assert connections.standing(state.connections[1], NOW).word == "down"
    assert connections.overall(state, NOW).word == "1 of 4 down"


def test_the_history_tells_the_end_of_a_run_that_nobody_could_watch() -> None:
    state = runs.run_seen(fresh(), RUNNING, NOW)
    ended = replace(RUNNING.run, status="failed", finished_at=NOW)
    state = answers.history_read(state, (ended,))
    run = state.shown_run()
    assert run is not None
    assert run.run == ended
    assert not run.running


def test_the_history_does_not_end_a_run_of_this_console() -> None:
    state = begun()
    run = state.running_here()
    assert run is not None
    ended = replace(run.run, status="succeeded", finished_at=NOW)
    assert answers.history_read(state, (ended,)).running_here() == run

"""Progress lines, bars and summaries."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from elconsole.core.events import Event
from elconsole.core.results import SyncRequest
from elconsole.core.types import ErrorInfo
from elconsole.headless.live import LiveProgress
from elconsole.headless.progress import PlainProgress, Progress, shown_fraction
from elconsole.headless.sync import run_sync
from elconsole.report.streams import Output
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import DENIED, PEN_PLANT, FakeTable, failing, unreachable

pytestmark = pytest.mark.unit


def captured(quiet: bool = False) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = io.StringIO(), io.StringIO()
    return Output(stdout, stderr, quiet), stdout, stderr


def sync_into(progress: Progress, engine: FakeEngine) -> None:
    with progress:
        detail = engine.sync(SyncRequest(), emit=progress, stop=threading.Event())
    progress.finish(detail)


def test_plain_progress_tells_one_line_a_table_and_a_summary() -> None:
    output, stdout, stderr = captured()
    sync_into(PlainProgress(output), FakeEngine())
    assert stdout.getvalue() == ""
    assert stderr.getvalue().splitlines() == [
        "run 1: 3 tables",
        "refills.refills_production: succeeded, 100 rows written in 500 ms",
        "bodies.bodies_production: succeeded, 100 rows written in 500 ms",
        "springs.springs_production: succeeded, 150 rows written in 500 ms",
        "run 1 succeeded: 3 of 3 tables, 350 rows written, 72 kB in 22.0 s",
    ]


def test_a_failed_table_is_explained_once_with_its_hint() -> None:
    output, _, stderr = captured()
    sync_into(PlainProgress(output), FakeEngine(failing("springs", DENIED)))
    text = stderr.getvalue()
    assert text.count("permission denied for table springs_production (SQLSTATE 42501)") == 1
    assert text.count("hint: run the SQL that `elconsole grants` prints") == 1


def test_quiet_prints_only_failures() -> None:
    output, stdout, stderr = captured(quiet=True)
    code = run_sync(
        FakeEngine(failing("springs", DENIED)), SyncRequest(), output, as_json=False, live=False
    )
    assert code == 1
    assert stdout.getvalue() == ""
    assert len(stderr.getvalue().splitlines()) == 2
    assert stderr.getvalue().startswith("error: springs.springs_production: permission denied")


def test_quiet_success_is_silent() -> None:
    output, stdout, stderr = captured(quiet=True)
    assert run_sync(FakeEngine(), SyncRequest(), output, as_json=False, live=False) == 0
    assert (stdout.getvalue(), stderr.getvalue()) == ("", "")


def test_the_result_is_an_aligned_table_with_a_total() -> None:
    output, stdout, _ = captured()
    assert run_sync(FakeEngine(), SyncRequest(), output, as_json=False, live=False) == 0
    lines = stdout.getvalue().splitlines()
    headings = ["source", "table", "read", "written", "deleted", "duration", "status"]
    assert lines[0].split() == headings
    assert [line.split()[:3] for line in lines[2:5]] == [
        ["refills", "refills_production", "100"],
        ["bodies", "bodies_production", "100"],
        ["springs", "springs_production", "150"],
    ]
    assert lines[-1].split()[:2] == ["total", "350"]
    ends = {
        line.index(number) + 3
        for line, number in zip([*lines[2:5], lines[-1]], ["100", "100", "150", "350"], strict=True)
    }
    assert len(ends) == 1


@given(
    estimate=st.none() | st.integers(0, 10**9),
    rows=st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
)
def test_a_bar_never_runs_backwards_nor_full(estimate: int | None, rows: list[int]) -> None:
    shown = 0.0
    for so_far in rows:
        following = shown_fraction(shown, so_far, estimate)
        assert shown <= following <= 0.99
        shown = following


def painted(progress: LiveProgress, width: int = 120) -> str:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(progress)
    return file.getvalue()


def frames_of(engine: FakeEngine, width: int = 120) -> list[str]:
    """What the bars looked like after each event."""
    output, _, _ = captured()
    progress = LiveProgress(output)
    frames: list[str] = []

    def emit(event: Event) -> None:
        progress(event)
        frames.append(painted(progress, width))

    engine.sync(SyncRequest(), emit=emit, stop=threading.Event())
    return frames


def test_the_live_table_marks_estimates_and_ends_with_exact_counts() -> None:
    frames = frames_of(FakeEngine())
    assert any("50  of ~100" in frame for frame in frames)
    assert not any("%" in frame for frame in frames)
    assert "150" in frames[-1]
    assert "~" not in frames[-1]
    assert frames[-1].count("✓ done") == 3


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_live_table_cuts_no_word(width: int) -> None:
    big = tuple(replace(table, rows=10**9, estimate=10**9) for table in PEN_PLANT)
    for frame in frames_of(FakeEngine(big), width):
        assert "…" not in frame
        assert frame.count("\n") == 3


def test_the_live_table_shows_names_as_they_are() -> None:
    odd = (FakeTable("refills", "[red]\x1b[31mt", 1),)
    assert "[red]t" in frames_of(FakeEngine(odd))[-1]


def test_a_stopped_table_is_no_failure() -> None:
    output, _, stderr = captured()
    stopped = ErrorInfo("cancelled", "the sync was stopped")
    sync_into(PlainProgress(output), FakeEngine(failing("springs", stopped, "cancelled")))
    assert "springs.springs_production: cancelled" in stderr.getvalue()
    assert "error:" not in stderr.getvalue()


def test_narration_can_be_json_lines() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    output = Output(stdout, stderr, json_lines=True)
    sync_into(PlainProgress(output), FakeEngine(failing("springs", DENIED)))
    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert {line["level"] for line in lines} == {"info", "error"}
    assert all({"time", "level", "logger", "message"} == line.keys() for line in lines)


def test_one_error_of_many_tables_is_told_once() -> None:
    down = FakeEngine(unreachable())
    output, _, stderr = captured(quiet=True)
    with PlainProgress(Output(None, None)) as silent:
        detail = down.sync(SyncRequest(), emit=silent, stop=threading.Event())
    PlainProgress(output).finish(detail)
    assert stderr.getvalue().count("error: 3 tables: warehouse: connection to") == 1
    assert stderr.getvalue().count("hint: ") == 1

"""The command `sync`: text, JSON, plan and exit codes, on a scripted engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.engine import StopFlag
from elconsole.core.events import Emit
from elconsole.core.results import (
    RunDetail,
    SyncRequest,
)
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import DENIED, LOCKED, REFUSED, failing, unreachable
from tests.fakes.runs import FAILED, RUNNING, SUCCEEDED, history

pytestmark = pytest.mark.unit


def test_a_headless_sync_prints_the_table_and_ends_with_0() -> None:
    ended = CommandLine().run("--headless sync")
    assert ended.code == 0
    assert "refills_production   100" in ended.out
    assert ended.out.splitlines()[-1].split()[:2] == ["total", "350"]
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize(
    "words", ["--headless sync --json", "sync --json --headless -v", "sync --json"]
)
def test_sync_json_is_one_document(words: str) -> None:
    ended = CommandLine().run(words)
    assert ended.code == 0
    assert ended.json()["records_loaded"] == 350


def test_a_failed_run_counts_what_failed() -> None:
    ended = CommandLine(FakeEngine(failing("springs", DENIED))).run("--headless sync")
    assert " failed: 1 of 3 tables failed, 2 succeeded; 200 rows" in ended.err


def test_sync_passes_its_request_on() -> None:
    line = CommandLine()
    line.run("sync refills bodies.bodies_production --headless --full --adopt")
    assert line.engine.requests == [
        SyncRequest(("refills", "bodies.bodies_production"), full=True, adopt=True)
    ]
    assert line.engine.closed


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        (FakeEngine(failing("springs", DENIED)), 1),
        (FakeEngine(failing("springs", REFUSED)), 1),
        (FakeEngine(unreachable(REFUSED)), 3),
        (FakeEngine(unreachable()), 3),
        (FakeEngine(failing("springs", LOCKED, "locked")), 4),
    ],
)
def test_sync_exit_codes_come_with_json(engine: FakeEngine, code: int) -> None:
    ended = CommandLine(engine).run("--headless sync --json")
    assert ended.code == code
    assert ended.json()["status"] == "failed"
    assert ended.err.count("error: ") >= 1


def test_an_unknown_source_is_a_usage_error_without_json() -> None:
    ended = CommandLine().run("--headless sync nothing --json")
    assert (ended.code, ended.out) == (2, "")
    assert "error: no source or table is named nothing" in ended.err
    assert "hint: " in ended.err


def test_a_dry_run_syncs_nothing_and_says_so() -> None:
    line = CommandLine()
    ended = line.run("sync --dry-run refills")
    assert line.engine.requests == []
    assert "Nothing was changed." in ended.out
    assert "~100" in ended.out
    assert "springs" not in ended.out


def test_a_dry_run_of_a_table_that_can_t_be_synced_fails() -> None:
    ended = CommandLine(FakeEngine(failing("springs", DENIED))).run("sync --dry-run --json")
    assert ended.code == 1
    assert ended.json()["tables"][2]["error"]["sqlstate"] == "42501"


@pytest.mark.parametrize("option", ["--json", ""])
def test_what_a_plug_in_prints_stays_off_stdout(option: str) -> None:
    class Talking(FakeEngine):
        def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
            print("a plug-in's debugging")
            return super().sync(request, emit=emit, stop=stop)

    ended = CommandLine(Talking()).run(f"--headless sync {option}")
    assert "debugging" not in ended.out
    assert "a plug-in's debugging" in ended.err


def test_a_retry_asks_for_what_a_run_left_undone() -> None:
    line = CommandLine(FakeEngine(history=history(FAILED)))
    assert line.run("--headless sync --retry").code == 0
    assert line.run("sync --json --retry=40").code == 0
    assert line.engine.requests == 2 * [SyncRequest(("bodies.bodies_production",))]


@pytest.mark.parametrize(
    ("words", "past", "error"),
    [
        ("sync --headless --retry", history(RUNNING), "run 42 still goes on"),
        ("sync --headless --retry=77", history(SUCCEEDED), "no run is named 77"),
        ("sync --retry", history(FAILED), "--retry needs --headless"),
        ("sync --headless refills --retry", history(FAILED), "no further sources or tables"),
    ],
)
def test_a_retry_that_cannot_be_says_so(
    words: str, past: tuple[RunDetail, ...], error: str
) -> None:
    ended = CommandLine(FakeEngine(history=past)).run(words)
    assert (ended.code, ended.out) == (2, "")
    assert error in ended.err
    assert "hint: " in ended.err


def test_a_run_that_ended_before_its_tables_were_known_is_retried_whole() -> None:
    line = CommandLine(FakeEngine(history=history(replace(FAILED, tables=()))))
    assert line.run("sync --headless --retry").code == 0
    assert line.engine.requests == [SyncRequest()]


def test_a_retry_of_what_succeeded_is_done() -> None:
    line = CommandLine(FakeEngine(history=history(SUCCEEDED)))
    ended = line.run("sync --headless --retry")
    assert (ended.code, ended.out) == (0, "")
    assert "nothing of run 41 is left to be retried" in ended.err
    assert line.run("sync --retry --json").json()["status"] == "succeeded"
    assert line.run("sync --retry --dry-run --json").json()["tables"] == []
    assert line.engine.requests == []

"""The command `cancel`: what it says, and its exit codes, on a scripted engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.results import RunDetail
from elconsole.headless import cancel
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.runs import RUNNING, SUCCEEDED

pytestmark = pytest.mark.unit
ABANDONED = RunDetail(replace(RUNNING.run, status="abandoned"), RUNNING.tables)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel, "LOOK_EVERY_S", 0.01)


@pytest.mark.parametrize("words", ["cancel", f"cancel {RUNNING.run.run_number}"])
def test_a_run_that_ends_is_told_with_who_asked(words: str) -> None:
    line = CommandLine(FakeEngine(history=(RUNNING, SUCCEEDED)))
    ended = line.run(words)
    number = RUNNING.run.run_number
    assert (ended.code, ended.out) == (0, f"run {number} ended: cancelled by ada@mill\n")
    assert f"run {number}: asked to stop" in ended.err
    assert line.engine.cancelled == [RUNNING.run.run_id]


def test_a_run_that_goes_on_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel.run_cancel, "__kwdefaults__", {"patience_s": 0.05})
    ended = CommandLine(FakeEngine(history=(RUNNING,), stubborn=True)).run("cancel --json")
    assert ended.code == 1
    assert ended.json()["ended"] is False
    assert "did not end within 0.05 s\nhint: it may wait for a server; where it runs, end pid" in (
        ended.err
    )


@pytest.mark.parametrize(
    ("history", "words", "said"),
    [
        ((), "cancel", "no run goes on"),
        ((SUCCEEDED,), "cancel", "no run goes on"),
        ((SUCCEEDED,), "cancel last", "had ended before: succeeded"),
        ((ABANDONED,), "cancel last", "is abandoned: its process (pid "),
    ],
)
def test_what_does_not_go_on_is_left_alone(
    history: tuple[RunDetail, ...], words: str, said: str
) -> None:
    line = CommandLine(FakeEngine(history=history))
    ended = line.run(words)
    assert ended.code == 0
    assert said in ended.out
    assert line.engine.cancelled == []
    content = line.run(f"{words} --json").json()
    assert content["ended"] is True
    assert [run["status"] for run in content["runs"]] == (
        [history[0].run.status] if "last" in words else []
    )


def test_what_cannot_be_cancelled_is_a_usage_error() -> None:
    assert CommandLine().run("cancel 9").code == 2
    refused = CommandLine(FakeEngine(history=(RUNNING,))).run("--read-only cancel")
    assert (refused.code, refused.out) == (2, "")

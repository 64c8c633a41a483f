"""The quick reading of a command line means what Typer's reading means."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from elconsole.cli import gc_pause, parser
from elconsole.cli.arguments import global_options_first
from elconsole.cli.compose import GlobalOptions, Session
from elconsole.cli.quick import read_quickly
from elconsole.cli.sync import SyncOptions

pytestmark = pytest.mark.unit

WORDS = [
    "--headless", "--read-only", "--demo", "--demo-live", "-v", "--verbose", "-q", "--quiet",
    "-vv", "-qc", "--demo-rows", "--demo-rows=7", "--demo-rows=0", "7", "-c", "-cplant.toml",
    "--config", "--config=plant.toml", "plant.toml", "--log-format", "--log-format=json", "json",
    "--log-file", "--metrics-file", "--metrics-port=9000", "--metrics-port=99999", "sync",
    "refills", "--full", "--adopt", "--dry-run", "--json", "--", "", "-", "-x", "--full=1", "check",
]  # fmt: skip


@dataclass
class Seen:
    """What a command line asked for."""

    options: GlobalOptions | None = None
    sync: SyncOptions | None = None
    calls: list[str] = field(default_factory=list)


def read_by_typer(arguments: list[str]) -> Seen:
    """What Typer hands to the commands; nothing of it is done."""
    seen = Seen()

    def sync(session: Session, options: SyncOptions) -> int:
        seen.options, seen.sync = session.options, options
        return 0

    def dashboard(session: Session, request: Any = None) -> int:
        seen.options = session.options
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "sync_command", sync)
        patch.setattr(parser, "open_dashboard", dashboard)
        CliRunner().invoke(parser.app, arguments)
    return seen


@examples(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_a_command_line_read_quickly_means_the_same_to_typer(words: list[str]) -> None:
    arguments = global_options_first(words)
    quick = read_quickly(arguments)
    if quick is not None:
        seen = read_by_typer(arguments)
        assert (quick.options, quick.sync) == (seen.options, seen.sync)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--demo",
        "--headless sync",
        "sync refills bodies.bodies_production --headless --json",
        "-c plant.toml --headless -q sync --full --log-file log --metrics-file m.prom",
        "--demo-rows 5000 --demo-live",
        "sync --dry-run --log-format json",
    ],
)
def test_what_is_started_again_and_again_needs_no_typer(line: str) -> None:
    assert read_quickly(global_options_first(line.split())) is not None


@pytest.mark.parametrize(
    "line", ["--headless", "-h", "sync -h", "--version", "check", "sync --ful", "-v -q sync"]
)
def test_help_and_mistakes_are_left_to_typer(line: str) -> None:
    assert read_quickly(global_options_first(line.split())) is None


def test_completion_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ELCONSOLE_COMPLETE", "complete_bash")
    assert read_quickly([]) is None


def test_garbage_is_collected_again_once_the_start_is_over() -> None:
    before = gc.get_freeze_count()
    gc_pause.wait()
    try:
        assert not gc.isenabled()
        gc_pause.collect_again()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.enable()
        gc.unfreeze()

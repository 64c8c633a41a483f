"""Every command's text fits a terminal of 80 columns; a pipe gets everything, in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.results import ReconciledTable, TableDrift
from elconsole.core.safe_text import cell_width
from tests.cli.commandline import CommandLine
from tests.fakes.engine import operated
from tests.fakes.plans import UNFED, WIDENED
from tests.fakes.plant import DENIED, PEN_PLANT, failing

pytestmark = pytest.mark.unit
WIDTH = 80
LONG = "a_table_whose_name_takes_all_the_bytes_that_postgresql_gives_it"
REPORTS = [
    "check", "quality", "quality --period day", "runs", "runs last", "runs 2", "schema",
    "reconcile", "advise", "config", "grants", "config --check", "--headless sync",
    "sync --dry-run", "--headless sync --full", "cancel", "cancel last", "runs prune",
]  # fmt: skip


def line() -> CommandLine:
    different = ReconciledTable(
        source="refills",
        table=LONG,
        target=f"raw.{LONG}",
        source_rows=10**9,
        target_rows=10**9 + 1,
        equal=False,
        pending=10**6,
        different_keys=tuple(f'["{LONG}", {n}]' for n in range(20)),
    )
    drift = TableDrift(
        source="refills", table=LONG, target=f"raw.{LONG}", changes=(WIDENED, WIDENED)
    )
    return CommandLine(operated(reconciled=(different,), unfed=UNFED, drifts=(drift,)))


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.parametrize("words", REPORTS)
def test_the_text_of_every_command_fits_the_terminal(words: str) -> None:
    ended = line().run(words, terminal=True)
    assert "unexpected" not in ended.err
    wide = [text for text in ended.out.splitlines() if cell_width(text) > WIDTH]
    assert wide == []
    assert [text for text in ended.err.splitlines() if cell_width(text) > WIDTH] == []


@pytest.mark.parametrize("words", ["quality", "runs last", "check", "reconcile"])
def test_a_pipe_gets_all_columns(words: str) -> None:
    piped, shown = line().run(words), line().run(words, terminal=True)
    assert max(map(cell_width, piped.out.splitlines())) > WIDTH
    only_piped = set(piped.out.split()) - set(shown.out.split())
    # Rules, and cells of nothing, which are left out below a row.
    assert {word for word in only_piped if word.strip("-–")} == set()


def test_an_error_fits_the_terminal_and_json_stays_one_line() -> None:
    long = tuple(replace(table, table=LONG) for table in failing("springs", DENIED))
    command = CommandLine(replace(operated(), tables=long))
    ended = command.run("--headless sync", terminal=True)
    assert max(map(cell_width, ended.err.splitlines())) <= WIDTH
    assert "hint: run the SQL" in ended.err
    assert len(command.run("runs last --json", terminal=True).out.splitlines()) == 1
    assert len(PEN_PLANT) == 3


def test_one_vocabulary() -> None:
    ended = CommandLine().run("--headless sync")
    heading = ended.out.splitlines()[0].split()
    assert heading == ["source", "table", "read", "written", "deleted", "duration", "status"]
    assert "100 rows written in" in ended.err
    assert "350 rows written, " in ended.err

"""What is new and left out, in words and in JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.engine import StopFlag
from elconsole.core.events import Emit
from elconsole.core.results import (
    CheckReport,
    IgnoredNew,
    PlanReport,
    RunDetail,
    SchemaReport,
    SyncRequest,
)
from elconsole.report.ignored import ignored_lines
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.unit

IGNORED = (IgnoredNew("crm", "fresh"), IgnoredNew("crm", "t", "e\x07mail"))


def test_tables_and_columns_each_have_a_line_without_control_characters() -> None:
    first, second = ignored_lines(IGNORED)
    assert first == "crm.fresh: new, left out (new_tables)"
    assert second.startswith("crm.t: new column e")
    assert second.endswith("mail, left out (new_columns)")
    assert "\x07" not in second


@pytest.mark.parametrize("command", ["sync --dry-run", "schema", "check"])
def test_reports_tell_it_after_their_tables(command: str) -> None:
    assert "crm.fresh: new, left out (new_tables)" in CommandLine(Engine()).run(command).out
    content = CommandLine(Engine()).run(f"{command} --json").json()
    assert content["ignored"][0] == {"source": "crm", "table": "fresh", "column": None}
    assert "left out" not in CommandLine().run(command).out


class Engine(FakeEngine):
    def plan(self, request: SyncRequest) -> PlanReport:
        return replace(super().plan(request), ignored=IGNORED)

    def schema(self) -> SchemaReport:
        return replace(super().schema(), ignored=IGNORED)

    def check(self) -> CheckReport:
        return replace(super().check(), ignored=IGNORED)

    def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
        return replace(super().sync(request, emit=emit, stop=stop), ignored=IGNORED)


def test_a_sync_tells_what_it_left_out() -> None:
    ended = CommandLine(Engine()).run("--headless sync")
    assert "crm.fresh: new, left out (new_tables)" in ended.err.splitlines()
    assert "left out" not in CommandLine(Engine()).run("-q --headless sync").err
    content = CommandLine(Engine()).run("sync --json").json()
    assert content["ignored"][0] == {"source": "crm", "table": "fresh", "column": None}

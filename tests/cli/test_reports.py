"""The commands that ask, print and exit, in text and JSON, on a scripted engine."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest

from elconsole.core.engine import StopFlag
from elconsole.core.errors import (
    Cancelled,
    UsageError,
    WarehouseUnavailable,
)
from elconsole.core.results import (
    Finding,
    Problem,
    QualityReport,
    QualityRequest,
    ReconciledTable,
    ReconcileReport,
    TableDrift,
)
from elconsole.core.types import ErrorInfo
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.plans import UNFED, WIDENED
from tests.fakes.plant import DENIED, down, failing, slow
from tests.fakes.quality import PEN_QUALITY, quality_row

pytestmark = pytest.mark.unit

REPORTS = ["check", "quality", "runs", "schema", "reconcile", "advise", "targets", "sync --dry-run"]


@pytest.mark.parametrize("words", REPORTS)
def test_reports_print_text_without_headless(words: str) -> None:
    ended = CommandLine().run(words)
    assert ended.code == 0
    assert ended.out.strip()
    assert ended.err == ""


@pytest.mark.parametrize("words", REPORTS)
def test_reports_print_one_json_document(words: str) -> None:
    assert CommandLine().run(f"{words} --json").json()


@pytest.mark.parametrize("words", REPORTS)
def test_an_unreachable_warehouse_is_said_in_json_too(words: str) -> None:
    engine = FakeEngine(raises=WarehouseUnavailable("warehouse: refused", hint="start it"))
    ended = CommandLine(engine).run(f"{words} --json")
    assert ended.code == 3
    assert ended.json()["error"]["kind"] == "warehouse_unavailable"
    assert ended.err.splitlines()[:2] == ["error: warehouse: refused", "hint: start it"]


def test_check_exits_3_when_one_connection_is_down() -> None:
    ended = CommandLine(FakeEngine(health={"springs": down("springs")})).run("check")
    assert ended.code == 3
    assert "springs" in ended.out
    assert "port 5434 failed: Connection refused" in ended.err


def test_check_exits_0_when_one_connection_is_slow() -> None:
    ended = CommandLine(FakeEngine(health={"springs": slow("springs")})).run("check")
    assert ended.code == 0
    assert "degraded" in ended.out


def test_check_exits_1_when_a_table_cannot_be_synced() -> None:
    error = ErrorInfo("plan", "bodies has no table tops", "did you mean caps?")
    engine = FakeEngine(problems=(Problem(error, "bodies", "tops"),))
    ended = CommandLine(engine).run("check")
    assert ended.code == 1
    said = "bodies.tops: can't be synced: bodies has no table tops; did you mean caps?"
    assert said in ended.out.splitlines()
    assert json.loads(CommandLine(engine).run("check --json").out)["problems"] == [
        {
            "source": "bodies",
            "table": "tops",
            "kind": "plan",
            "message": "bodies has no table tops",
            "hint": "did you mean caps?",
        }
    ]


@pytest.mark.parametrize("command", ["check", "schema"])
def test_an_unfed_table_is_told_in_a_line_and_is_no_failure(command: str) -> None:
    ended = CommandLine(FakeEngine(unfed=UNFED)).run(command)
    assert ended.code == 0
    said = "raw.caps_production: not fed since 2026-03-11 12:04:31Z: the source caps is no longer"
    assert any(line.startswith(said) for line in ended.out.splitlines())
    assert "not fed" not in CommandLine().run(command).out


def test_quality_shows_rates_with_one_decimal() -> None:
    ended = CommandLine().run("quality")
    assert "94.6 %" in ended.out
    assert "95.5 %" in ended.out
    assert "87.1 %" in ended.out
    assert "100.0 %" in ended.out


def test_quality_of_no_units_shows_no_rate() -> None:
    empty = replace(PEN_QUALITY[0], rows=(quality_row("LINE-9", 0, 0),), total=None)
    ended = CommandLine(FakeEngine(quality_tables=(empty,))).run("quality")
    assert "%" not in ended.out.splitlines()[3]
    assert "–" in ended.out.splitlines()[3]


def test_quality_passes_its_request_on() -> None:
    line = CommandLine()
    line.run("quality bodies --by material --period day")
    assert line.engine.quality_requests == [QualityRequest(("bodies",), "material", "day")]


@pytest.mark.parametrize(("option", "code"), [("", 0), ("--fail-on-signal", 5)])
def test_a_signal_fails_only_where_asked(option: str, code: int) -> None:
    row = replace(
        PEN_QUALITY[1].rows[1], judged="signal", rules=(1,), signal="rule 1 on 2025-01-30"
    )
    engine = FakeEngine(quality_tables=(replace(PEN_QUALITY[1], rows=(row,)),))
    ended = CommandLine(engine).run(f"quality --json {option}")
    assert ended.code == code
    assert ended.json()["tables"][0]["rows"][0]["signal"] == "rule 1 on 2025-01-30"


def test_quality_says_all_that_is_known_of_a_value() -> None:
    row = replace(
        PEN_QUALITY[1].rows[1],
        lcl=0.802,
        ucl=0.941,
        chart="p'",
        trend=(0.9, None, 0.8, 1.0),
        change_previous=-0.021,
        change_baseline=0.004,
        defects_per_million=129_032.3,
        top_defect="crack",
        top_defect_share=0.25,
        judged="signal",
        rules=(1,),
        signal="rule 1: beyond a control limit on 2026-03-04",
    )
    noted = replace(PEN_QUALITY[1], rows=(row,), notes=("no time column",), changed_rows=3)
    text = CommandLine(FakeEngine(quality_tables=(noted,))).run("quality").out
    known = ("80.2–94.1 % p′", "−2.1", "+0.4", "129,032", "crack 25%", "▅·▁█", "rule 1: beyond",
             "3 rows record changes", "note: no time column")  # fmt: skip
    assert [words for words in known if words not in text] == []


def test_a_table_without_pass_rates_says_why_and_fails() -> None:
    reason = ErrorInfo("missing_column", 'raw.x has no column "state"', "set status in settings")
    broken = replace(PEN_QUALITY[0], rows=(), total=None, error=reason)
    line = CommandLine(FakeEngine(quality_tables=(broken, PEN_QUALITY[1])))
    ended = line.run("quality")
    assert ended.code == 1
    assert 'no pass rates: raw.x has no column "state"' in ended.out
    assert "87.1 %" in ended.out
    assert "set status in settings" in ended.err
    table = line.run("quality --json --fail-on-signal").json()["tables"][0]
    assert table["error"]["kind"] == "missing_column"


def test_a_signal_of_all_values_together_counts_once() -> None:
    total = replace(quality_row("total", 100, 91), judged="signal", rules=(1,), signal="rule 1: x")
    tables = (replace(PEN_QUALITY[0], total=total), replace(PEN_QUALITY[0], total=total))
    ended = CommandLine(FakeEngine(quality_tables=tables)).run("quality --fail-on-signal")
    assert ended.code == 5
    assert ended.err.count("signal: refills.refills_production total: rule 1: x") == 1


def test_freezing_a_baseline_names_its_version() -> None:
    ended = CommandLine().run("quality --freeze-baseline")
    assert "baseline version 1 frozen" in ended.err


def test_runs_list_the_newest_first_and_one_in_detail() -> None:
    line = CommandLine()
    line.run("--headless sync")
    line.engine.tables = failing("springs", DENIED)
    line.run("--headless sync")
    listed = line.run("runs")
    assert [row.split()[0] for row in listed.out.splitlines()[2:]] == ["2", "1"]
    detail = line.run("runs 2")
    assert "permission denied" in detail.out
    assert "hint: run the SQL" in detail.out
    assert "0" in detail.out
    assert "150 (-150)" not in detail.out.splitlines()[0]
    assert line.run("runs 2 --json").json()["previous"]["run_number"] == 1
    assert line.run("runs 1 --json").json()["previous"] is None
    assert line.run("runs 9 --json").code == 2
    assert len(line.run("runs --limit 1 --json").json()["runs"]) == 1


def test_runs_last_is_the_newest() -> None:
    line = CommandLine()
    line.run("--headless sync")
    line.run("--headless sync")
    assert line.run("runs last").out == line.run("runs 2").out
    assert line.run("runs last --json").json()["run_number"] == 2
    assert CommandLine().run("runs last").code == 2


@pytest.mark.parametrize("words", ["runs --json", "runs last --json", "--headless sync --json"])
def test_the_warehouse_of_runs_is_named(words: str) -> None:
    line = CommandLine()
    line.run("--headless sync")
    assert set(line.run(words).json()["warehouse"]) == {"host", "port", "dbname"}


def test_runs_prune_says_how_many_it_removed() -> None:
    line = CommandLine()
    for _ in range(3):
        line.run("--headless sync")
    assert line.run("runs prune --keep 90d").out == "2 runs removed\n"
    assert line.run("runs prune --keep 7").out == "no run to remove\n"
    assert line.run("runs prune --json").json() == {"removed": 0}
    assert line.engine.kept_seconds == [90 * 86400, 7 * 86400, None]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("runs --keep 90d", "elconsole runs prune --keep 90d"),
        ("runs 1 --keep 90d", "elconsole runs prune --keep 90d"),
        ("runs prune --keep soon", "or a number of days, not 'soon'"),
        ("runs prune --keep 0d", "longer than nothing"),
        ("--read-only runs prune", "--read-only allows no runs prune"),
    ],
)
def test_runs_are_not_removed_by_mistake(words: str, told: str) -> None:
    line = CommandLine()
    ended = line.run(words)
    assert ended.code == 2
    assert told in ended.err
    assert line.engine.kept_seconds == []


def test_schema_tells_what_the_next_sync_does() -> None:
    drift = TableDrift(source="s", table="t", target="raw.t", changes=(WIDENED,))
    ended = CommandLine(FakeEngine(drifts=(drift,))).run("schema")
    assert ended.code == 0
    assert "altered in place" in ended.out


@pytest.mark.parametrize(
    ("equal", "error", "code"), [(True, None, 0), (False, None, 5), (False, DENIED, 1)]
)
def test_reconcile_exits_5_on_a_difference(equal: bool, error: ErrorInfo | None, code: int) -> None:
    compared = ReconciledTable(
        source="refills", table="t", target="raw.t", source_rows=3, target_rows=3,
        equal=equal, pending=2, different_keys=() if equal else ("[7]",), error=error,
    )  # fmt: skip
    ended = CommandLine(FakeEngine(reconciled=(compared,))).run("reconcile")
    assert ended.code == code
    assert ("refills.t differs at [7]" in ended.out) is not equal


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_reconcile_that_a_signal_stops_exits_with_its_code(number: int, code: int) -> None:
    class Stopped(FakeEngine):
        def reconcile(self, selection: tuple[str, ...], *, stop: StopFlag) -> ReconcileReport:
            os.kill(os.getpid(), number)
            assert stop.wait(10)
            raise Cancelled("stopped while comparing")

    ended = CommandLine(Stopped()).run("reconcile --json")
    assert ended.code == code
    assert ended.json()["error"]["kind"] == "cancelled"


def test_a_wrong_source_freezes_no_baseline() -> None:
    class Known(FakeEngine):
        frozen = False

        def quality(self, request: QualityRequest) -> QualityReport:
            raise UsageError(f"there is no source {request.sources[0]}")

        def freeze_baseline(self, sources: tuple[str, ...] = ()) -> int:
            self.frozen = True
            return 1

    engine = Known()
    assert CommandLine(engine).run("quality typo --freeze-baseline").code == 2
    assert not engine.frozen


def test_advice_exits_3_where_no_source_could_be_asked() -> None:
    sources = [one.name for one in FakeEngine().connections() if one.role == "source"]
    some = CommandLine(FakeEngine(unasked=((sources[0], DENIED),))).run("advise")
    assert (some.code, sources[0] in some.err) == (0, True)
    none = CommandLine(FakeEngine(unasked=tuple((name, DENIED) for name in sources)))
    assert none.run("advise --json").code == 3


def test_advice_shows_evidence_and_command() -> None:
    finding = Finding(
        advisor="load optimizer", subject="raw.t", finding="slow", evidence={"rows": 5},
        command="elconsole sync refills --full",
    )  # fmt: skip
    ended = CommandLine(FakeEngine(findings=(finding,))).run("advise")
    assert "evidence  rows 5" in ended.out
    assert "elconsole sync refills --full" in ended.out

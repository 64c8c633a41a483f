"""Every command, in text and JSON, with its exit code, on a scripted engine."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elconsole.cli.compose import GlobalOptions, Parts, Session
from elconsole.cli.setup import console_arguments
from elconsole.core.engine import StopFlag
from elconsole.core.errors import (
    Cancelled,
    ConfigurationError,
    DemoUnavailable,
    UsageError,
    WarehouseUnavailable,
)
from elconsole.core.events import Emit
from elconsole.core.results import (
    ErrorInfo,
    Finding,
    QualityReport,
    QualityRequest,
    ReconciledTable,
    ReconcileReport,
    RunDetail,
    SyncRequest,
    TableDrift,
)
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.plans import WIDENED
from tests.fakes.plant import DENIED, LOCKED, REFUSED, down, failing, slow, unreachable
from tests.fakes.quality import PEN_QUALITY, quality_row

pytestmark = pytest.mark.unit

REPORTS = ["check", "quality", "runs", "schema", "reconcile", "advise", "sync --dry-run"]


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory and home, a capable terminal, and logging as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "TEXTUAL_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    logger = logging.getLogger("elconsole")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_headless_sync_prints_the_table_and_ends_with_0() -> None:
    ended = CommandLine().run("--headless sync")
    assert ended.code == 0
    assert "refills_production   100" in ended.out
    assert ended.out.splitlines()[-1].split()[:2] == ["total", "350"]
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize("words", ["--headless sync --json", "sync --json --headless -v"])
def test_sync_json_is_one_document(words: str) -> None:
    ended = CommandLine().run(words)
    assert ended.code == 0
    assert ended.json()["records_loaded"] == 350


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
    assert ended.err.splitlines() == ["error: warehouse: refused", "hint: start it"]


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


def test_check_exits_3_when_one_connection_is_down() -> None:
    ended = CommandLine(FakeEngine(health={"springs": down("springs")})).run("check")
    assert ended.code == 3
    assert "springs" in ended.out
    assert "port 5434 failed: Connection refused" in ended.err


def test_check_exits_0_when_one_connection_is_slow() -> None:
    ended = CommandLine(FakeEngine(health={"springs": slow("springs")})).run("check")
    assert ended.code == 0
    assert "degraded" in ended.out


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


@pytest.mark.parametrize("option", ["--json", ""])
def test_what_a_plug_in_prints_stays_off_stdout(option: str) -> None:
    class Talking(FakeEngine):
        def sync(self, request: SyncRequest, *, emit: Emit, stop: StopFlag) -> RunDetail:
            print("a plug-in's debugging")
            return super().sync(request, emit=emit, stop=stop)

    ended = CommandLine(Talking()).run(f"--headless sync {option}")
    assert "debugging" not in ended.out
    assert "a plug-in's debugging" in ended.err


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


@pytest.mark.parametrize("words", ["", "sync refills", "--read-only"])
def test_the_dashboard_refuses_what_is_no_terminal(words: str) -> None:
    line = CommandLine()
    ended = line.run(words)
    assert (ended.code, ended.out, line.consoles) == (2, "", [])
    assert "--headless" in ended.err


def test_the_dashboard_refuses_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    line = CommandLine()
    assert line.run("", terminal=True).code == 2
    assert line.consoles == []


def test_without_a_command_the_dashboard_opens() -> None:
    line = CommandLine()
    assert line.run("--read-only", terminal=True).code == 0
    (options,) = line.consoles
    assert options.read_only
    assert options.sync_request is None
    assert options.environment == "pen plant"
    assert [c.name for c in options.connections] == ["refills", "bodies", "springs", "warehouse"]
    assert line.engine.closed


def test_sync_on_a_terminal_opens_the_dashboard_with_that_sync() -> None:
    line = CommandLine()
    assert line.run("sync refills --full", terminal=True).code == 0
    assert line.consoles[0].sync_request == SyncRequest(("refills",), full=True)


def test_a_first_start_without_configuration_is_welcomed() -> None:
    line = CommandLine()
    line.run("", terminal=True)
    welcome = line.consoles[0].welcome
    assert welcome is not None
    assert welcome.write_configuration() == Path("elconsole.toml").absolute()
    line.run("", terminal=True)
    assert line.consoles[1].welcome is None
    assert line.consoles[1].config_path is not None


def test_the_welcome_can_open_the_demo() -> None:
    line = CommandLine()
    line.run("", terminal=True)
    assert line.consoles[0].welcome is not None
    with pytest.raises(UsageError, match="terminal"):
        line.consoles[0].welcome.open_demo()


def test_the_console_of_a_sync_ends_as_headless_would() -> None:
    line = CommandLine()
    line.run("sync", terminal=True)
    detail = line.engine.sync(SyncRequest(), emit=lambda _: None, stop=threading.Event())
    locked = replace(detail, tables=(replace(detail.tables[0], status="locked"),))
    code_of = line.consoles[0].sync_exit_code
    assert code_of is not None
    assert (code_of(detail), code_of(locked)) == (0, 4)


def test_the_demo_s_console_can_let_the_plant_produce() -> None:
    line = CommandLine()
    line.run("--demo", terminal=True)
    assert line.consoles[0].demo
    assert not line.consoles[0].demo_live
    assert line.consoles[0].start_demo_live is not None
    assert line.consoles[0].welcome is None


def test_headless_without_a_command_prints_help_and_exits_2() -> None:
    ended = CommandLine().run("--headless")
    assert ended.code == 2
    assert "Usage: elconsole" in ended.err


@pytest.mark.parametrize(
    "words",
    ["-qv check", "sync --headless -c", "nonsense", "check --nonsense", "sync --json",
     "--read-only --headless sync", "--read-only quality --freeze-baseline",
     "quality --period year", "--demo-rows 0 check", "--log-format xml check"],
)  # fmt: skip
def test_wrong_usage_exits_2_without_a_traceback(words: str) -> None:
    ended = CommandLine().run(words, terminal=True)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err


def test_the_demo_takes_the_plant_s_settings_and_no_file(tmp_path: Path) -> None:
    Path("elconsole.toml").write_text('[sources.mine]\ndbname = "mine"\n')
    line = CommandLine()
    ended = line.run("check --demo-rows 7 --demo")
    assert ended.code == 0
    assert ended.err == "The demo plant lives in a test.\n"
    assert line.plants == [7]
    assert line.settings[0].name == "demo"
    assert "mine" not in line.settings[0].sources


def test_a_configuration_error_exits_2_and_names_the_key() -> None:
    Path("my.toml").write_text("worker = 3\n")
    ended = CommandLine().run("check --json -c my.toml")
    assert (ended.code, ended.out) == (2, "")
    assert "worker" in ended.err
    assert "hint: " in ended.err


def test_an_unexpected_exception_is_one_line_and_names_v() -> None:
    line = CommandLine(engine_fails=RuntimeError("boom"))
    ended = line.run("check --json")
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "error: unexpected RuntimeError: boom",
        "hint: -v shows the traceback",
    ]
    assert ended.json()["error"]["message"] == "unexpected RuntimeError: boom"
    assert "Traceback" in line.run("check -v").err


def test_no_password_shows_in_any_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELCONSOLE_WAREHOUSE__PASSWORD", "s3cret-w0rd")
    for words in ("check -v", "check --json -v"):
        line = CommandLine()
        line.engine.raises = RuntimeError("login with s3cret-w0rd failed")
        ended = line.run(words)
        assert ended.code == 1
        assert "s3cret-w0rd" not in ended.out + ended.err


@pytest.mark.parametrize("json_option", ["", "--json"])
def test_ctrl_c_exits_130_without_a_traceback(json_option: str) -> None:
    engine = FakeEngine(raises=KeyboardInterrupt())
    ended = CommandLine(engine).run(f"check {json_option}")
    assert ended.code == 130
    assert "Traceback" not in ended.err
    if json_option:
        assert ended.json()["error"]["kind"] == "cancelled"


@pytest.mark.parametrize("error", [DemoUnavailable("no"), ConfigurationError("no")])
def test_errors_of_usage_print_no_json(error: Exception) -> None:
    ended = CommandLine(engine_fails=error).run("check --json")
    assert (ended.code, ended.out) == (2, "")


def test_text_from_servers_reaches_no_terminal_as_escapes() -> None:
    hostile = ErrorInfo("server", "\x1b[31mred\x07\nand more", "\x1b]0;title\x07hint")
    ended = CommandLine(FakeEngine(failing("springs", hostile))).run("--headless sync")
    assert "\x1b" not in ended.err + ended.out
    assert "\x07" not in ended.err + ended.out


@pytest.mark.parametrize("words", ["", "-q", "-v", "--log-format json"])
def test_a_log_file_tells_what_happened(words: str) -> None:
    ended = CommandLine(FakeEngine(failing("springs", DENIED))).run(
        f"--headless sync --log-file run.log {words}"
    )
    assert ended.code == 1
    log = Path("run.log").read_text()
    assert log.count("bodies.bodies_production: succeeded, 100 rows") == 1
    assert log.count("permission denied") == 1
    assert ended.err.count("permission denied") == 1
    if "json" in words:
        assert all(json.loads(line) for line in log.splitlines())


def test_init_writes_a_private_file_once() -> None:
    ended = CommandLine().run("init")
    assert (ended.code, ended.out.strip()) == (0, str(Path("elconsole.toml").absolute()))
    assert Path("elconsole.toml").stat().st_mode & 0o777 == 0o600
    Path("elconsole.toml").write_text("workers = 2")
    assert CommandLine().run("init").code == 2
    assert Path("elconsole.toml").read_text() == "workers = 2"
    assert CommandLine().run("init --path other.toml").code == 0


def test_config_names_each_origin_and_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELCONSOLE_WAREHOUSE__PASSWORD", "s3cret-w0rd")
    ended = CommandLine().run("config")
    assert ended.code == 0
    assert "s3cret-w0rd" not in ended.out
    assert "ELCONSOLE_WAREHOUSE__PASSWORD" in ended.out


def test_grants_print_sql() -> None:
    ended = CommandLine().run("grants")
    assert ended.code == 0
    assert "GRANT CONNECT ON DATABASE refills TO refills_user;" in ended.out


def test_a_served_console_opens_with_the_same_options(tmp_path: Path) -> None:
    options = GlobalOptions(
        read_only=True, demo=True, demo_rows=5, config_file=Path("my.toml"), log_file=Path("l")
    )
    assert console_arguments(Session(options, Parts())) == [
        "--read-only", "--demo", "--demo-rows", "5",
        "--config", str(tmp_path / "my.toml"), "--log-file", str(tmp_path / "l"),
    ]  # fmt: skip


def test_serving_without_the_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = CommandLine().run("serve")
    assert ended.code == 2
    assert "pip install 'elconsole[web]'" in ended.err

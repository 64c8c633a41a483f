"""What becomes of a command's errors: lines, logs and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elconsole.core.errors import (
    ConfigurationError,
    DemoUnavailable,
)
from elconsole.core.types import ErrorInfo
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import DENIED, failing, unreachable

pytestmark = pytest.mark.unit


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


def test_without_any_settings_it_says_so_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended = CommandLine(FakeEngine(unreachable())).run("--headless sync -q")
    assert ended.code == 3
    assert "there are no settings" in ended.err
    assert str(tmp_path / "elconsole.toml") in ended.err
    assert "`elconsole init`" in ended.err
    assert "--demo" in ended.err
    monkeypatch.setenv("ELCONSOLE_WORKERS", "2")
    assert "no settings" not in CommandLine(FakeEngine(unreachable())).run("--headless sync").err
    assert "no settings" not in CommandLine(FakeEngine(unreachable())).run("check --demo").err


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("--headless sync", "`elconsole grants`"),
        ("--headless sync -c my.toml", "`elconsole -c my.toml grants`"),
        ("--headless sync -c my.toml --profile=p", "`elconsole -c my.toml --profile p grants`"),
        ("--demo --headless sync", "`elconsole --demo grants`"),
    ],
)
def test_a_hint_repeats_the_options_that_say_which_settings(line: str, command: str) -> None:
    Path("my.toml").write_text("[profiles.p]\nworkers = 1\n")
    engine = FakeEngine(failing("springs", DENIED))
    assert command in CommandLine(engine).run(line).err
    hints = [table["error"] for table in CommandLine(engine).run(f"{line} --json").json()["tables"]]
    assert command in hints[-1]["hint"]

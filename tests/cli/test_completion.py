"""What the shell completes, by real shells and by `elconsole __complete`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elconsole.cli.commands import COMMANDS
from elconsole.core.errors import WarehouseUnavailable
from tests.cli.commandline import CommandLine
from tests.conftest import RunCli
from tests.fakes.engine import FakeEngine
from tests.postgres import Factory

pytestmark = pytest.mark.unit

SOURCES = ["refills", "bodies", "springs"]
TABLES = [f"{source}.{source}_production" for source in SOURCES]
FRESH = """
connect_timeout = 30
[warehouse]
host = "127.0.0.1"
port = {port}
[sources.ink]
dbname = "ink"
[sources.nibs]
dbname = "nibs"
"""

BASH = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"$COMP_LINE"
[[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p elconsole | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "elconsole.bash"
    path.write_text(CommandLine().run("--print-completion bash").out)
    return path


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `elconsole` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "elconsole").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m elconsole "$@"\n')
    (folder / "elconsole").chmod(0o755)
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root}


def write_config(path: Path, port: int = 1) -> Path:
    path.write_text(FRESH.format(port=port))
    path.chmod(0o600)
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("elconsole sy", ["sync"]),
        ("elconsole sync re", ["refills"]),
        ("elconsole --headless sync refills --full s", ["springs"]),
        ("elconsole quality -c my.toml ", ["ink", "nibs"]),
        ("elconsole -c my.toml reconcile n", ["nibs"]),
        ("elconsole quality --period ", ["hour", "day", "shift", "batch"]),
        ("elconsole sync --dry", ["--dry-run"]),
        ("elconsole check --log-f", ["--log-format", "--log-file"]),
        ("elconsole check -c my", ["my.toml"]),
        ("elconsole -c missing.toml sync re", [""]),
    ],
)
def test_bash_completes(
    line: str, expected: list[str], bash_script: Path, program: dict[str, str], tmp_path: Path
) -> None:
    write_config(tmp_path / "my.toml")
    ended = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(bash_script), line],
        cwd=tmp_path, env=program, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (ended.stdout.splitlines(), ended.stderr) == (expected, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_each_shell_gets_a_script_with_every_command(shell: str) -> None:
    ended = CommandLine().run(["--print-completion", shell])
    assert (ended.code, ended.err) == (0, "")
    for command in COMMANDS:
        assert (command.name in ended.out) or not command.summary
    for kind in ("tables", "sources", "runs"):
        assert f"__complete {kind}" in ended.out or f"_elconsole_names {kind}" in ended.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_shell_that_is_here_takes_its_script(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(CommandLine().run(["--print-completion", shell]).out)
    quick = ["-f", "-c", f"source {script}"] if shell == "tcsh" else ["-n", str(script)]
    ended = subprocess.run([shell, *quick], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stderr == ""


def offered(line: CommandLine, kind: str, typed: str = "elconsole sync ") -> list[str]:
    """What `line` prints for the shell, which must succeed and be quiet."""
    ended = line.run(["__complete", kind, typed])
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


def test_sources_come_from_the_settings_alone() -> None:
    assert offered(CommandLine(FakeEngine(raises=RuntimeError("asked"))), "sources") == SOURCES


def test_tables_come_from_the_ledger_after_the_sources() -> None:
    line = CommandLine()
    assert offered(line, "tables") == [*SOURCES, *TABLES]
    assert line.engine.closed


def test_tables_of_sources_that_are_not_configured_are_not_offered(tmp_path: Path) -> None:
    write_config(tmp_path / "my.toml")
    assert offered(CommandLine(), "tables", "elconsole -c my.toml sync ") == ["ink", "nibs"]


def test_runs_are_offered_by_number_and_by_id_beside_the_words() -> None:
    line = CommandLine()
    line.run("--headless sync")
    run = line.engine.runs(1)[0]
    assert offered(line, "runs", "elconsole runs ") == [
        "last",
        "prune",
        str(run.run_number),
        run.run_id,
    ]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("elconsole targets drop ", ["raw." + name.partition(".")[2] for name in TABLES]),
        ("elconsole targets rename ", ["raw." + name.partition(".")[2] for name in TABLES]),
        ("elconsole targets move-source ", SOURCES),
        ("elconsole targets reset ", [*SOURCES, *TABLES]),
    ],
)
def test_what_an_action_on_raw_tables_takes_is_offered(typed: str, names: list[str]) -> None:
    assert offered(CommandLine(), "targets", typed) == names


def test_the_actions_on_raw_tables_are_offered_without_a_database() -> None:
    line = CommandLine(FakeEngine(raises=RuntimeError("asked")))
    actions = ["rename", "move-source", "drop", "reset"]
    assert offered(line, "target_actions", "elconsole targets ") == actions


def test_the_line_may_come_in_tcsh_s_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_config(tmp_path / "my.toml")
    monkeypatch.setenv("COMMAND_LINE", "elconsole -c my.toml quality ")
    ended = CommandLine().run("__complete sources")
    assert ended.out.splitlines() == ["ink", "nibs"]


def test_the_demo_s_sources_are_offered_without_starting_it(tmp_path: Path) -> None:
    write_config(tmp_path / "elconsole.toml")
    line = CommandLine()
    assert offered(line, "tables", "elconsole --demo sync ") == SOURCES
    assert line.plants == []


def test_a_name_that_a_shell_would_read_is_not_offered() -> None:
    hostile = ("$(reboot)", "a b", "a;b", "`x`", "a\nb", "größe")
    table = FakeEngine().tables[0]
    engine = FakeEngine(tuple(replace(table, table=name) for name in hostile))
    assert offered(CommandLine(engine), "tables") == [*SOURCES, "refills.größe"]


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("sources", "elconsole -c missing.toml quality "),
        ("sources", "elconsole -c"),
        ("sources", "elconsole --nonsense 'unfinished"),
        ("nonsense", "elconsole "),
        ("tables", ""),
        ("runs", "elconsole -v -q runs "),
    ],
)
def test_nothing_makes_it_fail_or_speak(kind: str, typed: str) -> None:
    line = CommandLine(FakeEngine(raises=WarehouseUnavailable("gone")))
    assert set(offered(line, kind, typed)) <= set(SOURCES)


def test_broken_settings_are_quiet(tmp_path: Path) -> None:
    (tmp_path / "elconsole.toml").write_text("worker = 3")
    assert offered(CommandLine(), "tables") == []


def test_a_warehouse_that_does_not_answer_is_given_up_soon(run_cli: RunCli, tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        write_config(tmp_path / "my.toml", deaf.getsockname()[1])
        started = time.monotonic()
        typed = "elconsole -c my.toml sync "
        ended = run_cli("__complete", "tables", typed, cwd=tmp_path, timeout_s=25)
        took_s = time.monotonic() - started
    assert (ended.stdout.splitlines(), ended.stderr) == (["ink", "nibs"], "")
    assert took_s < 15


@pytest.mark.integration
@pytest.mark.slow
def test_a_real_ledger_names_its_tables_and_runs(
    factory: Factory, run_cli: RunCli, tmp_path: Path
) -> None:
    write_blocks(tmp_path / "elconsole.toml", factory.overrides())
    synced = run_cli("--headless", "sync", "refills", "bodies", "--json", cwd=tmp_path)
    run = json.loads(synced.stdout)

    def offers(kind: str, names: list[str]) -> bool:
        """As whoever presses tab until it comes: a loaded machine may need more than the
        second that the warehouse has."""
        typed = "elconsole -c elconsole.toml "
        lines = (run_cli("__complete", kind, typed, cwd=tmp_path).stdout for _ in range(10))
        return any(line.split() == names for line in lines)

    assert offers("tables", [*SOURCES, *TABLES[:2]])
    assert offers("runs", ["last", "prune", str(run["run_number"]), run["run_id"]])


def write_blocks(path: Path, settings: dict[str, Any]) -> None:
    """Settings as a file: the warehouse's block, and one a source."""
    blocks = {"warehouse": settings["warehouse"]}
    blocks |= {f"sources.{name}": block for name, block in settings["sources"].items()}
    lines = []
    for name, block in blocks.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in block.items())]
    path.write_text("\n".join(lines))
    path.chmod(0o600)

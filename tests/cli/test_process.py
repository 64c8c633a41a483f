"""The command line as a process: signals, pipes, locales, imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import program

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """No settings of the machine's; coverage in processes where the suite measures it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ELCONSOLE_", "TEXTUAL"))}
    for name in ("NO_COLOR", "PYTHONIOENCODING", "LC_ALL", "COLUMNS"):
        kept.pop(name, None)
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


def start(command: list[str], environ: dict[str, str], tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=tmp_path, env=environ, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_until_started(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    while "started" not in process.stderr.readline():
        assert process.poll() is None


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_stops_the_sync_cleanly(
    number: signal.Signals, code: int, environ: dict[str, str], tmp_path: Path
) -> None:
    command = program("Reporting(gate=threading.Event())", "--headless", "sync", "--json")
    with start(command, environ, tmp_path) as process:
        wait_until_started(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert json.loads(out)["status"] == "cancelled"
    assert f"{number.name} received" in err
    assert "Traceback" not in err


def test_the_second_signal_leaves_at_once(environ: dict[str, str], tmp_path: Path) -> None:
    with start(program("Deaf()", "--headless", "sync"), environ, tmp_path) as process:
        wait_until_started(process)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "SIGTERM received" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_closed_pipe_is_quiet_and_changes_no_exit_code(
    environ: dict[str, str], tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        program("FakeEngine()", "--headless", "sync"), cwd=tmp_path, env=environ, timeout=30,
        stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert ended.returncode == 0
    assert "BrokenPipe" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["check"], ["quality", "--json"], ["--headless", "sync"]])
@pytest.mark.slow
def test_a_full_disk_under_stdout_is_an_error(
    environ: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            program("FakeEngine()", *words), cwd=tmp_path, env=environ, timeout=30,
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [["quality"], ["--headless", "sync"], ["--help"], ["check"]])
def test_an_ascii_locale_gets_ascii(
    words: list[str], environ: dict[str, str], tmp_path: Path
) -> None:
    environ |= {"PYTHONIOENCODING": "ascii", "LANG": "C"}
    ended = subprocess.run(
        program("FakeEngine(failing('springs', ErrorInfo('server', 'Größe – 価格')))", *words),
        cwd=tmp_path, env=environ, timeout=30, stdin=subprocess.DEVNULL, capture_output=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode in (0, 1)
    assert (ended.stdout + ended.stderr).isascii()
    assert b"Traceback" not in ended.stderr


def test_python_m_elconsole_is_the_same_program(environ: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "elconsole", "--version"], cwd=tmp_path, env=environ, timeout=30,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout.startswith("elconsole ")

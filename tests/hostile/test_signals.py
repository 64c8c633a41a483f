"""A signal before the handlers stand ends the process with the promised code."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.hostile.folders import user_settings

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("ELCONSOLE_TEST_SEED", "20260301"))
STARTS = 20
LONGEST_WAIT_S = 0.3
WAITING = """\
retries = 0
connect_timeout = 20
[warehouse]
host = "127.0.0.1"
port = {port}
[sources.paint]
host = "127.0.0.1"
port = {port}
"""
"""Settings of a sync that waits for a server which does not answer."""


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "elconsole", "--headless", "sync"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_our_first_line(process: subprocess.Popen[str]) -> bool:
    """Return when the process takes SIGTERM itself: before, it is Python alone that starts.

    The answer is whether it has begun with its large imports by then, as far as we can see.
    """
    status = Path("/proc", str(process.pid), "status")
    while process.poll() is None:
        caught = next(line for line in status.read_text().splitlines() if "SigCgt" in line)
        if int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)):
            break
        time.sleep(0.001)
    return "pydantic" in Path("/proc", str(process.pid), "maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc who takes signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_at_any_moment_of_the_start_gives_the_promised_code(
    home: Path, silent_port: int, number: signal.Signals, code: int
) -> None:
    user_settings(home, WAITING.format(port=silent_port))
    moments = random.Random(f"{SEED} {number}")
    late = 0
    for _ in range(STARTS):
        delay_s = moments.uniform(0, LONGEST_WAIT_S)
        with start() as process:
            late += wait_for_our_first_line(process)
            time.sleep(delay_s)
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        told = f"seed {SEED}, {number.name} after {delay_s:.4f} s: {err}"
        assert process.returncode == code, told
        assert "Traceback" not in err, told
        assert "KeyboardInterrupt" not in err, told
    # On a busy machine we may look too late, but not every time.
    assert late < STARTS, "signals are taken only after the imports"


def test_a_signal_before_our_first_line_ends_python_as_it_ends_anything(home: Path) -> None:
    with start() as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGTERM, 143)


def test_an_ignored_hangup_stays_ignored(home: Path, silent_port: int) -> None:
    """As `nohup` starts it."""
    user_settings(home, WAITING.format(port=silent_port))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start()
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        wait_for_our_first_line(process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143

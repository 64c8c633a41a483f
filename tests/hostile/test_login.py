"""A server whose log-in asks for hours of work holds up nobody but itself."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elconsole.core.errors import Cancelled, SourceUnavailable
from elconsole.engine.connect.parallel import side_by_side
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import open_session
from tests.conftest import REPOSITORY
from tests.engine.connect.listener import listening
from tests.hostile import wire
from tests.hostile.between import Between, syncing
from tests.hostile.folders import user_settings
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

CONNECT_S = 3
SOON_S = 15.0
"""On a busy machine; what is waited for takes hours, or `LONG_S` at least."""
LONG_S = 60
ITERATIONS = re.compile(rb"i=\d+$")


@dataclass(slots=True)
class Endless:
    """Asks for the most rounds of SCRAM that a server can name, and counts how often."""

    asked: int = 0

    def __call__(self, one: bytes) -> Iterable[bytes]:
        if one[:1] != b"R" or not ITERATIONS.search(one):
            return (one,)
        self.asked += 1
        return (wire.message(b"R", ITERATIONS.sub(b"i=2147483647", one[wire.HEADER_BYTES :])),)


@pytest.fixture
def endless(between: Between) -> Endless:
    """What the source's side of the pair puts into every log-in."""
    between.pair.source.sql("CREATE TABLE t AS SELECT 1 AS id")
    made = Endless()
    between.rewrite("source", made)
    return made


def honest(between: Between) -> dict[str, Any]:
    """Another source, which nobody stands in the way of."""
    pair = between.pair
    return {**pair.source.as_role(pair.source_role), "tables": ["t"]}


def test_a_log_in_without_end_holds_up_no_other_source(between: Between, endless: Endless) -> None:
    values = between.values(connect_timeout=CONNECT_S)
    values["sources"]["honest"] = honest(between)
    with syncing(values) as process:
        first = process.sync()
        assert [kind for kind, _ in first.errors] == ["source_unavailable"]
        assert f"its log-in did not end in {CONNECT_S} s" in first.errors[0][1]
        assert first.seconds < SOON_S
        loaded = "SELECT sum(records_loaded) FROM elconsole.table_runs"
        assert between.pair.warehouse.scalar(loaded) == 1
        assert endless.asked == 1
        again = process.sync()
    assert "an earlier log-in has still not ended" in again.errors[0][1]
    assert endless.asked == 1


def test_a_warehouse_whose_log_in_has_no_end_is_given_up(between: Between) -> None:
    between.pair.source.sql("CREATE TABLE t AS SELECT 1 AS id")
    between.rewrite("warehouse", Endless())
    with syncing(between.values(connect_timeout=CONNECT_S)) as process:
        outcome = process.sync()
    assert [kind for kind, _ in outcome.errors] == ["warehouse_unavailable"]
    assert outcome.seconds < SOON_S


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("sync --headless", signal.SIGTERM, 143),
        ("reconcile", signal.SIGINT, 130),
        ("check", signal.SIGTERM, 143),
        ("check", signal.SIGINT, 130),
    ],
)
def test_a_signal_ends_a_command_in_the_middle_of_it(
    between: Between, endless: Endless, home: Path, command: str, number: int, code: int
) -> None:
    user_settings(home, between.toml(connect_timeout=LONG_S))
    with subprocess.Popen(
        [sys.executable, "-m", "elconsole", *command.split()],
        env={"HOME": str(home), "PYTHONPATH": str(REPOSITORY)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        until(lambda: endless.asked or process.poll() is not None)
        time.sleep(0.3)
        process.send_signal(number)
        began = time.monotonic()
        out, err = process.communicate(timeout=LONG_S)
    assert process.returncode == code, (out, err)
    assert time.monotonic() - began < SOON_S


def test_work_that_goes_on_after_the_stop_is_left() -> None:
    stop, ended = threading.Event(), threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        side_by_side([lambda: 1, lambda: ended.wait(LONG_S)], "test", stop)
    assert time.monotonic() - began < SOON_S
    ended.set()


def test_each_of_several_hosts_has_its_time() -> None:
    """Who is given up is told by psycopg, which knows more."""
    with listening(hangs=True) as one, listening(hangs=True) as two:
        ports = f"{one.parameters['port']},{two.parameters['port']}"
        parameters = {**one.parameters, "host": "127.0.0.1,127.0.0.1", "port": ports}
        server = Server("plant", "source", parameters, "here", 2.0)
        with pytest.raises(SourceUnavailable, match="Multiple connection attempts failed"):
            open_session(server)
        assert (one.asked, two.asked) == (1, 1)
        # It ended by itself: the next one may begin.
        with pytest.raises(SourceUnavailable, match="Multiple"):
            open_session(server)

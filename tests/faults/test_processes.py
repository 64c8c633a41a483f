"""The client itself is stopped or killed in the middle of a copy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.faults.conftest import Wire, begin, closed_gate
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.faults

PROMPT_S = 8.0
"""Two seconds are promised; the rest is for a busy machine."""


def configuration(pair: Pair) -> str:
    settings = pair.settings()
    source, warehouse = settings.sources["plant"], settings.warehouse
    lines = ["stall_timeout = 60", "[warehouse]", *_address(warehouse.connection_parameters())]
    lines += ["[sources.plant]", 'tables = ["t"]', *_address(source.connection_parameters())]
    lines += ["[sources.plant.table.t]", 'where = "public.gate(id)"', 'mode = "incremental"']
    return "\n".join(lines) + "\n"


def _address(parameters: dict[str, str]) -> list[str]:
    return [
        f'{key} = "{value}"' if key != "port" else f"port = {value}"
        for key, value in parameters.items()
        if key in ("host", "port", "dbname", "user", "password")
    ]


@pytest.fixture
def client(wire: Wire, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A headless sync that stands in the middle of its copy."""
    begin(wire.pair, "incremental")
    wire.pair.close()
    path = home / "elconsole.toml"
    path.write_text(configuration(wire.pair))
    path.chmod(0o600)
    with closed_gate(wire.pair):
        process = subprocess.Popen(
            [sys.executable, "-m", "elconsole", "-c", str(path), "--headless", "sync"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            until(
                lambda: bool(
                    wire.pair.source.scalar(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
                        " AND datname = current_database()"
                    )
                )
            )
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("hung", [False, True], ids=["waiting", "hung"])
def test_sigterm_in_the_middle_of_a_copy_ends_the_process(
    wire: Wire, client: subprocess.Popen[bytes], hung: bool
) -> None:
    if hung:
        wire.source.freeze()
    client.send_signal(signal.SIGTERM)
    assert client.wait(PROMPT_S) == 143
    assert wire.pair.raw("id") == [(0,)]
    until(lambda: wire.pair.advisory_locks() == 0, timeout_s=PROMPT_S)


def test_a_client_killed_while_the_warehouse_works_leaves_no_lock(wire: Wire, home: Path) -> None:
    """No byte moves then, by which the server would notice."""
    begin(wire.pair, "incremental")
    wire.pair.close()
    path = home / "elconsole.toml"
    path.write_text(configuration(wire.pair))
    path.chmod(0o600)
    with wire.pair.warehouse.connect() as writer:
        writer.execute("BEGIN; LOCK TABLE raw.t IN SHARE MODE")
        with subprocess.Popen(
            [sys.executable, "-m", "elconsole", "-c", str(path), "--headless", "sync"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            until(
                lambda: bool(
                    wire.pair.warehouse.scalar(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database()"
                    )
                )
            )
            process.kill()
        until(lambda: wire.pair.advisory_locks() == 0, timeout_s=PROMPT_S)


def test_a_killed_client_leaves_no_lock_and_no_running_run(
    wire: Wire, client: subprocess.Popen[bytes]
) -> None:
    assert wire.pair.advisory_locks() > 0
    client.kill()
    client.wait()
    until(lambda: wire.pair.advisory_locks() == 0, timeout_s=PROMPT_S)
    assert wire.pair.raw("id") == [(0,)]
    wire.pair.configure({"t": {"mode": "incremental", "where": "true"}}, plant={"tables": ["t"]})
    assert wire.pair.engine is not None
    assert wire.pair.engine.runs(1)[0].status == "abandoned"
    wire.assert_healed()
    statuses = wire.pair.warehouse.sql("SELECT DISTINCT status FROM elconsole.runs ORDER BY 1")
    assert statuses == [("abandoned",), ("succeeded",)]

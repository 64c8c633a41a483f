"""The real console, engine and servers in a real terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Factory
from tests.ui.terminal import ROOT, Terminal

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]


def written_settings(factory: Factory, folder: Path) -> Path:
    """The plant's connections as a configuration file."""
    overrides = factory.overrides()
    lines = ['name = "trial plant"', "[warehouse]", *_assignments(overrides["warehouse"])]
    for name, source in overrides["sources"].items():
        lines += [f"[sources.{name}]", *_assignments(source)]
    path = folder / "elconsole.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def _assignments(values: dict[str, Any]) -> list[str]:
    return [
        f"{key} = {value!r}" if isinstance(value, int | list) else f'{key} = "{value}"'
        for key, value in values.items()
    ]


@pytest.fixture
def console(factory: Factory, tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard on the pen plant's 350 units."""
    path = written_settings(factory, tmp_path)
    terminal = Terminal(["-m", "elconsole", "-c", str(path)])
    terminal.resize(40, 120)
    yield terminal
    terminal.close()


def headless(tmp_path: Path, *arguments: str) -> None:
    """Run elconsole in a process of its own, as cron does."""
    subprocess.run(
        [sys.executable, "-m", "elconsole", "-c", str(tmp_path / "elconsole.toml"), *arguments],
        check=True,
        capture_output=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )


def test_sync_by_key_then_watch_one_of_another_process(
    console: Terminal, factory: Factory, tmp_path: Path
) -> None:
    console.read_until(b"trial plant", b"No sync has run yet", b"all healthy")
    console.type("s")
    console.read_until(b"run 1", b"succeeded", b"94.6 %")
    assert factory.warehouse.scalar("SELECT count(*) FROM raw.springs_production") == 150
    console.output = b""
    headless(tmp_path, "--headless", "sync", "--full")
    console.read_until(b"run 2", b"full refresh")
    console.resize(60, 200)
    console.process.send_signal(signal.SIGWINCH)
    console.read_until(b"raw.bodies_production")
    console.type("3")
    console.read_until(b"throughput")
    console.type("q")
    assert console.ended() == 0
    console.assert_restored()


def test_a_missing_table_is_explained_by_the_server(console: Terminal, factory: Factory) -> None:
    console.read_until(b"all healthy")
    factory.sources["bodies"].sql("DROP TABLE bodies_production")
    console.type("s")
    console.read_until(b"failed", b"bodies")
    console.process.send_signal(signal.SIGTERM)
    assert console.ended() == 128 + signal.SIGTERM
    console.assert_restored()


def test_opening_and_closing_changes_nothing_in_the_warehouse(
    console: Terminal, factory: Factory
) -> None:
    console.read_until(b"all healthy", b"No sync has run yet")
    console.type("q")
    assert console.ended() == 0
    schemas = factory.warehouse.scalar(
        "SELECT count(*) FROM pg_namespace WHERE nspname IN ('raw', 'elconsole')"
    )
    assert schemas == 0

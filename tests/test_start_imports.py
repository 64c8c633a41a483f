"""How many modules a command imports before it does anything: the floor of its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
HELP_MODULES_MAX = 80
"""70 with Python 3.11."""
SYNC_MODULES_MAX = 200
"""Besides psycopg and what it imports. 191 with Python 3.11, 115 of them ours, 44 pydantic's."""
NEEDLESS_IN_A_SYNC = {
    "difflib", "elconsole.advisors", "elconsole.cli.completion", "elconsole.cli.help_text",
    "elconsole.cli.reports", "elconsole.cli.setup", "elconsole.engine.reconcile",
    "elconsole.plugins.hooks", "elconsole.observe.metrics", "elconsole.observe.notify",
    "logging.handlers",
    "pluggy", "prometheus_client", "pydantic_settings", "rich", "shtab", "textual",
    "urllib.request",
}  # fmt: skip

IMPORTED = """
import json, sys
before = set(sys.modules)
{setting}
try:
    {statement}
except SystemExit as left:
    assert (left.code or 0) == {code}, left.code
print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
"""


def imported(statement: str, *arguments: str, code: int = 0, setting: str = "") -> set[str]:
    """What a fresh interpreter imports for a statement, which ends with an exit code."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            IMPORTED.format(statement=statement, code=code, setting=setting),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_help_imports_few_modules() -> None:
    modules = imported("import elconsole.cli.main as cli; cli.main()", "--help")
    assert len(modules) <= HELP_MODULES_MAX


@pytest.fixture(scope="module")
def imported_by_a_sync(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Of a sync that finds no server, and the engine's parts that it would go on with."""
    file = tmp_path_factory.mktemp("settings") / "elconsole.toml"
    nowhere = 'host = "127.0.0.1"\nport = 1\n'
    file.write_text(f"retries = 0\n[warehouse]\n{nowhere}[sources.refills]\n{nowhere}")
    file.chmod(0o600)
    arguments = ("--headless", "-c", str(file), "sync")
    engine = (
        "import elconsole.engine.service, elconsole.engine.load.load, elconsole.engine.quality.read"
    )
    return imported(
        f"{engine}; import elconsole.cli.main as cli; cli.main()", *arguments, code=3,
        setting="import psycopg; before = set(sys.modules)",
    )  # fmt: skip


@pytest.mark.slow
def test_a_headless_sync_imports_few_modules(imported_by_a_sync: set[str]) -> None:
    assert len(imported_by_a_sync) <= SYNC_MODULES_MAX, sorted(imported_by_a_sync)


def test_a_headless_sync_imports_nothing_needless(imported_by_a_sync: set[str]) -> None:
    assert not imported_by_a_sync & NEEDLESS_IN_A_SYNC

"""How many modules a command imports before it does anything: the floor of its start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
HELP_MODULES_MAX = 160
"""128 with Python 3.11 and Typer 0.27."""
SYNC_MODULES_MAX = 480
"""419 with Python 3.11, 262 of them psycopg's and what that imports."""


def imported_modules(statement: str) -> int:
    """How many modules a fresh interpreter imports for a statement."""
    code = f"""
import sys
before = set(sys.modules)
try:
    {statement}
except SystemExit as left:
    assert not left.code, left.code
print(len(set(sys.modules) - before))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return int(ended.stdout.split()[-1])


def test_help_imports_few_modules() -> None:
    assert imported_modules("import elconsole.cli; elconsole.cli.main()") <= HELP_MODULES_MAX


def test_a_headless_sync_imports_few_modules() -> None:
    modules = "elconsole.cli, elconsole.headless.sync, elconsole.settings, elconsole.engine.service"
    assert imported_modules(f"import {modules}") <= SYNC_MODULES_MAX

"""Imports go one way, and heavy ones wait until they are needed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
HEAVY = {"textual", "psycopg", "pydantic", "pydantic_settings", "rich", "prometheus_client"}
HEAVY_FOR_HEADLESS = {"textual", "rich", "prometheus_client", "textual_serve"}

AFTER = """
import json, sys
sys.argv = {argv!r}
try:
    {statement}
except SystemExit as left:
    assert not left.code, left.code
print("\\n" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def imported_by(statement: str, *argv: str) -> set[str]:
    """Top-level modules of a fresh interpreter after `statement`."""
    code = AFTER.format(statement=statement, argv=["elconsole", *argv])
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option: str) -> None:
    assert not imported_by("import elconsole.cli.main as cli; cli.main()", option) & HEAVY


def test_help_of_a_command_imports_nothing_heavy() -> None:
    assert not imported_by("import elconsole.cli.main as cli; cli.main()", "sync", "-h") & HEAVY


def test_a_headless_sync_imports_no_console() -> None:
    engine = "elconsole.engine.service"
    modules = ["elconsole.cli.main", "elconsole.headless.sync", "elconsole.config.load"]
    if importlib.util.find_spec(engine):
        modules.append(engine)
    assert not imported_by(f"import {', '.join(modules)}") & HEAVY_FOR_HEADLESS


def test_package_files_hold_a_docstring_and_no_imports() -> None:
    for path in (ROOT / "elconsole").rglob("__init__.py"):
        lines = path.read_text().splitlines()
        assert not [line for line in lines if line.startswith(("import ", "from "))], path

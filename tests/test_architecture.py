"""Imports go one way, and heavy ones wait until they are needed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
HEAVY = {"textual", "psycopg", "pydantic", "pydantic_settings", "rich", "prometheus_client"}
HEAVY_FOR_HEADLESS = {"textual", "rich", "prometheus_client", "textual_serve"}

ROOMS_MAX = 14
"""Rooms and modules at the top of the package."""
MODULES_MAX = 14
"""Of one folder, besides its `__init__`."""
MODULE_LINES_MAX = 420
TEST_LINES_MAX = 500

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


@pytest.mark.slow
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


def modules() -> dict[str, Path]:
    """The package's modules by their dotted names."""
    found = {}
    for path in (ROOT / "elconsole").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def names_imported(path: Path) -> Iterator[str]:
    """Everything that a file imports anywhere in it: inside functions, for type hints alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.slow
def test_no_import_circle_between_files() -> None:
    files = modules()
    # A package holds no import: whoever imports from it needs the module that he names.
    inside = {name for name, path in files.items() if path.name != "__init__.py"}
    graph = {name: inside & {*names_imported(files[name])} - {name} for name in inside}
    assert any(graph.values())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_the_top_has_few_rooms() -> None:
    top = (ROOT / "elconsole").iterdir()
    rooms = [p.name for p in top if (p / "__init__.py").exists() or p.suffix == ".py"]
    assert len([name for name in rooms if not name.startswith("__")]) <= ROOMS_MAX


def test_no_folder_holds_many_modules() -> None:
    for folder in {path.parent for path in modules().values()}:
        held = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(held) <= MODULES_MAX, folder


@pytest.mark.parametrize(
    ("folder", "lines_max"), [("elconsole", MODULE_LINES_MAX), ("tests", TEST_LINES_MAX)]
)
def test_no_file_is_long(folder: str, lines_max: int) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > lines_max
    }
    assert long == {}

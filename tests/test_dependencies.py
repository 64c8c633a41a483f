"""What is installed beside elconsole: bounded, locked with hashes, from nowhere in particular."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?(?P<bounds>.*)")
PINNED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s\\]+)(?P<rest>.*(?:\n +--hash=.*)*)", re.M
)


def declared() -> dict[str, str]:
    """Every package that pyproject.toml names, with its bounds; but for elconsole itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    lines += [line for extra in extras for line in extra]
    found = [match for line in lines if (match := REQUIREMENT.fullmatch(line))]
    assert len(found) == len(lines)
    return {match["name"]: match["bounds"] for match in found if match["name"] != "elconsole"}


def test_every_dependency_has_an_upper_bound() -> None:
    assert not {
        name: bounds for name, bounds in declared().items() if not re.search("<|==", bounds)
    }


def test_the_lock_pins_what_is_declared() -> None:
    locked = {match["name"] for match in PINNED.finditer(LOCK)}
    missing = {name.lower() for name in declared()} - locked - {"hatchling"}
    assert not missing, "make lock"


def test_everything_locked_has_hashes() -> None:
    pinned = list(PINNED.finditer(LOCK))
    assert len(pinned) > len(declared())
    assert not [match["name"] for match in pinned if "--hash=sha256:" not in match["rest"]]


def test_the_lock_names_no_registry_and_no_folder() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("    --hash=sha256:")]
    assert not [line for line in lines if re.search(r"://|^-|\s/|@", line)]


def test_actions_are_pinned_by_commit() -> None:
    uses = [
        line.strip()
        for workflow in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in workflow.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    assert uses
    assert not [use for use in uses if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", use)]

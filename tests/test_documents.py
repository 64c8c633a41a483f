"""What the documents say of the code is so: links, paths, rooms, layers, words, commands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "elconsole"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "tests" / "benchmarks" / "README.md",
]
FENCED = re.compile(r"^```.*?^```\n", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"\.?[a-z_]+(/[\w.]+)+/?|[a-z_]+/")


def prose(document: Path) -> str:
    """The document without its blocks of code."""
    return FENCED.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """What a link may name of a document, as GitHub makes it from the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(heading: str) -> str:
    """A section of the architecture's page, up to the next heading of its rank or above."""
    rank = heading.split(" ")[0]
    text = ARCHITECTURE.read_text(encoding="utf-8")
    rest = text.partition(f"\n{heading}\n")[2]
    assert rest, f"no section {heading}"
    return re.split(rf"^#{{1,{len(rank)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """The first column of the text's first table, without quotes, header and rule."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table
    return [line.split("|")[1].strip().strip("`") for line in table[0].splitlines()[2:]]


def contracts() -> Iterator[dict[str, Any]]:
    """The layers of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            yield contract


def children(folder: Path) -> set[str]:
    """The rooms of a folder: its packages and its modules."""
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


def targets() -> set[str]:
    """What `make` can be told to do."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    dead = []
    for link in LINK.findall(prose(document)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        leads_to = document.parent / path.replace("%5B", "[").replace("%5D", "]")
        aim = leads_to if path else document
        if not aim.exists() or (anchor and anchor not in anchors(aim)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_named_exists(document: Path) -> None:
    roots = [ROOT, document.parent] + ([PACKAGE] if document == ARCHITECTURE else [])
    known = {child.name for root in roots for child in root.iterdir()}
    named = [code for code in CODE.findall(prose(document)) if PATH.fullmatch(code)]
    ours = [path for path in named if path.split("/")[0] in known]
    assert not [path for path in ours if not any((root / path).exists() for root in roots)]


def test_the_documents_name_paths() -> None:
    """A pattern that finds none would make the test above pass whatever they say."""
    found = [code for code in CODE.findall(prose(ARCHITECTURE)) if PATH.fullmatch(code)]
    assert "engine/extract/pump.py" in found
    assert "ui/tables" in found


def test_the_map_names_exactly_the_rooms_that_exist() -> None:
    assert set(first_cells(section("## The map"))) == children(PACKAGE)


@pytest.mark.parametrize("place", ["engine", "ui"])
def test_the_map_of_a_room_names_exactly_what_is_in_it(place: str) -> None:
    heading = {"engine": "### Inside the engine", "ui": "### Inside the console"}[place]
    named = {Path(cell).stem for cell in first_cells(section(heading))}
    assert named == children(PACKAGE / place)


def test_the_layers_are_those_of_the_contracts() -> None:
    drawn = re.findall(r"^```text\n(.*?)^```", section("## The map"), re.DOTALL | re.MULTILINE)
    assert [block.splitlines() for block in drawn] == [c["layers"] for c in contracts()]


def test_every_word_of_the_glossary_stands_once_and_has_a_module() -> None:
    lines = re.findall(r"^\| (.+?) \| .+ \| `(\S+)` \|$", section("## Glossary"), re.MULTILINE)
    words = [word for word, _ in lines if word != "word"]
    assert words == first_cells(section("## Glossary")), "a line without its module"
    assert len(words) == len(set(words))
    assert not [module for _, module in lines if not (PACKAGE / module).is_file()]


def test_the_commands_of_make_are_documented_and_real() -> None:
    told = set(re.findall(r"`?make ([a-z]+)\b", (ROOT / "CONTRIBUTING.md").read_text()))
    assert told & targets() == targets() - {"help"}
    assert {"setup", "test", "check", "snapshots", "bench", "docs"} <= targets()


def test_every_promise_of_the_security_page_names_a_test_that_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text("utf-8")))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert len(named) > 20
    assert named <= written, named - written

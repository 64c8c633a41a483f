"""Results kept as JSON, a file a part, so that a set of measurements can be interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import Cost
from tests.benchmarks.rounds import Result


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured in one go, and under which circumstances."""

    name: str
    """Sorts as it is to be reported."""
    title: str
    rows: int
    """A table; 0 where that means nothing."""
    bases: Mapping[str, str]
    """The ways that ratios refer to, with their short names."""
    circumstances: str
    foreign_share_max: float
    results: tuple[Result, ...] = ()
    remark: str = ""
    text: str = ""
    """Markdown of a part that is no comparison of ways."""


def save(folder: Path, part: Part) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{part.name}.json"
    unfinished = place.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(part), indent=1, ensure_ascii=False) + "\n")
    unfinished.replace(place)


def is_saved(folder: Path | None, name: str) -> bool:
    return folder is not None and (folder / f"{name}.json").exists()


def load(folder: Path) -> Iterator[Part]:
    """Every part in the folder, in the order of their names."""
    for place in sorted(folder.glob("*.json")):
        fields = json.loads(place.read_text())
        results = tuple(_result(one) for one in fields.pop("results"))
        yield Part(**fields, results=results)


def _result(fields: dict[str, Any]) -> Result:
    costs: Sequence[dict[str, Any]] = fields["costs"]
    return Result(fields["name"], fields["rows"], tuple(Cost(**cost) for cost in costs))

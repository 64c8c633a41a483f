"""A pair behind two proxies that rewrite messages, and a process that syncs it."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import REPOSITORY
from tests.hostile.wire import Rewrite, WireProxy, faithful
from tests.pairs import Pair

MOST_KB = 100 * 1024
PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sync."""

    status: str
    errors: list[list[str]]
    """Kind and message of each table that failed."""
    seconds: float
    peak_kb: int
    tracebacks: list[str]


@dataclass(frozen=True, slots=True)
class Between:
    """A pair that is reached through proxies."""

    pair: Pair
    source: WireProxy
    warehouse: WireProxy

    def rewrite(self, side: str, rewrite: Rewrite) -> None:
        """From now on on one side; the other is faithful."""
        self.source.rewrite = self.warehouse.rewrite = faithful
        (self.source if side == "source" else self.warehouse).rewrite = rewrite

    def values(self, table: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
        """The settings as plain values."""
        pair = self.pair
        warehouse = pair.warehouse.as_role(pair.warehouse_role) | pair.warehouse_address
        source = pair.source.as_role(pair.source_role) | pair.source_address
        source |= {"tables": ["t"], "table": table or {}}
        # Of the addresses, the proxies' ports are numbers and the servers' are texts.
        return {
            "workers": 1,
            "retries": 0,
            "warehouse": warehouse,
            "sources": {"plant": source},
            **top,
        }

    def toml(self, **top: Any) -> str:
        """The same as a settings file."""
        values = self.values(**top)
        blocks = {"warehouse": values.pop("warehouse"), "sources.plant": values.pop("sources")}
        blocks["sources.plant"] = blocks["sources.plant"]["plant"] | {"table": {}}
        lines = [f"{key} = {value}" for key, value in values.items()]
        for name, block in blocks.items():
            block["port"] = int(block["port"])
            lines += [f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in block.items())]
        return "\n".join(lines)


class Syncing:
    """Syncs in one process, one after the other."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.syncing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
            bufsize=1,
        )
        self._tell(json.dumps(values))

    def sync(self, patience_s: float = PATIENCE_S) -> Outcome:
        """Sync once; AssertionError where that does not end in time."""
        self._tell("sync")
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], patience_s)
        assert ready, "the sync did not end"
        return Outcome(**json.loads(self._process.stdout.readline()))

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def syncing(values: dict[str, Any]) -> Iterator[Syncing]:
    """A process that ends with the block."""
    made = Syncing(values)
    try:
        yield made
    finally:
        made.end()

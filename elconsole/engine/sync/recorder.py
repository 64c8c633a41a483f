"""The state of a run in memory, and the thread that carries it to the ledger."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from elconsole.core.results import TableRun

LOG = logging.getLogger("elconsole.engine")
ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled", "locked"})
Key = tuple[str, str]
"""Source and table label."""


class RunBook:
    """All tables of a run. Any thread may turn a page; one thread writes the ledger."""

    def __init__(self, tables: Sequence[TableRun]) -> None:
        self._lock = threading.Lock()
        self._tables = {(table.source, table.table): table for table in tables}
        self._turned: dict[Key, None] = {}

    def update(self, key: Key, **changes: Any) -> TableRun:
        with self._lock:
            self._tables[key] = replace(self._tables[key], **changes)
            self._turned[key] = None
            return self._tables[key]

    def take_turned(self) -> tuple[TableRun, ...]:
        """The pages turned since they were last taken, however many the book has."""
        with self._lock:
            turned, self._turned = self._turned, {}
            return tuple(self._tables[key] for key in turned)

    def put_back(self, tables: Sequence[TableRun]) -> None:
        """Take these pages for turned again."""
        with self._lock:
            self._turned.update({(table.source, table.table): None for table in tables})

    def table(self, key: Key) -> TableRun:
        with self._lock:
            return self._tables[key]

    def tables(self) -> tuple[TableRun, ...]:
        with self._lock:
            return tuple(self._tables.values())

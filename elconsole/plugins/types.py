"""What plug-ins are told: values that engine and hooks share, without importing either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from elconsole.core.record import record
from elconsole.core.types import Mode, Strategy


@record(frozen=True, slots=True, kw_only=True)
class HookTask:
    """The table that a hook is asked about."""

    run_id: str
    source: str
    table: str
    target: str
    """`schema.table`, unquoted."""
    mode: Mode
    strategy: Strategy
    columns: tuple[str, ...]
    primary_key: tuple[str, ...] = ()
    rows_estimated: int | None = None
    attempt: int = 1


@record(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What was loaded and is not yet visible."""

    rows_read: int
    rows_written: int
    """Rows of the unpublished table: all of them, or the changed ones of an incremental sync."""
    bytes: int
    extract_seconds: float

    @property
    def rows_extracted(self) -> int:
        """`rows_read`, by the name that plug-ins of version 0.1 use."""
        return self.rows_read

    @property
    def rows_loaded(self) -> int:
        """`rows_written`, by the name that plug-ins of version 0.1 use."""
        return self.rows_written


class QueryOnly(Protocol):
    """The warehouse as a `post_load` hook sees it, inside the load's own transaction."""

    @property
    def table(self) -> str:
        """The unpublished rows' table, qualified and quoted, ready for SQL."""

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of one SELECT; placeholders are `%s`."""

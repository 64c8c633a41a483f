"""The small words that events and results share."""

from __future__ import annotations

from typing import Literal

from elconsole.core.record import record

Mode = Literal["full", "incremental"]
Strategy = Literal["full", "xmin", "cursor"]
Change = Literal["added", "dropped", "widened", "type_changed"]
TableStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled", "locked"]
ENDED: frozenset[TableStatus] = frozenset({"succeeded", "failed", "skipped", "cancelled", "locked"})
"""The statuses of a table that will not change any more."""
RunStatus = Literal["running", "succeeded", "failed", "cancelled", "abandoned"]
Role = Literal["source", "warehouse"]
Health = Literal["healthy", "degraded", "down"]


@record(frozen=True, slots=True)
class ErrorInfo:
    """An error as it stands in JSON, in the ledger and on the screen."""

    kind: str
    message: str
    hint: str | None = None
    sqlstate: str | None = None


@record(frozen=True, slots=True)
class SchemaChange:
    """One column in which source and raw table differ."""

    column: str
    change: Change
    source_type: str | None
    target_type: str | None
    action: str
    """What the next sync does (or the last one did) about it, in words."""

"""Raw tables as `elconsole targets` lists and changes them, as frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from elconsole.core.record import record
from elconsole.core.types import ErrorInfo

TargetState = Literal[
    "fed", "not_selected", "table_gone", "source_gone", "missing", "never_synced", "unknown"
]
"""`missing`: the ledger knows a raw table that is not there; `unknown`: its source is silent."""
TargetAction = Literal["rename", "move-source", "drop", "reset"]


@record(frozen=True, slots=True)
class TargetInfo:
    """A raw table, and who feeds it."""

    target: str
    """`schema.table`, unquoted."""
    source: str
    table: str
    """In its source: bare, or with its schema where the source has two of that name."""
    state: TargetState
    reason: str | None = None
    """Why no sync fills it; None where one does."""
    rows: int = 0
    bytes: int = 0
    last_synced_at: datetime | None = None
    generation: int = 0


@record(frozen=True, slots=True)
class TargetsReport:
    targets: tuple[TargetInfo, ...]
    unasked: tuple[tuple[str, ErrorInfo], ...] = ()
    """Sources that could not be asked, and why."""


@record(frozen=True, slots=True)
class TargetRequest:
    """A change of what the ledger knows of raw tables."""

    action: TargetAction
    name: str
    """The raw table; for `move-source` the old source, for `reset` a `SOURCE.TABLE`."""
    to: str | None = None
    """The new name, or the new source."""
    dry_run: bool = False


@record(frozen=True, slots=True)
class TargetChange:
    """What was done with one raw table, or would be."""

    target: str
    source: str
    table: str
    change: str
    """In words."""
    to: str | None = None
    """What it is called now, or its source is."""

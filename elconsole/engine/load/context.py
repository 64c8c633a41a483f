"""One attempt at a table: what it works with, and what it published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from elconsole.core.record import record
from elconsole.core.types import Strategy
from elconsole.engine.connect.session import Session
from elconsole.engine.extract.pump import OnProgress, Transferred
from elconsole.engine.plan.task import TableTask
from elconsole.engine.quality.statements import QualityTarget
from elconsole.plugins.types import HookResult


class NotAtOnce(Exception):
    """Something stands in the way of asking all at once: ask it again one by one, on new
    sessions."""


@record(frozen=True, slots=True)
class LoadResult:
    """What an attempt published."""

    rows_read: int
    rows_written: int
    rows_deleted: int
    bytes: int
    extract_seconds: float
    load_seconds: float
    duration_seconds: float
    """From the table's first attempt to its publishing."""
    generation: int
    row_count: int
    extracted_at: datetime
    strategy: Strategy
    quality_flags: Mapping[str, int] = field(default_factory=dict)
    """Units `passed` and `failed`; empty where the table has no pass rates."""
    notes: tuple[str, ...] = ()
    """What the plan and the snapshot had to say: why it was a full refresh, say."""

    @property
    def changed(self) -> bool:
        """Whether a row of the raw table is another one than before."""
        return self.strategy == "full" or bool(self.rows_written or self.rows_deleted)


@record(frozen=True, slots=True)
class LoadContext:
    """What one attempt works with."""

    task: TableTask
    source: Session
    warehouse: Session
    run_id: str
    run_number: int
    attempt: int
    hash_salt: str | None = field(repr=False)
    quality: QualityTarget | None
    """How its units are counted; None where it has none."""
    stall_timeout_s: float
    lock_wait_s: float
    started: float
    """Monotonic time at which the table's run began."""
    on_progress: OnProgress
    on_extracted: Callable[[Transferred], None]
    on_commit: Callable[[LoadResult], None]
    """Takes what the COMMIT that follows is to publish."""
    before_publish: Callable[[Session, str, HookResult], None]
    """Takes the warehouse session, the unpublished table and what arrived; may raise."""
    asks_before_publish: bool
    """Whether `before_publish` asks anything, for which it needs the open transaction."""
    one_by_one: bool = False
    """Whether to wait for every answer before the next question."""


def hook_result(moved: Transferred, rows_written: int) -> HookResult:
    return HookResult(
        rows_read=moved.rows,
        rows_written=rows_written,
        bytes=moved.bytes,
        extract_seconds=moved.extract_seconds,
    )

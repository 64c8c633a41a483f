"""`targets` as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from elconsole.core.humanize import NOTHING, age, bytes_size, rows_exact
from elconsole.core.safe_text import clean_text
from elconsole.core.targets import TargetChange, TargetInfo, TargetRequest, TargetsReport
from elconsole.report.documents import Document, error, time
from elconsole.report.table import Column, table
from elconsole.report.text import moment

STATES = {
    "fed": "fed",
    "not_selected": "not selected",
    "table_gone": "table gone",
    "source_gone": "source gone",
    "missing": "missing",
    "never_synced": "never synced",
    "unknown": "unknown",
}


def targets_text(report: TargetsReport, now: datetime) -> str:
    """A line a raw table, with its age at `now`; then why some are not fed."""
    if not report.targets:
        return "no raw tables"
    listed = table(
        (
            Column("table"),
            Column("source"),
            Column("state"),
            Column("rows", right=True),
            Column("size", right=True),
            Column("synced", right=True),
        ),
        [
            (
                one.target,
                one.source,
                STATES[one.state],
                rows_exact(one.rows),
                bytes_size(one.bytes),
                _age(one.last_synced_at, now),
            )
            for one in report.targets
        ],
    )
    reasons = [_reason(one) for one in report.targets if one.reason is not None]
    return "\n\n".join([listed, "\n".join(reasons)] if reasons else [listed])


def _age(synced: datetime | None, now: datetime) -> str:
    return NOTHING if synced is None else age((now - synced).total_seconds())


def _reason(one: TargetInfo) -> str:
    since = f" since {moment(one.last_synced_at)}" if one.last_synced_at is not None else ""
    words = f"{STATES[one.state]}{since}"
    return f"{clean_text(one.target)}: {words}: {clean_text(one.reason or '')}"


def changes_text(changes: Sequence[TargetChange], *, dry_run: bool) -> str:
    """What was done with each raw table, or would be."""
    lines = [f"{clean_text(one.target)}: {clean_text(one.change)}" for one in changes]
    return "\n".join([*lines, *(["nothing was changed (--dry-run)"] if dry_run else [])])


def targets_document(report: TargetsReport) -> Document:
    return {
        "targets": [
            {
                "target": one.target,
                "source": one.source,
                "table": one.table,
                "state": one.state,
                "reason": one.reason,
                "rows": one.rows,
                "bytes": one.bytes,
                "last_synced_at": time(one.last_synced_at),
            }
            for one in report.targets
        ],
        "unasked": [{"source": name, "error": error(told)} for name, told in report.unasked],
    }


def changes_document(request: TargetRequest, changes: Sequence[TargetChange]) -> Document:
    return {
        "action": request.action,
        "dry_run": request.dry_run,
        "targets": [
            {
                "target": one.target,
                "source": one.source,
                "table": one.table,
                "change": one.change,
                "to": one.to,
            }
            for one in changes
        ],
    }

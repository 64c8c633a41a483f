"""Pass rates and comparisons as aligned text."""

from __future__ import annotations

from elconsole.api import QualityReport, QualityRow, QualityTable, ReconcileReport
from elconsole.humanize import NOTHING, clean_text, rows_exact
from elconsole.render import Column, moment, table


def percent(fraction: float | None) -> str:
    """A rate with one decimal; never a full 100 or 0 that rounding alone made."""
    if fraction is None:
        return NOTHING
    hundredths = round(fraction * 1000)
    if hundredths == 1000 and fraction < 1:
        return "> 99.9 %"
    if hundredths == 0 and fraction > 0:
        return "< 0.1 %"
    return f"{hundredths / 10:.1f} %"


def interval(row: QualityRow) -> str:
    """The 95 % interval in percent."""
    if row.low is None or row.high is None:
        return NOTHING
    return f"{row.low * 100:.1f}–{row.high * 100:.1f} %"


def _signal(row: QualityRow) -> str:
    if row.signal:
        return row.signal
    if row.judged == "insufficient_n":
        return "insufficient n"
    return "" if row.judged in ("in_control", "unjudged") else row.judged


def _cells(row: QualityRow, period: str) -> tuple[str, ...]:
    return (
        row.value,
        period,
        rows_exact(row.inspected),
        rows_exact(row.passed),
        rows_exact(row.failed),
        percent(row.pass_rate),
        interval(row),
        _signal(row),
    )


def quality(report: QualityReport) -> str:
    """A table per dimension."""
    if not report.tables:
        return "no table has a quality status: name one in [sources.X.table.Y.quality]"
    return "\n\n".join(_dimension(entry) for entry in report.tables)


def _dimension(entry: QualityTable) -> str:
    by_period = any(row.period is not None for row in entry.rows)
    columns = [
        Column(entry.dimension),
        Column("period"),
        Column("units", right=True),
        Column("passed", right=True),
        Column("failed", right=True),
        Column("pass rate", right=True),
        Column("95 % interval", right=True),
        Column("signal"),
    ]
    rows = [_cells(row, row.period or "") for row in entry.rows]
    total = _cells(entry.total, "") if entry.total else ()
    if not by_period:
        columns.pop(1)
        rows = [(row[0], *row[2:]) for row in rows]
        total = (total[0], *total[2:]) if total else ()
    head = f"{entry.source}  {entry.target} by {clean_text(entry.dimension)}"
    facts = [
        f"newest unit {moment(entry.newest_unit_at)}" if entry.newest_unit_at else "",
        f"extracted {moment(entry.newest_extracted_at)}" if entry.newest_extracted_at else "",
        f"judged against {clean_text(entry.baseline)}" if entry.baseline else "",
        f"{rows_exact(entry.changed_rows)} rows record changes" if entry.changed_rows else "",
    ]
    foot = "; ".join(fact for fact in facts if fact)
    return "\n".join(part for part in (head, table(columns, rows, total), foot) if part)


def reconcile(report: ReconcileReport) -> str:
    """Both sides' counts, what is pending, and the keys that differ."""
    columns = (
        Column("source"),
        Column("table"),
        Column("source rows", right=True),
        Column("raw rows", right=True),
        Column("pending", right=True),
        Column("result"),
    )
    rows = [
        (
            compared.source,
            compared.table,
            rows_exact(compared.source_rows),
            rows_exact(compared.target_rows),
            rows_exact(compared.pending),
            "failed" if compared.error else "equal" if compared.equal else "different",
        )
        for compared in report.tables
    ]
    keys = [
        f"{compared.source}.{compared.table} differs at "
        + clean_text(", ".join(compared.different_keys))
        for compared in report.tables
        if compared.different_keys
    ]
    return "\n\n".join(block for block in (table(columns, rows), "\n".join(keys)) if block)

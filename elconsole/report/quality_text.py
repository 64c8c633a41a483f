"""Pass rates and comparisons as aligned text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from elconsole.core.humanize import NOTHING, SPARKS, rows_exact
from elconsole.core.results import (
    QualityReport,
    QualityRow,
    QualityTable,
    ReconciledTable,
    ReconcileReport,
)
from elconsole.core.safe_text import clean_text
from elconsole.report.table import Column, table
from elconsole.report.text import moment

_GAP = "·"


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


def limits(row: QualityRow) -> str:
    """The control limits in percent and the chart they are of."""
    if row.lcl is None or row.ucl is None:
        return NOTHING
    chart = f" {row.chart}".replace("'", "′") if row.chart else ""
    return f"{row.lcl * 100:.1f}–{row.ucl * 100:.1f} %{chart}"


def points(change: float | None) -> str:
    """A difference of rates in percentage points."""
    if change is None:
        return NOTHING
    return f"{change * 100:+.1f}".replace("-", "−").replace("−0.0", "0.0").replace("+0.0", "0.0")


def sparkline(rates: Sequence[float | None]) -> str:
    """The last periods as bars between the lowest and the highest of them; gaps stay gaps."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return NOTHING
    low, span = min(known), max(known) - min(known)
    steps = len(SPARKS) - 1
    return "".join(
        _GAP if rate is None else SPARKS[round((rate - low) / span * steps) if span else steps // 2]
        for rate in rates
    )


def _top_defect(row: QualityRow) -> str:
    if row.top_defect is None:
        return NOTHING
    share = "" if row.top_defect_share is None else f" {row.top_defect_share:.0%}"
    return f"{row.top_defect}{share}"


def _signal(row: QualityRow) -> str:
    if row.signal:
        return row.signal
    if row.judged == "insufficient_n":
        return "insufficient n"
    return "" if row.judged in ("in_control", "unjudged") else row.judged


_COLUMNS: tuple[tuple[Column, Callable[[QualityRow], str]], ...] = (
    (Column("units", right=True), lambda row: rows_exact(row.inspected)),
    (Column("passed", right=True), lambda row: rows_exact(row.passed)),
    (Column("failed", right=True), lambda row: rows_exact(row.failed)),
    (Column("pass rate", right=True), lambda row: percent(row.pass_rate)),
    (Column("95 % interval", right=True), interval),
    (Column("limits"), limits),
    (Column("vs before", right=True), lambda row: points(row.change_previous)),
    (Column("vs reference", right=True), lambda row: points(row.change_baseline)),
    (
        Column("ppm", right=True),
        lambda row: rows_exact(
            None if row.defects_per_million is None else round(row.defects_per_million)
        ),
    ),
    (Column("top defect"), _top_defect),
    (Column("trend"), lambda row: sparkline(row.trend)),
    (Column("signal"), _signal),
)


def quality(report: QualityReport) -> str:
    """A table per dimension."""
    if not report.tables:
        return "no pass rates: no synced table has quality.by in [sources.X.table.Y.quality]"
    return "\n\n".join(_dimension(entry) for entry in report.tables)


def _dimension(entry: QualityTable) -> str:
    head = clean_text(f"{entry.source}  {entry.target} by {entry.dimension}")
    if entry.error is not None:
        return f"{head}\nno pass rates: {clean_text(entry.error.message)}"
    by_period = any(row.period is not None for row in entry.rows)
    chosen = [column for column in _COLUMNS if not (by_period and column[0].heading == "trend")]
    names = [Column(entry.dimension), *([Column("period")] if by_period else [])]

    def cells(row: QualityRow) -> tuple[str, ...]:
        name = (row.value, row.period or "") if by_period else (row.value,)
        return (*name, *(text(row) for _, text in chosen))

    shown = table(
        [*names, *(column for column, _ in chosen)],
        [cells(row) for row in entry.rows],
        cells(entry.total) if entry.total else (),
    )
    return "\n".join([head, shown, *_feet(entry)])


def _feet(entry: QualityTable) -> list[str]:
    facts = [
        f"newest unit {moment(entry.newest_unit_at)}" if entry.newest_unit_at else "",
        f"extracted {moment(entry.newest_extracted_at)}" if entry.newest_extracted_at else "",
        f"judged against {clean_text(entry.baseline)}" if entry.baseline else "",
        f"{rows_exact(entry.changed_rows)} rows record changes" if entry.changed_rows else "",
    ]
    foot = "; ".join(fact for fact in facts if fact)
    return [*([foot] if foot else []), *(f"note: {clean_text(note)}" for note in entry.notes)]


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
    details = [line for compared in report.tables for line in _differences(compared)]
    return "\n\n".join(block for block in (table(columns, rows), "\n".join(details)) if block)


def _differences(compared: ReconciledTable) -> list[str]:
    """Which keys and columns of a table differ."""
    told = (
        ("differs at", compared.different_keys),
        ("has columns that the raw table has not:", compared.columns_only_in_source),
        ("has no more what the raw table keeps:", compared.columns_only_in_target),
    )
    name = f"{compared.source}.{compared.table}"
    return [clean_text(f"{name} {words} {', '.join(which)}") for words, which in told if which]

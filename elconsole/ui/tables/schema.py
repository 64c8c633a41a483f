"""The Schema page: how source and raw table differ, and what the next sync does."""

from __future__ import annotations

from elconsole.api import PlannedTable, TableDrift
from elconsole.api_types import SchemaChange
from elconsole.ui.cells import Column, Row, Table, Tone, cell
from elconsole.ui.entries import error_line, unread_since
from elconsole.ui.state import ConsoleState
from elconsole.ui.text import NOTHING, clock, count_short, safe

COLUMNS = (
    Column("table / column", min_width=16, max_width=52),
    Column("change"),
    Column("source", max_width=28, keep=1),
    Column("raw", max_width=28, keep=1),
    Column("the next sync", grows=True, min_width=14, max_width=160),
)


def page(state: ConsoleState, *, comparing: bool = False) -> Table:
    """Every table, and below it the columns that differ; `comparing` while that is asked."""
    report, problem = state.schema, state.problem("schema")
    if report is None:
        empty = f"Can't be read:\n{safe(problem.message)}" if problem else "Comparing the columns…"
        return Table(COLUMNS, title="Schema", empty=empty)
    plans = {(plan.source, plan.table): plan for plan in (state.plan.tables if state.plan else ())}
    rows: list[Row] = []
    for drift in report.tables:
        rows.append(_table_row(drift, plans.get((drift.source, drift.table))))
        rows += [_change_row(drift, change) for change in drift.changes]
    changed = sum(bool(drift.changes) for drift in report.tables)
    broken = sum(drift.error is not None for drift in report.tables)
    title = "Schema · " + (f"{changed} of {len(report.tables)} differ" if changed else "no drift")
    old = unread_since(state, "schema", state.schema_at)
    note = old or f"compared {clock(state.schema_at)} · r compares again"
    return Table(
        COLUMNS,
        rows=tuple(rows),
        title=title,
        note="comparing…" if comparing else note,
        empty="No table is configured.",
        alert=bool(broken or old),
    )


def _table_row(drift: TableDrift, plan: PlannedTable | None) -> Row:
    word, tone = "● same", "ok"
    if drift.error is not None:
        word, tone = "✗ conflict", "bad"
    elif drift.changes:
        word, tone = f"▲ {len(drift.changes)} changed", "warn"
    name = safe(f"{drift.source}.{drift.table}", 120)
    error = error_line(drift.error, f"{drift.source}.{drift.table}")
    return Row(
        key=f"{drift.source}.{drift.table}",
        cells=(
            cell(name, "strong"),
            cell(word, _tone(tone)),
            (),
            (),
            cell(error, "bad") if error else cell(planned_words(plan), "plain"),
        ),
        values=(name, word, "", drift.target, error or planned_words(plan)),
        data=drift,
    )


def _tone(name: str) -> Tone:
    tones: dict[str, Tone] = {"ok": "ok", "warn": "warn", "bad": "bad"}
    return tones[name]


def planned_words(plan: PlannedTable | None) -> str:
    """What the next sync does with a table."""
    if plan is None:
        return ""
    if plan.error is not None:
        return error_line(plan.error, f"{plan.source}.{plan.table}")
    rows = f", ~{count_short(plan.rows_estimated)} rows" if plan.rows_estimated is not None else ""
    if plan.mode == "full":
        text = f"reads everything{rows}"
    else:
        start = safe(plan.watermark, 40) if plan.watermark else "the beginning"
        text = f"{plan.strategy} from {start}{rows}"
    return " · ".join([text, *(safe(note, 200) for note in plan.notes)])


def _change_row(drift: TableDrift, change: SchemaChange) -> Row:
    column = safe(change.column, 120)
    bad = change.change in ("type_changed", "key_changed")
    return Row(
        key=f"{drift.source}.{drift.table}/{change.column}",
        cells=(
            cell(f"  {column}", "plain"),
            cell(change.change.replace("_", " "), "bad" if bad else "warn"),
            cell(safe(change.source_type, 80) if change.source_type else NOTHING, "plain"),
            cell(safe(change.target_type, 80) if change.target_type else NOTHING, "dim"),
            cell(safe(change.action, 300), "plain"),
        ),
        values=(
            f"{drift.source}.{drift.table} {column}",
            change.change,
            change.source_type,
            change.target_type,
            change.action,
        ),
        data=drift,
    )

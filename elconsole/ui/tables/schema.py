"""The Schema page: how source and raw table differ, and what the next sync does."""

from __future__ import annotations

from datetime import datetime

from elconsole.config.patterns import argument
from elconsole.core.results import PlannedTable, UnfedTable
from elconsole.core.types import SchemaChange
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.unread import unread_since
from elconsole.ui.words.cells import Column, DriftLink, Row, Table, Tone, UnfedLink, cell
from elconsole.ui.words.text import NOTHING, ago, clock, count_short, safe
from elconsole.ui.words.wording import error_line

COLUMNS = (
    Column("table / column", min_width=16, max_width=52),
    Column("of table", max_width=40, instead_of_headings=True),
    Column("change"),
    Column("source", max_width=28, keep=1),
    Column("raw", max_width=28, keep=1),
    Column("the next sync", grows=True, min_width=14, max_width=160),
)


def page(state: ConsoleState, *, comparing: bool = False) -> Table:
    """Every table, and below it the columns that differ; `comparing` while that is asked."""
    plan, problem = state.plan, state.problem("plan")
    if plan is None:
        empty = f"Can't be read:\n{safe(problem.message)}" if problem else "Comparing the columns…"
        return Table(COLUMNS, title="Schema", empty=empty)
    rows: list[Row] = []
    sources = state.sources()
    for table in plan.tables:
        selects = (argument(table.source, table.table, sources),)
        rows.append(_table_row(table, selects))
        rows += [_change_row(table, change, selects) for change in table.schema_changes]
    # A missing table that settings name stands among the others already, with its error.
    told = {table.target for table in plan.tables if table.error is not None}
    unfed = [table for table in plan.unfed if table.target not in told]
    rows += [_unfed_row(table, sources, state.plan_at) for table in unfed]
    changed = sum(bool(table.schema_changes) for table in plan.tables)
    new = sum(table.new for table in plan.tables)
    broken = sum(table.error is not None for table in plan.tables)
    findings = (
        (changed, f"{changed} of {len(plan.tables)} differ"),
        (new, f"{new} new"),
        (broken, f"{broken} can't be synced"),
        (len(unfed), f"{len(unfed)} not fed"),
    )
    said = [words for number, words in findings if number]
    title = " · ".join(["Schema", *(said or ["no drift"])])
    old = unread_since(state, "plan", state.plan_at)
    note = old or f"compared {clock(state.plan_at)} · r compares again"
    return Table(
        COLUMNS,
        rows=tuple(rows),
        title=title,
        note="comparing…" if comparing else note,
        empty="No table is configured.",
        alert=bool(broken or old),
    )


def _table_row(plan: PlannedTable, selects: tuple[str, ...]) -> Row:
    word, tone = _drift(plan)
    name = safe(f"{plan.source}.{plan.table}", 120)
    words = planned_words(plan)
    return Row(
        key=f"{plan.source}.{plan.table}",
        cells=(
            cell(name, "strong"),
            (),
            cell(word, tone),
            (),
            (),
            cell(words, "bad" if plan.error is not None else "plain"),
        ),
        values=(name, "", word, "", plan.target, words),
        opens=DriftLink(plan),
        selects=selects,
    )


def _drift(plan: PlannedTable) -> tuple[str, Tone]:
    """How source and raw table differ, in a word."""
    if plan.error is not None:
        return ("✗ conflict" if plan.error.kind == "schema" else "✗ error"), "bad"
    if plan.new:
        return "+ new", "accent"
    if plan.schema_changes:
        return f"▲ {len(plan.schema_changes)} changed", "warn"
    return "● same", "ok"


def planned_words(plan: PlannedTable) -> str:
    """What the next sync does with a table."""
    if plan.error is not None:
        return error_line(plan.error, f"{plan.source}.{plan.table}")
    rows = f", ~{count_short(plan.rows_estimated)} rows" if plan.rows_estimated is not None else ""
    if plan.mode == "full":
        text = f"reads everything{rows}"
    else:
        start = safe(plan.watermark, 40) if plan.watermark else "the beginning"
        text = f"{plan.strategy} from {start}{rows}"
    return " · ".join([text, *(safe(note, 200) for note in plan.notes)])


def _unfed_row(table: UnfedTable, sources: tuple[str, ...], now: datetime | None) -> Row:
    """A raw table that no sync fills any more."""
    name, word = safe(f"{table.source}.{table.table}", 120), "○ not fed"
    since = f" · last synced {ago(table.since, now)}" if now is not None else ""
    words = f"skips it: {safe(table.reason)}{since}"
    return Row(
        key=f"unfed/{table.target}",
        cells=(cell(name, "dim"), (), cell(word, "warn"), (), (), cell(words, "plain")),
        values=(name, "", word, "", table.target, words),
        opens=UnfedLink(table),
        # None would sync everything; this one says why it can't.
        selects=(argument(table.source, table.table, sources),),
    )


def _change_row(plan: PlannedTable, change: SchemaChange, selects: tuple[str, ...]) -> Row:
    column, table = safe(change.column, 120), safe(f"{plan.source}.{plan.table}", 120)
    bad = change.change == "type_changed"
    return Row(
        key=f"{plan.source}.{plan.table}/{change.column}",
        cells=(
            cell(f"  {column}", "plain"),
            cell(table, "dim"),
            cell(change.change.replace("_", " "), "bad" if bad else "warn"),
            cell(safe(change.source_type, 80) if change.source_type else NOTHING, "plain"),
            cell(safe(change.target_type, 80) if change.target_type else NOTHING, "dim"),
            cell(safe(change.action, 300), "plain"),
        ),
        values=(
            f"{plan.source}.{plan.table} {column}",
            table,
            change.change,
            change.source_type,
            change.target_type,
            change.action,
        ),
        opens=DriftLink(plan),
        selects=selects,
    )

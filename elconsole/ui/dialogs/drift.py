"""How one table's columns differ, or why it is no longer filled, in full."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.core.results import PlannedTable, UnfedTable
from elconsole.ui.dialogs.dialog import Dialog, line
from elconsole.ui.tables.schema import planned_words
from elconsole.ui.words.text import moment, safe, safe_lines
from elconsole.ui.words.wording import hint_text


class DriftDialog(Dialog):
    """Types side by side, and what the next sync does about each."""

    def __init__(self, plan: PlannedTable) -> None:
        super().__init__(classes="-bad" if plan.error else "")
        self._plan = plan
        self.title_words = safe(f"{plan.source}.{plan.table} → {plan.target}", 70)

    def words(self) -> ComposeResult:
        """The plan, then one paragraph a column."""
        plan = self._plan
        yield line(("next sync  ", "$dim"), (planned_words(plan), "$foreground"))
        if plan.error is not None:
            yield line(("\n✗ ", "$error"), (safe_lines(plan.error.message), "$foreground"))
            if hint := hint_text(plan.error):
                yield line(("  → ", "$accent"), (safe_lines(hint), "$foreground"))
        if plan.new:
            yield line(("\n+ ", "$accent"), ("there is no raw table yet", "$foreground"))
        elif not plan.schema_changes and plan.error is None:
            yield line(
                ("\n● ", "$success"), ("source and raw table have the same columns", "$foreground")
            )
        for change in plan.schema_changes:
            yield line(
                (f"\n{safe(change.column, 200)}", "bold $foreground"),
                (f"  {safe(change.change.replace('_', ' '))}\n", "$warning"),
                ("  source  ", "$dim"), (safe(change.source_type, 300), "$foreground"),
                ("\n  raw     ", "$dim"), (safe(change.target_type, 300), "$foreground"),
                ("\n  then    ", "$dim"), (safe(change.action, 1000), "$foreground"),
            )  # fmt: skip


class UnfedDialog(Dialog):
    """A raw table that no sync fills any more."""

    def __init__(self, table: UnfedTable) -> None:
        super().__init__(classes="-warn")
        self._table = table
        self.title_words = f"○ {safe(table.target, 70)} is not fed"

    def words(self) -> ComposeResult:
        """From where, since when, why, and what can be done."""
        table = self._table
        yield line(
            ("was filled from  ", "$dim"),
            (safe(f"{table.source}.{table.table}", 200), "$foreground"),
            ("\nlast synced      ", "$dim"),
            (moment(table.since, self.console.now()), "$foreground"),
        )
        yield line(("\n▲ ", "$warning"), (safe_lines(table.reason), "$foreground"))
        yield line(
            ("  → ", "$accent"),
            ("Select it again in the settings, or drop it once nobody reads it.", "$foreground"),
        )

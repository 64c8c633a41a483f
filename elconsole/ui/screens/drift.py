"""How one table's columns differ, in full."""

from __future__ import annotations

from textual.app import ComposeResult

from elconsole.api import PlannedTable, TableDrift
from elconsole.ui.screens.dialogs import Dialog, line
from elconsole.ui.tables.schema import planned_words
from elconsole.ui.text import NOTHING, safe, safe_lines


class DriftDialog(Dialog):
    """Types side by side, and what the next sync does about each."""

    def __init__(self, drift: TableDrift, plan: PlannedTable | None) -> None:
        super().__init__(classes="-bad" if drift.error else "")
        self._drift = drift
        self._plan = plan
        self.title_words = safe(f"{drift.source}.{drift.table} → {drift.target}", 70)

    def words(self) -> ComposeResult:
        """The plan, then one paragraph a column."""
        drift = self._drift
        yield line(("next sync  ", "$dim"), (planned_words(self._plan) or NOTHING, "$foreground"))
        if drift.error is not None:
            yield line(("\n✗ ", "$error"), (safe_lines(drift.error.message), "$foreground"))
            if drift.error.hint:
                yield line(("  → ", "$accent"), (safe_lines(drift.error.hint), "$foreground"))
        if not drift.changes:
            yield line(
                ("\n● ", "$success"), ("source and raw table have the same columns", "$foreground")
            )
        for change in drift.changes:
            yield line(
                (f"\n{safe(change.column, 200)}", "bold $foreground"),
                (f"  {safe(change.change.replace('_', ' '))}\n", "$warning"),
                ("  source  ", "$dim"), (safe(change.source_type, 300), "$foreground"),
                ("\n  raw     ", "$dim"), (safe(change.target_type, 300), "$foreground"),
                ("\n  then    ", "$dim"), (safe(change.action, 1000), "$foreground"),
            )  # fmt: skip

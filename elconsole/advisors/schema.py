"""Columns that came, went or changed in a source, and settings that no longer fit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elconsole.advisors.facts import Facts
from elconsole.core.results import Finding, QualityTable


def schema_monitor(facts: Facts) -> Iterator[Finding]:
    """Columns that came, went or changed in a source, and settings that no longer fit it."""
    for refused in facts.refused:
        yield Finding(
            advisor="schema monitor",
            subject=f"{refused.source}.{refused.table}",
            finding=f"no sync can take it: {refused.message}",
            evidence={"error": refused.kind},
            command=refused.hint or f"elconsole sync {refused.source} --dry-run",
        )
    yield from _missing_quality_columns(facts.quality)
    for table in facts.tables:
        if not table.drift:
            continue
        words = ", ".join(f"{change.column} {change.change}" for change in table.drift)
        blocking = [change for change in table.drift if change.change == "type_changed"]
        dropped = [change for change in table.drift if change.change == "dropped"]
        command = f"elconsole --headless sync {table.name}"
        if blocking or dropped:
            command += " --full"
        yield Finding(
            advisor="schema monitor",
            subject=table.name,
            finding=f"its columns changed in the source: {words}",
            evidence={
                change.column: {
                    "change": change.change,
                    "source_type": change.source_type,
                    "target_type": change.target_type,
                    "next_sync": change.action,
                }
                for change in table.drift
            },
            command=command,
        )


def _missing_quality_columns(tables: Sequence[QualityTable]) -> Iterator[Finding]:
    """Once for each reason, however many dimensions it befell."""
    reasons = {
        (table.source, table.table, table.error)
        for table in tables
        if table.error is not None and table.error.kind == "missing_column"
    }
    for source, table, error in sorted(reasons, key=str):
        yield Finding(
            advisor="schema monitor",
            subject=f"{source}.{table}",
            finding=f"it has no pass rates: {error.message}",
            evidence={"error": error.kind},
            command=error.hint or f"elconsole quality {source}",
        )

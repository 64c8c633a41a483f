"""Columns that came, went or changed in a source, and settings that no longer fit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from elconsole.advisors.facts import Facts
from elconsole.core.results import Finding, QualityTable, UnfedTable


def schema_monitor(facts: Facts) -> Iterator[Finding]:
    """Columns that came, went or changed in a source, and settings that no longer fit it."""
    for refused in facts.refused:
        yield Finding(
            advisor="schema monitor",
            subject=f"{refused.source}.{refused.table}",
            finding=_with_hint(f"no sync can take it: {refused.message}", refused.hint),
            evidence={"error": refused.kind},
            command=None if refused.hint else f"elconsole sync {refused.source} --dry-run",
        )
    yield from map(_unfed, facts.unfed)
    yield from _missing_quality_columns(facts.quality)
    for table in facts.tables:
        if not table.drift:
            continue
        words = ", ".join(f"{change.column} {change.change}" for change in table.drift)
        blocking = [change for change in table.drift if change.change == "type_changed"]
        dropped = [change for change in table.drift if change.change == "dropped"]
        command = f"elconsole --headless sync {table.argument}"
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


def _with_hint(finding: str, hint: str | None) -> str:
    """A finding with its next step in words, which are no command."""
    return f"{finding}; {hint}" if hint else finding


def _unfed(table: UnfedTable) -> Finding:
    return Finding(
        advisor="schema monitor",
        subject=table.target,
        finding=f"no sync fills it any more: {table.reason};"
        " select it again, or drop it once nobody reads it",
        evidence={
            "source": table.source,
            "table": table.table,
            "since": table.since and table.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        },
        command="elconsole config",
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
            finding=_with_hint(f"it has no pass rates: {error.message}", error.hint),
            evidence={"error": error.kind},
            command=None if error.hint else f"elconsole quality {source}",
        )

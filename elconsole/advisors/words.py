"""Findings in words: durations that settings accept, names as SQL has them, evidence."""

from __future__ import annotations

from typing import Any

from elconsole.advisors.facts import TableFacts
from elconsole.core.quoting import dotted, printable_identifier
from elconsole.core.results import Finding


def span(seconds: float) -> str:
    """A duration that settings accept: 90s, 15m, 6h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)}{unit}"
    return f"{max(1, round(seconds))}s"


def quoted_target(target: str) -> str:
    schema, _, name = target.partition(".")
    return f"{printable_identifier(schema)}.{printable_identifier(name)}"


def block_of(table: TableFacts) -> str:
    """The block of settings that is about a table."""
    return f"[{dotted(('sources', table.source, 'table', table.table))}]"


def evidence_words(finding: Finding) -> str:
    """The numbers of a finding in one line."""
    return ", ".join(f"{name} {_word(value)}" for name, value in finding.evidence.items())


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_word(inner)}" for name, inner in value.items()) + ")"
    if isinstance(value, list):
        return " and ".join(_word(inner) for inner in value)
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

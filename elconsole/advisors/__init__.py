"""Four advisors: pure rules over what the ledger, the catalogs and the pass rates say.

Each finding states its numbers and the command that acts on it. Thresholds are chosen so
that a healthy plant hears nothing: advice that is always there is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from elconsole.advisors.facts import Facts, PastLoad, RefusedTable, TableFacts
from elconsole.advisors.loading import load_optimizer
from elconsole.advisors.quality import data_quality
from elconsole.advisors.schedule import sync_scheduler
from elconsole.advisors.schema import schema_monitor
from elconsole.advisors.words import evidence_words
from elconsole.api import Finding

__all__ = [
    "ADVISORS",
    "Facts",
    "PastLoad",
    "RefusedTable",
    "TableFacts",
    "advise",
    "data_quality",
    "evidence_words",
    "load_optimizer",
    "schema_monitor",
    "sync_scheduler",
]

ADVISORS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    data_quality,
    schema_monitor,
    load_optimizer,
    sync_scheduler,
)


def advise(facts: Facts) -> tuple[Finding, ...]:
    """Everything the four advisors find, in their order."""
    return tuple(finding for advisor in ADVISORS for finding in advisor(facts))

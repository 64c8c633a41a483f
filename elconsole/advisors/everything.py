"""All four advisors, asked in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from elconsole.advisors.facts import Facts
from elconsole.advisors.loading import load_optimizer
from elconsole.advisors.quality import data_quality
from elconsole.advisors.schedule import sync_scheduler
from elconsole.advisors.schema import schema_monitor
from elconsole.core.results import Finding

ADVISORS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    data_quality,
    schema_monitor,
    load_optimizer,
    sync_scheduler,
)


def advise(facts: Facts) -> tuple[Finding, ...]:
    """Everything they find."""
    return tuple(finding for advisor in ADVISORS for finding in advisor(facts))

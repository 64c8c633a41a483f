"""Which raw tables have pass rates, by settings and ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.engine.ledger.targets import Target
from elconsole.engine.quality.statements import QualityTarget

if TYPE_CHECKING:
    from elconsole.config.models import Settings, TableSettings


def quality_target(
    settings: TableSettings,
    source: str,
    table: str,
    target_schema: str,
    target_table: str,
    *,
    known: Target | None = None,
) -> QualityTarget | None:
    """How a table's units are counted; None where settings give it no dimension."""
    definition = settings.quality
    if definition is None or not definition.by:
        return None
    mark = known.watermark if known else None
    return QualityTarget(
        source=source,
        table=table,
        target_schema=target_schema,
        target_table=target_table,
        definition=definition,
        content_run_id=known.content_run_id if known else None,
        counted_version=known.units_version if known else None,
        complete_until=mark.extracted_at if mark else None,
    )


def as_published(target: QualityTarget, run_id: str, extracted_at: datetime) -> QualityTarget:
    """The target as a run has just published it, from a snapshot of that time."""
    published = replace(target, content_run_id=run_id, complete_until=extracted_at)
    # Where that is not what is stored, reading the counts tells so, and counts anew.
    return replace(published, counted_version=published.stored_version)


def quality_targets(settings: Settings, targets: Iterable[Target]) -> list[QualityTarget]:
    """The published tables with pass rates, in the settings' order of sources."""
    order = list(settings.sources)
    published = [t for t in targets if t.generation and t.key[0] in settings.sources]
    seen = Counter((target.key[0], target.key[2]) for target in published)
    found = []
    for target in sorted(published, key=lambda t: (order.index(t.key[0]), t.target_id)):
        source, source_schema, table = target.key
        of_table = settings.sources[source].table_settings(source_schema, table)
        label = f"{source_schema}.{table}" if seen[source, table] > 1 else table
        place = target.place
        one = quality_target(of_table, source, label, place.schema, place.name, known=target)
        if one is not None:
            found.append(one)
    return found

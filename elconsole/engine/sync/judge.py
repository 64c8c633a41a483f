"""What a table's new rows do to its pass rates."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from elconsole.core.errors import ElconsoleError
from elconsole.core.results import QualityRequest
from elconsole.engine.load.context import LoadResult
from elconsole.engine.quality.read import read_quality
from elconsole.engine.quality.signals import raise_signals
from elconsole.engine.quality.statements import QualityTarget
from elconsole.engine.quality.targets import as_published
from elconsole.engine.sync.context import RunContext
from elconsole.engine.sync.recorder import Recorder

LOG = logging.getLogger("elconsole.engine")


def judge(
    context: RunContext, recorder: Recorder, quality: QualityTarget, result: LoadResult
) -> None:
    """Raise the new signals of a table just published. What fails here is logged: the table
    is published, whatever becomes of its pass rates."""
    if not result.changed or context.stop.is_set():
        return
    try:
        _raise_signals(
            context, recorder, as_published(quality, context.run_id, result.extracted_at)
        )
    except ElconsoleError as error:
        LOG.warning("%s.%s: pass rates not judged: %s", quality.source, quality.table, error)
    except Exception:
        LOG.exception("%s.%s: pass rates not judged", quality.source, quality.table)


def _raise_signals(context: RunContext, recorder: Recorder, published: QualityTarget) -> None:
    now = datetime.now(UTC)
    with (
        context.pools.warehouse.session(context.stop) as session,
        session.attended(context.settings.stall_timeout),
    ):
        report = read_quality(session, [published], QualityRequest(), now)
        for signal in raise_signals(session, report, context.run_id, now):
            recorder.emit(signal)

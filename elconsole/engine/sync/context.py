"""What the run of one table needs of the run it belongs to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from elconsole.core.record import record
from elconsole.core.results import SyncRequest
from elconsole.engine.connect.pool import Pools

if TYPE_CHECKING:
    from elconsole.config.models import Settings
    from elconsole.plugins.hooks import Hooks


@record(frozen=True, slots=True)
class RunContext:
    """The same for all tables of a run, on whatever thread or machine they are synced."""

    run_id: str
    run_number: int
    request: SyncRequest
    settings: Settings
    pools: Pools
    stop: threading.Event
    hooks: Hooks | None

"""What keeps selected tables from being synced, before a row moves: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from elconsole.core.results import ConnectionHealth, Problem
from elconsole.core.types import ErrorInfo
from elconsole.engine.plan.task import WHOLE_SOURCE, Refused, TableTask


def lacking(connections: Iterable[ConnectionHealth]) -> Iterator[Problem]:
    """What connections that answer lack."""
    for health in connections:
        source = health.name if health.role == "source" else None
        hint = f"`elconsole grants` prints what the role of {health.name} needs"
        if source is None and health.replication_role == "standby":
            hint = "name its primary in [warehouse]"
        for words in health.lacks:
            yield Problem(ErrorInfo("permission", f"{health.name}: {words}", hint), source)


def refused(planned: Iterable[TableTask | Refused]) -> Iterator[Problem]:
    """The tables that can't be planned; one problem where a source's all fail of one error."""
    several = [one for one in planned if isinstance(one, Refused)]
    counted = Counter((one.source, id(one.error)) for one in several)
    for one in several:
        shared = counted.pop((one.source, id(one.error)), 0)
        if shared:
            alone = shared == 1 and one.label != WHOLE_SOURCE
            yield Problem(one.error.info(), one.source, one.label if alone else None)

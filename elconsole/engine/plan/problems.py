"""What keeps selected tables from being synced, before a row moves: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from elconsole.core.results import ConnectionHealth, Problem
from elconsole.core.types import ErrorInfo
from elconsole.engine.plan.task import Refused, TableTask


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
    """The tables that can't be planned."""
    for one in planned:
        if isinstance(one, Refused):
            yield Problem(one.error.info(), one.source, one.label)

"""Folds what connections and questions answer into the state. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.ui.state.model import ConnectionState, ConsoleState

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.results import ConnectionHealth, RunSummary
    from elconsole.core.types import ErrorInfo
    from elconsole.ui.state.log import LogEntry

LATENCIES_KEPT = 120
LOG_KEPT = 2000


def logged(state: ConsoleState, *entries: LogEntry) -> ConsoleState:
    """Add entries, each key once, in order of time."""
    known = {entry.key for entry in state.log if entry.key}
    fresh = [entry for entry in entries if not entry.key or entry.key not in known]
    if not fresh:
        return state
    in_order = not state.log or all(entry.at >= state.log[-1].at for entry in fresh)
    log = (*state.log, *fresh)
    if not in_order or len(fresh) > 1:
        log = tuple(sorted(log, key=lambda entry: entry.at))
    return replace(state, log=log[-LOG_KEPT:])


def probe_started(state: ConsoleState, name: str, at: datetime) -> ConsoleState:
    """A connection is being asked."""
    return _with_connection(state, name, lambda known: replace(known, asked_at=at))


def probe_answered(state: ConsoleState, health: ConnectionHealth) -> ConsoleState:
    """A probe ended, with an answer or with the reason why there is none."""
    before = next((item for item in state.connections if item.info.name == health.name), None)
    if before is None:
        return state
    turned = before.health is None or before.health.status != health.status
    after = replace(
        before,
        health=health,
        asked_at=None,
        latencies=(*before.latencies, health.latency_ms)[-LATENCIES_KEPT:],
        changed_at=health.checked_at if turned else before.changed_at,
    )
    state = _with_connection(state, health.name, lambda _: after)
    from elconsole.ui.state import journal

    entry = journal.of_health(before.health, health, after.usual_ms(), before.changed_at)
    return logged(state, entry) if entry else state


def history_read(state: ConsoleState, runs: tuple[RunSummary, ...]) -> ConsoleState:
    """The history; its last runs also stand in the log.

    It tells the end of runs that nobody could watch; our own run tells that itself.
    """
    from elconsole.ui.state import journal

    ended = {run.run_id: run for run in runs if run.status != "running"}
    followed = tuple(
        replace(item, run=ended.get(item.run.run_id, item.run))
        if item.running and not item.here
        else item
        for item in state.runs
    )
    state = solved(replace(state, history=runs, runs=followed), "runs")
    return logged(state, *(journal.of_run_end(run) for run in runs[:5] if run.finished_at))


def failed(state: ConsoleState, question: str, error: ErrorInfo) -> ConsoleState:
    """A question has no answer; what was known before stays."""
    others = tuple(item for item in state.problems if item[0] != question)
    return replace(state, problems=(*others, (question, error)))


def answered(state: ConsoleState, question: str, **parts: object) -> ConsoleState:
    """A question was answered: its parts replace the old ones."""
    return solved(replace(state, **parts), question)  # type: ignore[arg-type]


def solved(state: ConsoleState, question: str) -> ConsoleState:
    """What a question had against it is over."""
    if state.problem(question) is None:
        return state
    return replace(state, problems=tuple(item for item in state.problems if item[0] != question))


def _with_connection(
    state: ConsoleState, name: str, change: Callable[[ConnectionState], ConnectionState]
) -> ConsoleState:
    return replace(
        state,
        connections=tuple(
            change(item) if item.info.name == name else item for item in state.connections
        ),
    )

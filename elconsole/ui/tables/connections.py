"""The connections panel: who answers, how fast, and why not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from elconsole.core.record import record
from elconsole.ui.state.model import ConnectionState, ConsoleState
from elconsole.ui.words.cells import Cell, Column, ConnectionLink, Row, Span, Table, Tone, cell
from elconsole.ui.words.text import NOTHING, clock, safe, size, spark, whole_seconds
from elconsole.ui.words.wording import error_line

if TYPE_CHECKING:
    from elconsole.core.types import ErrorInfo

STALE_AFTER_S = 3.0
"""A probe under way for longer than this makes its row stale."""


@record(frozen=True, slots=True)
class Standing:
    """A connection's state in symbol, word and tone."""

    symbol: str
    word: str
    tone: Tone
    rank: int
    """0 is well; the highest is the worst."""


ASKING = Standing("○", "asking", "dim", 1)
HEALTHY = Standing("●", "healthy", "ok", 0)


def standing(item: ConnectionState, now: datetime) -> Standing:
    """How a connection stands now."""
    silent_s = silence_s(item, now)
    if silent_s is not None:
        return Standing("?", "no answer", "warn", 3)
    if item.health is None:
        return ASKING
    if item.health.status == "healthy":
        return HEALTHY
    if item.health.status == "down":
        return Standing("✗", "down", "bad", 4)
    reasons = item.health.reasons
    slow = bool(reasons) and all(" ms" in reason or "slow" in reason for reason in reasons)
    return Standing("▲", "slow" if slow else "degraded", "warn", 2)


def silence_s(item: ConnectionState, now: datetime) -> float | None:
    """For how long a probe has gone unanswered; None while that is not worth a word.

    A connection that is known to be down stays that while it is asked again.
    """
    known_down = item.health is not None and item.health.status == "down"
    if item.asked_at is None or known_down:
        return None
    seconds = (now - item.asked_at).total_seconds()
    return seconds if seconds > STALE_AFTER_S else None


def overall(state: ConsoleState, now: datetime) -> Standing:
    """All connections in one symbol and a few words."""
    if not state.connections:
        return Standing("○", "starting", "dim", 1)
    standings = [standing(item, now) for item in state.connections]
    worst = max(standings, key=lambda item: item.rank)
    if worst.rank == 0:
        return Standing("●", "all healthy", "ok", 0)
    number = sum(item.word == worst.word for item in standings)
    total = len(standings)
    text = f"{number} of {total} {worst.word}"
    return Standing(worst.symbol, text, worst.tone, worst.rank)


def table(state: ConsoleState, now: datetime, *, compact: bool = False) -> Table:
    """The panel; `compact` leaves out what has no room on a small terminal."""
    rows = tuple(_row(item, now) for item in state.connections)
    facts = "" if compact else _warehouse_facts(state)
    if facts:
        rows = (*rows, Row("facts", (cell(f"   {facts}", "dim"),), heading=True))
    answers = [item.health.checked_at for item in state.connections if item.health is not None]
    return Table(
        columns=(
            Column(""),
            Column("", name="connection", max_width=24),
            Column("", name="state"),
            Column("", name="latency ms", number=True, align="right", keep=1),
            Column("", name="lately", grows=True, min_width=10, max_width=44, drawn=_trace),
            Column("", name="server", keep=4),
            Column("", name="size", keep=5, align="right"),
            Column("", name="replication", keep=6),
            Column("", name="address", keep=7, max_width=60),
        ),
        rows=rows,
        title="Connections",
        note=f"probed {clock(max(answers))}" if answers else "",
        empty="Reading the settings…",
        alert=any(standing(item, now).rank >= 4 for item in state.connections),
    )


def _row(item: ConnectionState, now: datetime) -> Row:
    name, stands, health = safe(item.info.name, 60), standing(item, now), item.health
    silent_s = silence_s(item, now)
    latency = NOTHING
    if silent_s is not None:
        latency = whole_seconds(silent_s)
    elif health is not None and health.latency_ms is not None:
        latency = _milliseconds(health.latency_ms)
    calm = stands.rank < 2
    return Row(
        key=item.info.name,
        cells=(
            cell(stands.symbol, stands.tone),
            cell(name, "plain" if calm else stands.tone),
            cell(stands.word, stands.tone),
            cell(latency, "strong" if health else "dim"),
            (),
            cell(_version(health.server_version) if health else "", "dim"),
            cell(size(health.database_bytes) if health and health.database_bytes else "", "dim"),
            cell(health.replication_role or "" if health else "", "dim"),
            cell(safe(item.info.address, 60), "dim"),
        ),
        trouble=stands.word if stands.rank >= 2 else "",
        values=("", name, stands.rank, health.latency_ms if health else None, (item, stands)),
        opens=ConnectionLink(item.info.name),
        selects=(item.info.name,) if item.info.role == "source" else (),
    )


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 0.95 else f"{value:,.0f} ms"


def _version(version: str | None) -> str:
    return f"PostgreSQL {safe(version, 20)}" if version else ""


def _trace(value: tuple[ConnectionState, Standing], width: int) -> Cell:
    """The last latencies on one scale, or what the server said."""
    item, stands = value
    if item.health is not None and item.health.status == "down":
        return (Span(reason_in_short(item.health.error, item.info.name), "bad"),)
    if stands.word == "degraded" and item.health is not None:
        return (Span(safe("; ".join(item.health.reasons)), "warn"),)
    known = item.latencies[-min(width, 24) :]
    numbers = [ms for ms in known if ms is not None]
    top = max([*numbers, 20.0])
    tone: Tone = "warn" if stands.rank >= 2 else "dim"
    return (Span(spark(known, 0.0, top), tone),)


def reason_in_short(error: ErrorInfo | None, name: str) -> str:
    """What matters of a refusal: libpq begins with the address, which the row shows."""
    words = error_line(error, name) or "no reason given"
    words = words.rsplit(" failed: ", 1)[-1].removeprefix("FATAL:").strip()
    return words.removeprefix("Connection ") if len(words) < 24 else words


def _warehouse_facts(state: ConsoleState) -> str:
    """What the warehouse holds."""
    warehouse = next((item for item in state.connections if item.info.role == "warehouse"), None)
    if warehouse is None or warehouse.health is None or warehouse.health.status == "down":
        return ""
    health = warehouse.health
    parts = [_version(health.server_version)]
    if health.database_bytes is not None:
        parts.append(size(health.database_bytes))
    if state.raw_tables:
        number = len(state.raw_tables)
        parts.append(f"{number} raw table" + ("s" if number != 1 else ""))
    return " · ".join(part for part in parts if part)

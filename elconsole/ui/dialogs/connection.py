"""A connection in full."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from elconsole.ui.console.console import has_widgets
from elconsole.ui.dialogs.dialog import Dialog, Foot
from elconsole.ui.tables.connections import standing
from elconsole.ui.words.text import NOTHING, clock, safe, safe_lines, size, span_of, spark
from elconsole.ui.words.wording import hint_text, said_of

TONES = {"ok": "$success", "warn": "$warning", "bad": "$error", "dim": "$dim"}


class ConnectionDialog(Dialog):
    """Address, version, size, transactions, replication, latency, reasons."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "ask_now", "Ask now")]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._connection = name
        self.title_words = safe(name, 60)

    def foot(self) -> Foot:
        """Keys."""
        return (("r ask now", "screen.ask_now"), ("esc close", "screen.close"))

    def action_ask_now(self) -> None:
        """Probe at once."""
        self.console.background.hurry(f"probe-{self._connection}")
        self.notify("Asked.", timeout=2)

    def words(self) -> ComposeResult:
        """What the last probe told."""
        yield Static(self._told())

    def paint(self) -> None:
        """Show what the newest probe told."""
        if not has_widgets(self):
            return
        told = self._told()
        static = self.query_one(".words Static", Static)
        if static.content != told:
            static.update(told)

    def _told(self) -> Content:
        known_of = self.console.state.connections
        item = next(item for item in known_of if item.info.name == self._connection)
        health, stands = item.health, standing(item, self.console.now())
        known = [ms for ms in item.latencies if ms is not None]
        facts: list[tuple[str, str, str]] = [
            ("state", f"{stands.symbol} {stands.word}", TONES.get(stands.tone, "$foreground")),
            ("role", item.info.role, "$foreground"),
            ("address", safe(item.info.address, 200), "$foreground"),
        ]
        if health is not None and health.server_version:
            replica = health.replication_role or NOTHING
            if health.replay_lag_seconds is not None:
                replica += f", {span_of(health.replay_lag_seconds)} behind"
            facts += [
                ("server", f"PostgreSQL {safe(health.server_version, 40)}", "$foreground"),
                ("database", size(health.database_bytes), "$foreground"),
                ("oldest transaction", span_of(health.oldest_transaction_seconds), "$foreground"),
                ("replication", replica, "$foreground"),
            ]
        if health is not None:
            facts.append(("last probe", clock(health.checked_at), "$foreground"))
        if known:
            lately = f"{min(known):,.1f}–{max(known):,.1f} ms lately"
            answers = health is not None and health.latency_ms is not None
            words = f"{known[-1]:,.1f} ms now, {lately}" if answers else lately
            facts.append(("latency", words, "$foreground"))
            facts.append(("", spark(item.latencies[-40:], 0.0, max(*known, 20.0)), "$accent"))
        parts = [part for name, text, tone in facts for part in _fact(name, text, tone)]
        for reason in health.reasons if health else ():
            parts += [("▲ ", "$warning"), (f"{safe(reason)}\n", "$foreground")]
        if health is not None and health.error is not None:
            words = safe_lines(said_of(self._connection, health.error.message))
            parts += [("\n✗ ", "$error"), (f"{words}\n", "$foreground")]
            if hint := hint_text(health.error):
                parts += [("\nWhat to do\n", "$accent"), (safe_lines(hint), "$foreground")]
        return Content.assemble(*parts).rstrip()


def _fact(name: str, text: str, tone: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name:<20}", "$dim"), (f"{text}\n", tone)

"""The bar above every page and the line of keys below it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from elconsole.ui.store import ConsoleState
from elconsole.ui.tables.connections import overall
from elconsole.ui.text import clock, safe
from elconsole.ui.widgets.line_bar import LineBar, Part

if TYPE_CHECKING:
    from elconsole.ui.app import ConsoleApp

PAGES: tuple[tuple[str, str], ...] = (
    ("dashboard", "Dashboard"),
    ("quality", "Quality"),
    ("runs", "Runs"),
    ("schema", "Schema"),
    ("log", "Log"),
)
BADGES = {"red": "red", "amber": "amber", "yellow": "amber", "orange": "amber", "green": "green"}
KEY_ORDER = (
    "sync",
    "full_refresh",
    "cancel_sync",
    "filter",
    "open",
    "copy",
    "export",
    "toggle_pause",
    "follow",
    "level",
    "back",
    "help",
    "command_palette",
    "quit",
)
SHORT = {"space": "space", "slash": "/", "question_mark": "?", "ctrl+p": "^p", "escape": "esc"}


class TopBar(LineBar):
    """Name, environment, pages, overall health, clock."""

    def paint(self, state: ConsoleState, now: datetime) -> None:
        """Show the state."""
        app = cast("ConsoleApp", self.app)
        options = app.options
        room = app.size.width
        left = [Part("elconsole ", "page")]
        name = safe(options.environment, 30)
        if name:
            left.append(Part(f" {name} ", f"badge-{BADGES.get(options.colour, 'blue')}"))
        if options.demo:
            left += [Part(" "), Part(" demo ", "badge-amber")]
        if options.read_only:
            left += [Part(" "), Part(" read-only ", "badge")]
        left.append(Part("  "))
        for number, (mode, title) in enumerate(PAGES, 1):
            here = app.current_mode == mode
            words = (
                f"{number} {title}" if room >= 104 else f"{number} {title}" if here else f"{number}"
            )
            left.append(Part(f" {words} ", "page" if here else "dim", f"app.page('{mode}')"))
        self.show(tuple(left), tuple(self._right(app, state, now, room)))

    def _right(self, app: ConsoleApp, state: ConsoleState, now: datetime, room: int) -> list[Part]:
        health = overall(state, now)
        right = []
        if app.paused:
            right.append(Part("‖ paused  ", "warn", "app.toggle_pause"))
        if app.next_sync_at is not None and room >= 90:
            right.append(Part(f"next sync {clock(app.next_sync_at)}  ", "dim"))
        right.append(Part(f"{health.symbol} {health.word}", health.tone))
        right.append(Part(f"  {clock(now)}", "dim"))
        return right


class KeyBar(LineBar):
    """The keys that do something here and now, told from the bindings themselves."""

    def paint(self) -> None:
        """Show the keys of the focused widget, the screen and the app."""
        found: dict[str, tuple[str, str, str]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            action = binding.action.split("(")[0].split(".")[-1]
            if not (binding.show and active.enabled) or action not in KEY_ORDER or key == "ctrl+q":
                continue
            if action not in found:
                shown = SHORT.get(key, binding.key_display or key)
                found[action] = (shown, self._words(action, binding.description), binding.action)
        ordered = [found[action] for action in KEY_ORDER if action in found]
        parts: list[Part] = []
        for key, words, action in ordered:
            target = action if "." in action else f"app.press_action('{action}')"
            parts += [Part(key, "page", target), Part(f" {words}   ", "dim", target)]
        if self.screen.id != "dialog":
            pages = [Part("1-5", "page"), Part(" Pages   ", "dim")]
            at = next((i for i, part in enumerate(parts) if part.text == "?"), len(parts))
            parts[at:at] = pages
        self.show(tuple(self._fitting(parts)))

    def _words(self, action: str, description: str) -> str:
        app = cast("ConsoleApp", self.app)
        if action == "sync":
            return f"Sync {safe(app.sync_target_words(), 30)}"
        return description

    def _fitting(self, parts: list[Part]) -> list[Part]:
        """Drop spacing, then keys from the middle, until the line fits."""
        room = max(0, self.app.size.width - 2)
        tight = parts
        if sum(len(part.text) for part in tight) > room:
            tight = [
                Part(part.text.rstrip() + " ", part.look, part.action) if number % 2 else part
                for number, part in enumerate(parts)
            ]
        while len(tight) > 4 and sum(len(part.text) for part in tight) > room:
            middle = max(0, len(tight) - 8)
            del tight[middle - middle % 2 : middle - middle % 2 + 2]
        return tight

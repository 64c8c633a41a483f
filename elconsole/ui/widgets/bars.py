"""The bar above every page and the line of keys below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len

from elconsole.ui.state import ConsoleState
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
KEY_ORDER = (
    "sync",
    "full_refresh",
    "cancel_sync",
    "filter",
    "open",
    "next_signal",
    "period",
    "follow",
    "level",
    "source",
    "toggle_pause",
    "back",
    "pages",
    "help",
    "command_palette",
    "quit",
)
EXPENDABLE = ("1-5", "space", "^p", "c", "e", "u", "n", "p", "f", "/")
"""Keys that the bar drops first where there is no room; the help screen has them all."""
PADDING = 2
"""Cells of the bar that are left and right of its text."""
SHORT = {"space": "space", "slash": "/", "question_mark": "?", "ctrl+p": "^p", "escape": "esc"}


def _length(parts: Iterable[Part]) -> int:
    return sum(cell_len(part.text) for part in parts)


class TopBar(LineBar):
    """Name, environment, pages, overall health, clock."""

    def paint(self, state: ConsoleState, now: datetime) -> None:
        """Show the state."""
        app = cast("ConsoleApp", self.app)
        options = app.options
        room = app.size.width - PADDING
        rest = []
        if options.demo:
            rest += [Part(" "), Part(" demo ", "badge-amber")]
        if options.read_only:
            rest += [Part(" "), Part(" read-only ", "badge")]
        rest.append(Part("  "))
        right = tuple(self._right(app, state, now, app.size.width))
        here = self._here(app)
        name = options.environment.removesuffix(" (demo)" if options.demo else "")
        if name:
            left = room - _length((*rest, *right, *here)) - len("elconsole   ")
            badge = f" {safe(name, min(30, max(8, left)))} "
            rest.insert(0, Part(badge, f"badge-{options.colour}"))
        rest.insert(0, Part("elconsole ", "page"))
        left = room - _length((*rest, *right))
        pages = next((some for some in self._pages(app) if _length(some) <= left), here)
        self.show((*rest, *pages), right)

    def _pages(self, app: ConsoleApp) -> Iterator[tuple[Part, ...]]:
        """The pages by name; then, for less room, only the one in front by name."""
        for named in (True, False):
            yield tuple(
                Part(
                    f" {number} {title} " if named or app.current_mode == mode else f" {number} ",
                    "page" if app.current_mode == mode else "dim",
                    f"app.page('{mode}')",
                )
                for number, (mode, title) in enumerate(PAGES, 1)
            )

    def _here(self, app: ConsoleApp) -> tuple[Part, ...]:
        """The page in front alone."""
        return tuple(part for part in next(self._pages(app)) if part.look == "page")

    def _right(self, app: ConsoleApp, state: ConsoleState, now: datetime, room: int) -> list[Part]:
        health = overall(state, now)
        right = []
        if app.paused:
            right.append(Part("‖ paused  ", "warn", "app.toggle_pause"))
        if app.next_sync_at is not None and room >= 90:
            when = "paused" if app.paused else clock(app.next_sync_at)
            right.append(Part(f"next sync {when}  ", "dim"))
        right.append(Part(f"{health.symbol} {health.word}", health.tone))
        right.append(Part(f"  {clock(now)}", "dim"))
        return right


class KeyBar(LineBar):
    """The keys that do something here and now, told from the bindings themselves."""

    def paint(self) -> None:
        """Show the keys of the focused widget, the screen and the app."""
        focused = self.screen.focused
        if focused is not None and focused.id == "filter":
            keys = [("enter", "keep the filter", ""), ("esc", "clear it", "screen.back")]
        else:
            keys = self._bound()
        self.show(self._fitting(keys))

    def _bound(self) -> list[tuple[str, str, str]]:
        """Triples of key, words and action, in the order of use."""
        found: dict[str, tuple[str, str, str]] = {"pages": ("1-5", "Pages", "")}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            action = binding.action.split("(")[0].split(".")[-1]
            if action not in KEY_ORDER or not (binding.show and active.enabled) or key == "ctrl+q":
                continue
            shown = SHORT.get(key, binding.key_display or key)
            words = self._words(action, binding.description)
            found.setdefault(action, (shown, words, f"app.press_action('{binding.action}')"))
        return [found[action] for action in KEY_ORDER if action in found]

    def _words(self, action: str, description: str) -> str:
        app = cast("ConsoleApp", self.app)
        if action == "sync":
            return f"Sync {safe(app.sync_target_words(), 30)}"
        if action == "toggle_pause" and app.paused:
            return "Go on"
        return description

    def _fitting(self, keys: list[tuple[str, str, str]]) -> tuple[Part, ...]:
        """Less air, then fewer keys, until the line fits."""
        room = max(0, self.app.size.width - 2)
        for expendable in (None, *EXPENDABLE):
            keys = [item for item in keys if item[0] != expendable]
            length = sum(cell_len(key) + cell_len(words) + 1 for key, words, _ in keys)
            air = (room - length) // max(1, len(keys))
            if air >= 2:
                break
        gap = " " * min(3, max(1, air))
        parts: list[Part] = []
        for key, words, action in keys:
            parts += [Part(key, "page", action), Part(f" {words}{gap}", "dim", action)]
        return tuple(parts)

"""The bar above every page and the line of keys below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from elconsole.ui.console.console import Console, console_of
from elconsole.ui.state.model import ConsoleState
from elconsole.ui.tables.connections import overall
from elconsole.ui.widgets.line_bar import LineBar, Part
from elconsole.ui.words.text import clock, key_name, safe

if TYPE_CHECKING:
    from elconsole.ui.console.options import ConsoleOptions

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


def _length(parts: Iterable[Part]) -> int:
    return sum(cell_len(part.text) for part in parts)


def _environment(options: ConsoleOptions, longest: int) -> tuple[Part, ...]:
    name = options.environment.removesuffix(" (demo)" if options.demo else "")
    return (Part(f" {safe(name, longest)} ", f"badge-{options.colour}"),) if name else ()


def _pages(mode: str) -> tuple[tuple[Part, ...], ...]:
    """The pages by name; only the one in front by name; that one alone."""
    named, numbered, here = [], [], []
    for number, (page, title) in enumerate(PAGES, 1):
        action = f"app.page('{page}')"
        part = Part(f" {number} {title} ", "page" if page == mode else "dim", action)
        named.append(part)
        numbered.append(part if page == mode else Part(f" {number} ", "dim", action))
        here += [part] if page == mode else []
    return tuple(named), tuple(numbered), tuple(here)


class TopBar(LineBar):
    """Name, environment, pages, overall health, clock."""

    def paint(self, state: ConsoleState, now: datetime) -> None:
        """Show the state."""
        console = console_of(self)
        right = tuple(self._right(console, state, now))
        room = console.size.width - PADDING - _length(right)
        *fuller, least = self._lefts(console)
        self.show(next((left for left in fuller if _length(left) <= room), least), right)

    def _lefts(self, console: Console) -> Iterator[tuple[Part, ...]]:
        """The left half, from everything there is to say to what must never be missing."""
        options, title, gap = console.options, Part("elconsole ", "page"), Part("  ")
        kinds: list[Part] = []
        if options.demo:
            kinds += [Part(" "), Part(" demo ", "badge-amber")]
        if options.read_only:
            kinds += [Part(" "), Part(" read-only ", "badge")]
        every, numbered, here = _pages(console.current_mode)
        for pages, longest in ((every, 30), (numbered, 30), (here, 30), (here, 12)):
            yield (title, *_environment(options, longest), *kinds, gap, *pages)
        yield (*_environment(options, 12), *kinds, gap, *here)
        yield (*_environment(options, 12), gap, *here)

    def _right(self, console: Console, state: ConsoleState, now: datetime) -> list[Part]:
        health = overall(state, now)
        right = []
        if console.paused:
            right.append(Part("‖ paused  ", "warn", "app.toggle_pause"))
        if console.next_sync_at is not None and console.size.width >= 90:
            when = "paused" if console.paused else clock(console.next_sync_at)
            right.append(Part(f"next sync {when}  ", "dim"))
        right.append(Part(f"{health.symbol} {health.word}", health.tone))
        right.append(Part(f"  {clock(now)}", "dim"))
        return right


class KeyBar(LineBar):
    """The keys that do something here and now, told from the bindings themselves."""

    def paint(self, sync_selection: tuple[str, ...]) -> None:
        """Show the keys of the focused widget, the screen and the app."""
        focused = self.screen.focused
        if focused is not None and focused.id == "filter":
            keys = [("enter", "keep the filter", ""), ("esc", "clear it", "screen.back")]
        else:
            keys = self._bound(", ".join(sync_selection) or "all")
        self.show(self._fitting(keys))

    def _bound(self, target: str) -> list[tuple[str, str, str]]:
        """Triples of key, words and action, in the order of use."""
        found: dict[str, tuple[str, str, str]] = {"pages": ("1-5", "Pages", "")}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            action = binding.action.split("(")[0].split(".")[-1]
            if action not in KEY_ORDER or not (binding.show and active.enabled) or key == "ctrl+q":
                continue
            shown = key_name(key)
            words = self._words(action, binding.description, target)
            found.setdefault(action, (shown, words, f"app.press_action('{binding.action}')"))
        return [found[action] for action in KEY_ORDER if action in found]

    def _words(self, action: str, description: str, target: str) -> str:
        if action == "sync":
            return f"Sync {safe(target, 30)}"
        if action == "toggle_pause" and console_of(self).paused:
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

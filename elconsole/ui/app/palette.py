"""The palette: every action, and one command a source and table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.worker import Worker

from elconsole.config.patterns import argument
from elconsole.ui.pages.bars import PAGES
from elconsole.ui.words.text import key_name, safe

if TYPE_CHECKING:
    from elconsole.ui.console.console import Console

Command = tuple[str, str, Callable[[], Any]]
"""Title, what it does, the deed."""
Named = tuple[str, str, str]
"""Title, what it does, the name of the app's action."""

FROM_TEXTUAL = frozenset({"Theme", "Screenshot", "Quit"})
"""Textual's own commands that mean something here."""
MOVES = frozenset({"move", "page", "edge", "enter_panels", "into", "back"})
"""Actions that mean a key by the cursor, and nothing by their name."""


def commands(console: Console, screen: Screen[Any]) -> Iterator[Command]:
    """Everything that can be done on `screen`."""
    for title, words, action in _places():
        yield title, words, partial(console.run_action, action)
    yield from _bound(screen)
    for title, words, action in _everywhere(console):
        yield title, words, partial(console.run_action, action)
    for command in console.get_system_commands(console.screen_stack[0]):
        if command.title in FROM_TEXTUAL:
            yield command.title, command.help, command.callback


def _places() -> Iterator[Named]:
    for mode, title in PAGES:
        yield f"Go to {title}", f"The page {title}", f"page({mode!r})"


def _bound(screen: Screen[Any]) -> Iterator[Command]:
    """What the keys of the page and of its focused widget do, told from the bindings."""
    for key, (node, binding, enabled, words) in screen.active_bindings.items():
        name = binding.action.split("(")[0]
        ours = type(node).__module__.startswith("elconsole.") and "." not in name
        if ours and enabled and node is not screen.app and name not in MOVES:
            deed = partial(screen.app.run_action, binding.action, node)
            told = " · ".join(part for part in (words, f"key {key_name(key)}") if part)
            yield binding.description, told, deed


def _everywhere(console: Console) -> Iterator[Named]:
    yield "Help", "All keys of this place", "help"
    yield "Ask every database again", "Probe and read everything now", "refresh_all"
    yield "Pause or go on", "Freeze the screen; auto-sync rests", "toggle_pause"
    yield "Advice", "What the advisors noticed", "advice"
    for item in console.state.connections:
        name = item.info.name
        yield f"Show {safe(name, 60)}", "The connection in full", f"show_connection({name!r})"
    if not console.options.read_only:
        yield from _writing(console)


def _writing(console: Console) -> Iterator[Named]:
    yield "Sync everything", "As configured, every source", "sync_selection()"
    yield "Full refresh…", "Read everything anew; asks first", "full_refresh"
    if console.check_action("cancel_sync", ()):
        yield "Cancel the sync", "Rolls back; the old rows stand", "cancel_sync"
    for item in console.state.connections:
        name = item.info.name
        if item.info.role == "source":
            yield f"Sync {safe(name, 60)}", "This source only", f"sync_selection({name!r})"
    for table in console.state.raw_tables:
        name = f"{table.source}.{table.table}"
        chosen = argument(table.source, table.table, console.state.sources())
        yield f"Sync {safe(name, 100)}", "This table only", f"sync_selection({chosen!r})"
    yield "Freeze the baseline", "Keep the present periods as reference", "freeze_baseline"
    if console.options.auto_sync_s:
        yield "Auto-sync on or off", "The interval of the settings", "toggle_auto_sync"
    if console.options.start_demo_live is not None:
        yield "Let the demo plant run", "New units appear in the sources", "demo_live"


class Palette(CommandPalette):
    """Textual's palette, whose search may outlive it: that is no reason to end the app."""

    def run_worker(self, *args: Any, **options: Any) -> Worker[Any]:
        """Start the search."""
        return super().run_worker(*args, **{**options, "exit_on_error": False})

    def _action_command_list(self, action: str) -> None:
        # Textual's list knows no pages of what it has not laid out yet.
        with suppress(KeyError, IndexError):
            super()._action_command_list(action)


class ConsoleCommands(Provider):
    """Offers the commands to Textual's palette."""

    async def discover(self) -> Hits:
        """All of them, before a letter is typed."""
        for title, words, deed in commands(cast("Console", self.app), self.screen):
            yield DiscoveryHit(title, deed, help=words)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for title, words, deed in commands(cast("Console", self.app), self.screen):
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), deed, help=words)

"""The palette: every action, and one command a source and table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.worker import Worker

from elconsole.core.results import SyncRequest
from elconsole.ui.pages.bars import PAGES
from elconsole.ui.words.text import key_name, safe

if TYPE_CHECKING:
    from elconsole.ui.app.app import ConsoleApp

Command = tuple[str, str, Callable[[], Any]]
"""Title, what it does, the deed."""


FROM_TEXTUAL = frozenset({"Theme", "Screenshot", "Quit"})
"""Textual's own commands that mean something here."""
MOVES = frozenset({"move", "page", "edge", "enter_panels", "into", "back"})
"""Actions that mean a key by the cursor, and nothing by their name."""


def commands(app: ConsoleApp, screen: Screen[Any]) -> Iterator[Command]:
    """Everything that can be done on `screen`."""
    for mode, title in PAGES:
        yield f"Go to {title}", f"The page {title}", partial(app.run_action, f"page('{mode}')")
    yield from _bound(screen)
    yield "Help", "All keys of this place", app.action_help
    yield "Ask every database again", "Probe and read everything now", app.action_refresh_all
    yield "Pause or go on", "Freeze the screen; auto-sync rests", app.action_toggle_pause
    yield "Advice", "What the advisors noticed", app.action_advice
    for item in app.state.connections:
        name = safe(item.info.name, 60)
        yield f"Show {name}", "The connection in full", partial(app.show_connection, item.info.name)
    if not app.options.read_only:
        yield from _writing(app)
    for command in app.get_system_commands(app.screen_stack[0]):
        if command.title in FROM_TEXTUAL:
            yield command.title, command.help, command.callback


def _bound(screen: Screen[Any]) -> Iterator[Command]:
    """What the keys of the page and of its focused widget do, told from the bindings."""
    for key, (node, binding, enabled, words) in screen.active_bindings.items():
        name = binding.action.split("(")[0]
        ours = type(node).__module__.startswith("elconsole.") and "." not in name
        if ours and enabled and node is not screen.app and name not in MOVES:
            deed = partial(screen.app.run_action, binding.action, node)
            told = " · ".join(part for part in (words, f"key {key_name(key)}") if part)
            yield binding.description, told, deed


def _writing(app: ConsoleApp) -> Iterator[Command]:
    everything = partial(app.start_sync, SyncRequest())
    yield "Sync everything", "As configured, every source", everything
    yield "Full refresh…", "Read everything anew; asks first", app.action_full_refresh
    if app.sync_stop is not None:
        yield "Cancel the sync", "Rolls back; the old rows stand", app.action_cancel_sync
    for item in app.state.connections:
        if item.info.role == "source":
            request = SyncRequest(selection=(item.info.name,))
            name = safe(item.info.name, 60)
            yield f"Sync {name}", "This source only", partial(app.start_sync, request)
    for table in app.state.raw_tables:
        selection = f"{table.source}.{table.table}"
        request = SyncRequest(selection=(selection,))
        yield f"Sync {safe(selection, 100)}", "This table only", partial(app.start_sync, request)
    yield "Freeze the baseline", "Keep the present periods as reference", app.action_freeze_baseline
    if app.options.auto_sync_s:
        yield "Auto-sync on or off", "The interval of the settings", app.action_toggle_auto_sync
    if app.options.start_demo_live is not None:
        yield "Let the demo plant run", "New units appear in the sources", app.action_demo_live


class Palette(CommandPalette):
    """Textual's palette, whose search may outlive it: that is no reason to end the app."""

    def run_worker(self, *args: Any, **options: Any) -> Worker[Any]:
        """Start the search."""
        return super().run_worker(*args, **{**options, "exit_on_error": False})


class ConsoleCommands(Provider):
    """Offers the commands to Textual's palette."""

    async def discover(self) -> Hits:
        """All of them, before a letter is typed."""
        for title, words, deed in commands(cast("ConsoleApp", self.app), self.screen):
            yield DiscoveryHit(title, deed, help=words)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for title, words, deed in commands(cast("ConsoleApp", self.app), self.screen):
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), deed, help=words)

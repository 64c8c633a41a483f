"""All keys of the place where help was asked for, told from the bindings themselves."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Static

from elconsole.ui.dialogs.dialog import Dialog, line
from elconsole.ui.words.text import key_name


def bound_keys(screen: Screen[Any]) -> list[tuple[str, str, str]]:
    """Triples of place, keys and description, as they act on `screen` right now."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if not binding.description or not active.enabled or binding.system or "super" in key:
            continue
        place = "everywhere" if active.node is screen.app else "here"
        found.setdefault((place, binding.description), []).append(key_name(key))
    # The shorter key of two comes first: it is the one to remember.
    return [
        (place, " ".join(sorted(keys, key=len)), words) for (place, words), keys in found.items()
    ]


class HelpScreen(Dialog):
    """The keys, and what the symbols mean."""

    title_words = "Keys"

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self._keys = bound_keys(screen)

    def _group(self, place: str) -> Static:
        parts: list[tuple[str, str]] = [(f"{place}\n", "bold $accent")]
        for where, keys, words in self._keys:
            if where == place:
                parts += [(f"  {keys:<11} ", "bold $foreground"), (f"{words}\n", "$dim")]
        return line(*parts)

    def words(self) -> ComposeResult:
        """Two groups of keys, then the symbols."""
        with Horizontal(id="keys"):
            yield self._group("here")
            yield self._group("everywhere")
        yield line(
            ("symbols\n", "bold $accent"),
            ("  ● ", "$success"), ("well   ", "$dim"),
            ("▲ ", "$warning"), ("look   ", "$dim"),
            ("✗ ", "$error"), ("broken   ", "$dim"),
            ("▼ ", "$error"), ("out of control, low   ", "$dim"),
            ("▲ ", "$accent"), ("out of control, high", "$dim"),
            ("\n  1 ", "$foreground"), ("beyond a limit   ", "$dim"),
            ("2 ", "$foreground"), ("nine on one side   ", "$dim"),
            ("3 ", "$foreground"), ("six rising or falling   ", "$dim"),
            ("4 ", "$foreground"), ("fourteen up and down", "$dim"),
            ("\n  ~ ", "$foreground"), ("an estimate of the source's catalog", "$dim"),
        )  # fmt: skip

"""A style sheet that parses no text twice.

Textual parses every widget's styles anew for each screen that brings styles of its own, and
whenever its variables are set, even to what they are: three times before the first frame.
"""

from __future__ import annotations

from typing import ClassVar

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_THEMES_KEPT = 4
_TEXTS_KEPT = 256

Parsed = LRUCache[tuple[object, ...], list[RuleSet]]


class ParsedOnce(Stylesheet):
    """Keeps what it parsed with the variables that it was parsed with."""

    _by_variables: ClassVar[LRUCache[frozenset[tuple[str, str]], Parsed]] = LRUCache(_THEMES_KEPT)

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__()
        self.set_variables(variables)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Parse with these from now on."""
        if variables == self._variables:
            return
        self._parse_cache = LRUCache(1)  # which is cleared
        super().set_variables(variables)
        key = frozenset(variables.items())
        if key not in self._by_variables:
            self._by_variables[key] = LRUCache(_TEXTS_KEPT)
        self._parse_cache = self._by_variables[key]

    def reparse(self) -> None:
        """Take new sources in; raises as `parse` does, and leaves the rules as they were."""
        self.parse()

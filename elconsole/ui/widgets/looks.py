"""How each tone looks in the theme at hand.

Not component classes: Textual keeps a DOM node for each of those in each widget, which
a screen of ten tables pays with some hundred nodes at its start and megabytes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from rich.style import Style
    from textual.app import App
    from textual.widget import Widget

LOOKS = {
    "plain": "$foreground",
    "dim": "$dim",
    "head": "$dim",
    "strong": "bold $foreground",
    "accent": "$accent",
    "ok": "$success",
    "warn": "$warning",
    "bad": "$error",
    "few": "$few",
    "cursor": "on $block-cursor-background",
    "page": "bold $accent",
    "badge": "bold $background on $secondary",
    "badge-red": "bold $background on $error",
    "badge-amber": "bold $background on $warning",
    "badge-green": "bold $background on $success",
    "badge-blue": "bold $background on $accent",
}
"""Every tone, and what else a line is made of, in the theme's variables (`$dim` and `$few`
are ours, with defaults for every other theme in themes.py)."""

BADGE_OF_A_TERMINAL = "bold reverse ansi_default on ansi_default"
BADGES_IN_A_TERMINALS_OWN_COLOURS = {
    f"badge-{name}": f"bold reverse {colour} on ansi_default"
    for name, colour in (
        ("red", "ansi_red"),
        ("amber", "ansi_yellow"),
        ("green", "ansi_green"),
        ("blue", "ansi_blue"),
    )
}
IN_A_TERMINALS_OWN_COLOURS = {
    **LOOKS,
    "dim": "dim ansi_default",
    "head": "dim ansi_default",
    "few": "dim ansi_default",
    "accent": "ansi_cyan",
    "page": "bold ansi_cyan",
    "cursor": "ansi_black on ansi_white",
    "badge": BADGE_OF_A_TERMINAL,
    **BADGES_IN_A_TERMINALS_OWN_COLOURS,
}
WITHOUT_COLOURS = {
    **IN_A_TERMINALS_OWN_COLOURS,
    "cursor": "reverse ansi_default on ansi_default",
    **{name: BADGE_OF_A_TERMINAL for name in LOOKS if name.startswith("badge")},
}


class KeepsLooks(Protocol):
    """What `look` asks of the app: to keep what was parsed once."""

    looks: dict[tuple[str, str], Style]
    """How tones look, by theme and name; filled as they are painted."""


def look(widget: Widget, name: str) -> Style:
    """The style of a tone, to be added to the widget's own; KeyError for an unknown name."""
    app = widget.app
    looks = cast("KeepsLooks", app).looks
    known = looks.get((app.theme, name))
    if known is None:
        known = looks[app.theme, name] = _parsed(app, name)
    return known


def _parsed(app: App[Any], name: str) -> Style:
    if app.no_color:
        looks = WITHOUT_COLOURS
    elif app.current_theme.ansi:
        looks = IN_A_TERMINALS_OWN_COLOURS
    else:
        looks = LOOKS
    return app.stylesheet.parse_style(looks[name]).rich_style

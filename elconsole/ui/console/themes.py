"""The console's own themes, safe for colour-blind eyes: blue, teal, amber, vermilion."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor
from textual.theme import Theme

from elconsole.core.files import read_regular, replace_regular

if TYPE_CHECKING:
    from textual.app import App

DARK = Theme(
    name="elconsole-dark",
    primary="#5aafdb",
    secondary="#8fa3b5",
    accent="#5aafdb",
    success="#5cb8a0",
    warning="#e0b050",
    error="#e2715f",
    foreground="#d8dde3",
    background="#101318",
    surface="#161a20",
    panel="#1d222a",
    dark=True,
    variables={
        "dim": "#87919d",
        "few": "#5f6873",
        "line": "#2f3742",
        "block-cursor-background": "#24384a",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "border": "#5aafdb",
        "border-blurred": "#2f3742",
    },
)
LIGHT = Theme(
    name="elconsole-light",
    primary="#0b6aa8",
    secondary="#4f6273",
    accent="#0b6aa8",
    success="#00735c",
    warning="#8a5a00",
    error="#b5321c",
    foreground="#1d242c",
    background="#fbfbf9",
    surface="#f1f1ee",
    panel="#e6e7e4",
    dark=False,
    variables={
        "dim": "#5b6670",
        "few": "#8b949c",
        "line": "#c9cdd1",
        "block-cursor-background": "#d3e6f3",
        "block-cursor-foreground": "#000000",
        "block-cursor-text-style": "none",
        "border": "#0b6aa8",
        "border-blurred": "#c9cdd1",
    },
)
OWN = (DARK, LIGHT)
LONGEST_FILE_BYTES = 10_000


def remembered(path: Path | None) -> str | None:
    """The theme chosen last, from the preferences file; None where there is none."""
    if path is None:
        return None
    try:
        name = json.loads(read_regular(path, LONGEST_FILE_BYTES)).get("theme")
    except (OSError, ValueError, AttributeError):
        return None
    return name if isinstance(name, str) else None


def remember(path: Path | None, name: str) -> None:
    """Keep the chosen theme; a folder that can't be written is no reason to fail."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_regular(path, (json.dumps({"theme": name}) + "\n").encode(), 0o600)
    except OSError:
        return


def heed_no_color() -> None:
    """An empty `NO_COLOR` means nothing (no-color.org); Textual takes it for a yes."""
    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]


def without_colours(filters: Iterable[LineFilter]) -> list[LineFilter]:
    """Leave no colour code at all, where Textual would make greys."""
    return [*(item for item in filters if not isinstance(item, Monochrome)), NoColor()]


def choose(app: App[Any], path: Path | None) -> str:
    """The theme to start with: colourless terminals get the terminal's own colours."""
    if app.no_color:
        return "ansi-dark"
    for name in (os.environ.get("TEXTUAL_THEME"), remembered(path)):
        if name and name in app.available_themes:
            return name
    return DARK.name


def variable_defaults(theme: Theme) -> dict[str, str]:
    """`$dim`, `$few` and `$line` for themes that do not set them."""
    if theme.ansi:
        return {"dim": "ansi_default", "few": "ansi_default", "line": "ansi_default"}
    colours = theme.to_color_system().generate()
    front, back = Color.parse(colours["foreground"]), Color.parse(colours["background"])
    return {
        "dim": back.blend(front, 0.6).hex,
        "few": back.blend(front, 0.4).hex,
        "line": back.blend(front, 0.2).hex,
    }

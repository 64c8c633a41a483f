"""Copying: the terminal's clipboard where it takes that much, else a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elconsole.core.safe_text import clean_text

if TYPE_CHECKING:
    from textual.app import App

LARGEST_OSC52 = 74_000
"""Characters; terminals and tmux drop longer OSC 52 sequences without a word."""


def copy(app: App[Any], lines: Iterable[Sequence[str]]) -> None:
    """Copy lines of cells by OSC 52; what is too long for that goes to a file that is named.

    A cell is one cell, whoever wrote it: where it is pasted, a line break would begin a command,
    and an escape sequence end what a terminal takes for pasted."""
    text = "\n".join("\t".join(map(clean_text, line)) for line in lines)
    if len(text.encode()) * 4 // 3 <= LARGEST_OSC52:
        app.copy_to_clipboard(text)
        app.notify("Copied, where the terminal allows it (OSC 52).", markup=False)
        return
    with tempfile.NamedTemporaryFile(
        "w", prefix="elconsole-copy-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    app.notify(f"Too long for the clipboard; written to {Path(file.name)}", markup=False)

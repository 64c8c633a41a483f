"""With which options the program was started: a hint that names a command repeats them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HINTED = re.compile(r"`elconsole (?!(?:init|trust|serve|--demo|-h)\b)")
"""Before every command that heeds them; a served console is given its own."""
_options = ""


def started_with(options: Sequence[str]) -> None:
    """Remember the options that say which settings are meant, as a shell takes them."""
    import shlex

    global _options
    _options = "".join(f"{shlex.quote(option)} " for option in options)


def repeated(text: str) -> str:
    """A text with these options in each command of ours that it quotes."""
    return _HINTED.sub(lambda found: found[0] + _options, text) if _options else text


def repeated_command(command: str) -> str:
    """The same of a command that stands alone."""
    return repeated(f"`{command}")[1:]

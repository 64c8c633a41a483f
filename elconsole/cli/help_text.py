"""What `-h` shows, wrapped to the width of the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from elconsole.cli.grammar import Argument, Command

WIDEST = 100
"""Columns of a help text; longer lines are hard to read."""
_NARROWEST_TEXT = 20
_LONGEST_LABEL = 34
"""A text stands below a longer one, not beside it."""

_Row = tuple[str, str]


def terminal_width() -> int:
    """Columns for a help text: those of the terminal (or COLUMNS), 80 where there is none."""
    return min(WIDEST, shutil.get_terminal_size((80, 24)).columns)


def help_text(command: Command, width: int, commands: Sequence[Command] = ()) -> str:
    """Of a command; or of the program, which has `commands`."""
    words = command.words()
    usage = [command.prog, "[OPTIONS]", *(_in_usage(word) for word in words)]
    listed = [(one.name, one.summary) for one in commands if one.summary]
    blocks = [
        " ".join(["Usage:", *usage, *(["[COMMAND]"] if listed else [])]),
        *(_text(paragraph, width) for paragraph in command.summary.split("\n\n")),
        _section("Arguments", [_row(word) for word in words], width),
        _section("Options", [_row(option) for option in command.options()], width),
        _section("Commands", listed, width),
        _section("Examples", command.examples, width),
        "" if listed else _text("The options of `elconsole -h` work here too.", width),
    ]
    return "\n\n".join(block for block in blocks if block)


def _in_usage(word: Argument) -> str:
    metavar = word.keywords["metavar"]
    return f"[{metavar}]..." if word.keywords["nargs"] == "*" else f"[{metavar}]"


def _row(argument: Argument) -> _Row:
    """Names, the value's name, and what it is for."""
    metavar = argument.keywords.get("metavar", "")
    if not argument.is_option():
        return metavar, argument.help
    default = argument.keywords.get("default")
    shown = f" [default: {default}]" if metavar and default is not None else ""
    return f"{', '.join(argument.names)} {metavar}".rstrip(), argument.help + shown


def _text(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ")


def _section(title: str, rows: Sequence[_Row], width: int) -> str:
    if not rows:
        return ""
    labels = [len(label) for label, text in rows if text]
    start = max((length for length in labels if length <= _LONGEST_LABEL), default=0) + 4
    return "\n".join([f"{title}:", *(line for row in rows for line in _lines(row, start, width))])


def _lines(row: _Row, start: int, width: int) -> Iterator[str]:
    """A label, and its text beside it, or below it where there is no room."""
    label, text = row
    room = width - start
    if room < _NARROWEST_TEXT:
        start, room = 6, max(width - 6, _NARROWEST_TEXT)
    beside = len(label) + 4 <= start
    texts = textwrap.wrap(text, room, break_on_hyphens=False)
    yield f"  {label:{start - 2}}{texts.pop(0)}" if beside and texts else f"  {label}"
    for line in texts:
        yield " " * start + line

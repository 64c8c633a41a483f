"""Text for a terminal that is narrower than it: broken between words, nothing cut."""

from __future__ import annotations

from collections.abc import Iterator

from elconsole.core.safe_text import cell_width

COMMENT = "-- "
"""What begins a comment of SQL; what goes on of it is one, too."""
INDENT = 2
"""Cells by which what goes on stands further right."""


def folded(text: str, width: int | None) -> str:
    """Every line that is wider than `width` cells in several; None leaves all as they are."""
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def folded_comments(text: str, width: int | None) -> str:
    """SQL of which the comments alone are folded, and stay comments: a statement may hold names
    with spaces."""
    return "\n".join(
        folded(line, width) if line.startswith(COMMENT) else line for line in text.split("\n")
    )


def _parts(line: str, width: int) -> Iterator[str]:
    if cell_width(line) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    hanging = " " * min(indent + INDENT, width // 2)
    if line.startswith(COMMENT):
        hanging = COMMENT + " " * INDENT
    part = line[:indent]
    for word in line[indent:].split(" "):
        joined = part if not part.strip() else f"{part} "
        if cell_width(joined + word) <= width:
            part = joined + word
            continue
        if part.strip():
            yield part.rstrip()
            part = hanging
        *full, part = _pieces(part + word, width, hanging)
        yield from full
    yield part


def _pieces(text: str, width: int, hanging: str) -> list[str]:
    """A word that is itself too wide, in as many lines as it needs; one at least."""
    pieces, piece = [], ""
    for character in text:
        if cell_width(piece + character) > width and piece.strip():
            pieces.append(piece)
            piece = hanging
        piece += character
    return [*pieces, piece]

"""Text for a terminal that is narrower than it: broken between words, nothing cut."""

from __future__ import annotations

from collections.abc import Iterator

from elconsole.core.safe_text import cell_width

INDENT = 2
"""Cells by which what goes on stands further right."""


def folded(text: str, width: int | None) -> str:
    """Every line that is wider than `width` cells in several; None leaves all as they are."""
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> Iterator[str]:
    if cell_width(line) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    hanging = " " * min(indent + INDENT, width // 2)
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

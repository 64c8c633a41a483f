"""Which rows a grid shows, in which order, and how wide its columns are. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from elconsole.core.record import record
from elconsole.ui.words.cells import Cell, Column, Row, Span, Table

GAP = 2
MEASURED_ROWS = 400
"""Column widths are told from the first so many rows: a table of 10,000 opens at once."""


@record(frozen=True, slots=True)
class Sort:
    """The column that orders the rows."""

    column: int
    descending: bool = False


def shown(rows: Sequence[Row], sort: Sort | None, needle: str) -> tuple[Row, ...]:
    """The rows that contain every word of `needle`, ordered by `sort`."""
    kept: Sequence[Row] = rows
    if needle or sort:
        kept = [row for row in rows if not row.heading]
    for word in needle.casefold().split():
        kept = [row for row in kept if any(word in text.casefold() for text in row.texts())]
    if sort is not None:
        column = sort.column
        known = [row for row in kept if _value(row, column) is not None]
        unknown = [row for row in kept if _value(row, column) is None]
        known.sort(key=lambda row: _orderable(_value(row, column)), reverse=sort.descending)
        kept = known + unknown
    return tuple(kept)


def _value(row: Row, column: int) -> Any:
    if column < len(row.values):
        return row.values[column]
    texts = row.texts()
    return texts[column] if column < len(texts) else None


def _orderable(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    return 1, str(value).casefold()


def cell_width(cell: Cell) -> int:
    """Terminal cells that a cell takes."""
    return sum(cell_len(span.text) for span in cell)


def widths(table: Table, room: int, *, headings: bool = True) -> tuple[tuple[int, int], ...]:
    """Pairs of column index and width that fit into `room` cells."""
    natural = [_natural(table, index) for index in range(len(table.columns))]
    kept = [
        index
        for index, column in enumerate(table.columns)
        if not (headings and column.instead_of_headings)
    ]

    def least(index: int) -> int:
        column = table.columns[index]
        return min(natural[index], column.min_width) if column.grows else natural[index]

    while len(kept) > 1 and sum(least(index) + GAP for index in kept) - GAP > room:
        worst = max(kept, key=lambda index: (table.columns[index].keep, index))
        if table.columns[worst].keep <= 0:
            break
        kept.remove(worst)
    found = {index: least(index) for index in kept}
    over = sum(width + GAP for width in found.values()) - GAP - room
    if over > 0:  # a long name gives way before the state beside it does
        widest = max(found, key=lambda index: found[index])
        found[widest] = max(8, found[widest] - over)
    left = room - sum(width + GAP for width in found.values()) + GAP
    growing = [index for index in kept if table.columns[index].grows]
    for number, index in enumerate(growing):
        share = max(0, left) // (len(growing) - number)
        width = min(found[index] + share, table.columns[index].max_width)
        left -= width - found[index]
        found[index] = width
    return tuple((index, found[index]) for index in kept)


def _natural(table: Table, index: int) -> int:
    column = table.columns[index]
    longest = cell_len(column.title)
    for row in table.rows[:MEASURED_ROWS]:
        if not row.heading and index < len(row.cells):
            longest = max(longest, cell_width(row.cells[index]))
    return min(max(longest, column.min_width), column.max_width)


def fitted(cell: Cell, width: int, column: Column) -> Cell:
    """The cell cut or padded to exactly `width` terminal cells."""
    taken = cell_width(cell)
    if taken > width:
        return cut(cell, width)
    padding = Span(" " * (width - taken))
    if not padding.text:
        return cell
    return (padding, *cell) if column.align == "right" else (*cell, padding)


def cut(cell: Cell, width: int) -> Cell:
    """The cell, with `…` at its end where it is wider than `width`."""
    if cell_width(cell) <= width:
        return cell
    left, out = width, []
    for span in cell:
        length = cell_len(span.text)
        if length < left or (length == left and span is cell[-1]):
            out.append(span)
            left -= length
            continue
        if left > 0:
            out.append(Span(set_cell_size(span.text, left - 1) + "…", span.tone))
        break
    return tuple(out)


def wrapped_cell(cell: Cell, room: int) -> list[Cell]:
    """The cell as lines of at most `room` terminal cells, broken between words."""
    lines: list[Cell] = []
    line: list[Span] = []
    used = 0
    for span in cell:
        for word in re.findall(r"\S+\s*|\s+", span.text):
            for piece in _pieces(word, room):
                if used and used + cell_len(piece.rstrip()) > room:
                    lines.append(_without_end_space(line))
                    line, used = [Span("    ")], 4
                line.append(Span(piece, span.tone))
                used += cell_len(piece)
    return [*lines, _without_end_space(line)]


def _without_end_space(line: list[Span]) -> Cell:
    if not line:
        return ()
    return (*line[:-1], Span(line[-1].text.rstrip(), line[-1].tone))


def _pieces(word: str, room: int) -> list[str]:
    """A word that is longer than a line, in parts."""
    most = max(8, room - 4)
    if cell_len(word) <= most:
        return [word]
    return [word[start : start + most // 2] for start in range(0, len(word), most // 2)]


def joined(spans: Sequence[Span]) -> list[Span]:
    """Neighbours of one tone as one span; blanks take the tone before them."""
    out: list[Span] = []
    for span in spans:
        if out and (span.tone == out[-1].tone or span.text.isspace()):
            out[-1] = Span(out[-1].text + span.text, out[-1].tone)
        elif span.text:
            out.append(span)
    return out

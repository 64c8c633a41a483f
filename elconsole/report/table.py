"""Tables of text: columns, widths, alignment."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.record import record
from elconsole.core.safe_text import cell_width, clean_text

GAP = "  "


@record(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand right."""

    heading: str
    right: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], total: Sequence[str] = ()
) -> str:
    """An aligned table with its headings, a rule, and `total` under a second rule."""
    cells = [[clean_text(cell) for cell in row] for row in rows]
    footer = [[clean_text(cell) for cell in total]] if total else []
    everything = [[column.heading for column in columns], *cells, *footer]
    widths = [max(cell_width(row[n]) for row in everything) for n in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        padded = (
            " " * (size - cell_width(cell)) + cell
            if column.right
            else cell + " " * (size - cell_width(cell))
            for cell, size, column in zip(row, widths, columns, strict=True)
        )
        return GAP.join(padded).rstrip()

    rule = GAP.join("-" * size for size in widths)
    lines = [line(everything[0]), rule, *(line(row) for row in cells)]
    return "\n".join([*lines, rule, line(footer[0])] if footer else lines)

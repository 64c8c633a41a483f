"""Tables of text: columns, widths, alignment."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.humanize import NOTHING
from elconsole.core.record import record
from elconsole.core.safe_text import cell_width, clean_text
from elconsole.report.folding import folded

GAP = "  "
BESIDE = " · "
DETAIL = "    "
"""What stands before the cells that were folded below their row."""


@record(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand right."""

    heading: str
    right: bool = False
    fold: int = 0
    """Where the table is too wide, the column with the highest goes first below the rows; 0
    stays beside them."""


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    total: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """An aligned table with its headings, a rule, and `total` under a second rule.

    On a terminal of `width` cells columns that don't fit stand below their row, each value
    with its heading; what is empty is left out there."""
    cells = [[clean_text(cell) for cell in row] for row in rows]
    footer = [[clean_text(cell) for cell in total]] if total else []
    everything = [[column.heading for column in columns], *cells, *footer]
    widths = [max(cell_width(row[n]) for row in everything) for n in range(len(columns))]
    beside = _beside(columns, widths, width)
    below = [n for n in range(len(columns)) if n not in beside]

    def line(row: Sequence[str]) -> str:
        return GAP.join(_padded(row[n], widths[n], columns[n].right) for n in beside).rstrip()

    def lines(row: Sequence[str]) -> str:
        facts = [f"{columns[n].heading} {row[n]}" for n in below if row[n] not in ("", NOTHING)]
        detail = [folded(DETAIL + BESIDE.join(facts), width)] if facts else []
        return "\n".join([line(row), *detail])

    rule = GAP.join("-" * widths[n] for n in beside)
    shown = [line(everything[0]), rule, *map(lines, cells)]
    return "\n".join([*shown, rule, lines(footer[0])] if footer else shown)


def _padded(cell: str, size: int, right: bool) -> str:
    room = " " * (size - cell_width(cell))
    return room + cell if right else cell + room


def _beside(columns: Sequence[Column], widths: Sequence[int], width: int | None) -> list[int]:
    """The places of the columns that stand beside each other."""
    shown = list(range(len(columns)))
    while width is not None and sum(widths[n] + len(GAP) for n in shown) - len(GAP) > width:
        place = max(shown, key=lambda n: (columns[n].fold, n))
        if not columns[place].fold:
            break
        shown.remove(place)
    return shown

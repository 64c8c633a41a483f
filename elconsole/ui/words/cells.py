"""What a table on the screen is made of: spans with a tone, cells, rows, columns. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from elconsole.core.record import record

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.results import PlannedTable, QualityRow, QualityTable, UnfedTable
    from elconsole.core.types import ErrorInfo

Tone = Literal["plain", "dim", "strong", "accent", "ok", "warn", "bad", "few", "head"]
"""What a text means, never a colour: `looks` decides how each is painted."""


@record(frozen=True, slots=True)
class Span:
    """A piece of text in one tone. Text from servers must have passed `clean_text`."""

    text: str
    tone: Tone = "plain"


Cell = tuple[Span, ...]

EMPTY: Cell = ()


def cell(text: str, tone: Tone = "plain") -> Cell:
    """A cell of one span."""
    return (Span(text, tone),) if text else EMPTY


@record(frozen=True, slots=True)
class Column:
    """A column of a grid."""

    title: str
    align: Literal["left", "right"] = "left"
    grows: bool = False
    """Takes what is left of the width, and gives way first."""
    keep: int = 0
    """Columns with the highest number are dropped first where the room is too small."""
    min_width: int = 0
    max_width: int = 60
    drawn: Callable[[Any, int], Cell] | None = None
    """Draws the cell from its sort value and the width it got (bars)."""
    name: str | None = None
    """How an export calls it: None, like its title; a column without a name is left out."""
    number: bool = False
    """Whether its sort value is a number, to be exported in place of the text."""
    instead_of_headings: bool = False
    """Shown only while the rows are sorted or filtered, which takes their headings away."""


@record(frozen=True, slots=True)
class ConnectionLink:
    """Leads to a connection in full."""

    name: str


@record(frozen=True, slots=True)
class RunLink:
    """Leads to a run in full."""

    run_id: str


@record(frozen=True, slots=True)
class ErrorLink:
    """Leads to an error in full."""

    title: str
    error: ErrorInfo


@record(frozen=True, slots=True)
class ChartLink:
    """Leads to the control chart of one dimension value."""

    table: QualityTable
    row: QualityRow


@record(frozen=True, slots=True)
class DriftLink:
    """Leads to how one table's columns differ."""

    plan: PlannedTable


@record(frozen=True, slots=True)
class UnfedLink:
    """Leads to why a raw table is no longer filled."""

    table: UnfedTable


Link = ConnectionLink | RunLink | ErrorLink | ChartLink | DriftLink | UnfedLink
"""What a row opens."""


@record(frozen=True, slots=True)
class Row:
    """A row of a grid."""

    key: str
    """Identifies the row across refreshes, so that the cursor stays on it."""
    cells: tuple[Cell, ...]
    values: tuple[Any, ...] = ()
    """What each column sorts by; a row without is sorted by its text."""
    heading: bool = False
    """A heading: never selected, hidden while sorted or filtered."""
    trouble: str = ""
    """What is counted in the title while the row is out of sight: `failed`."""
    opens: Link | None = field(default=None, compare=False)
    """What enter opens; None where the row says all there is to know."""
    selects: tuple[str, ...] = field(default=(), compare=False)
    """The sources and tables that a sync from this row copies; empty means all of them."""

    def texts(self) -> tuple[str, ...]:
        """The row as plain text, one item a column."""
        return tuple("".join(span.text for span in item).strip() for item in self.cells)


@record(frozen=True, slots=True)
class Table:
    """Everything a grid shows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    title: str = ""
    note: str = ""
    """Stands in the lower border."""
    empty: str = ""
    """Shown instead of rows where there are none: what it means and what to do."""
    alert: bool = False
    """Whether something in it needs a human."""
    busy: bool = False
    """Whether something in it is going on."""

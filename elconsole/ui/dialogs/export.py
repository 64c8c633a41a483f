"""Writing a table to a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.app import ComposeResult

from elconsole.ui.dialogs.dialog import Dialog, line
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.words.cells import Column, Row


def exported(columns: tuple[Column, ...]) -> dict[str, int]:
    """The place of every column with a name, by that name, made unique."""
    found: dict[str, int] = {}
    for place, column in enumerate(columns):
        name = column.title if column.name is None else column.name
        if name:
            found[name if name not in found else f"{name}_{place + 1}"] = place
    return found


def records(columns: tuple[Column, ...], rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Every row by the names of its columns: text as shown, numbers unrounded."""
    places = exported(columns)
    for row in rows:
        if not row.heading:
            texts = row.texts()
            yield {name: _told(columns[at], row, texts, at) for name, at in places.items()}


def _told(column: Column, row: Row, texts: tuple[str, ...], at: int) -> Any:
    known = at < len(row.values)
    if column.number:
        return row.values[at] if known else None
    if column.drawn is not None and known:
        drawn = column.drawn(row.values[at], column.max_width)
        return "".join(span.text for span in drawn).strip()
    return texts[at] if at < len(texts) else ""


def as_csv(columns: tuple[Column, ...], rows: tuple[Row, ...]) -> str:
    """RFC 4180, one header line; cells that a spreadsheet would run are quoted by `'`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(exported(columns))
    for record in records(columns, rows):
        writer.writerow([_harmless(item) for item in record.values()])
    return out.getvalue()


def _harmless(value: Any) -> Any:
    dangerous = isinstance(value, str) and value[:1] in ("=", "+", "-", "@")
    return f"'{value}" if dangerous else value


def as_json(columns: tuple[Column, ...], rows: tuple[Row, ...]) -> str:
    """An array of objects."""
    return json.dumps([*records(columns, rows)], ensure_ascii=False, indent=2) + "\n"


def free_path(folder: Path, stem: str, suffix: str, now: datetime) -> Path:
    """A file name that does not exist yet."""
    stamp = now.astimezone().strftime("%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}-{stamp}.{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{stamp}-{number}.{suffix}"
    return path


class ExportDialog(Dialog):
    """CSV or JSON."""

    title_words = "Export the table as shown"
    choices = (
        ("c", "csv", "CSV", "for spreadsheets"),
        ("j", "json", "JSON", "for programs"),
    )

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self._grid = grid

    def words(self) -> ComposeResult:
        """How much, and where to."""
        rows = sum(not row.heading for row in self._grid.rows)
        yield line((f"{rows:,} rows, into the working directory {Path.cwd()}", "$foreground"))

    def choose(self, answer: str) -> None:
        """Write the file, then close."""
        self._write(answer)
        self.dismiss(answer)

    def _write(self, form: str) -> None:
        grid = self._grid
        write = as_csv if form == "csv" else as_json
        text = write(grid.table.columns, grid.rows)
        now = self.console.now()
        path = free_path(Path.cwd(), f"elconsole-{grid.id or 'table'}", form, now)
        try:
            # Never through a link that somebody put there meanwhile.
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            self.app.notify(f"Not written: {error}", severity="error", markup=False)
            return
        self.app.notify(f"Written: {path}", markup=False)

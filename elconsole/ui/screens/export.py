"""Writing a table to a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from textual.app import ComposeResult

from elconsole.ui.cells import Column, Row
from elconsole.ui.screens.dialogs import Dialog, line
from elconsole.ui.widgets.grid import Grid


def names(columns: tuple[Column, ...]) -> list[str]:
    """A name for every column, unique, also for those without a title."""
    found: list[str] = []
    for number, column in enumerate(columns, 1):
        name = column.title or f"column_{number}"
        found.append(name if name not in found else f"{name}_{number}")
    return found


def _plain(row: Row, index: int) -> Any:
    text = row.texts()[index] if index < len(row.cells) else ""
    value = row.values[index] if index < len(row.values) else None
    return value if isinstance(value, bool | int | float) else text


def as_csv(columns: tuple[Column, ...], rows: tuple[Row, ...]) -> str:
    """RFC 4180, one header line; cells that a spreadsheet would run are quoted by `'`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names(columns))
    for row in rows:
        if not row.heading:
            cells = [_plain(row, index) for index in range(len(columns))]
            writer.writerow([_harmless(item) for item in cells])
    return out.getvalue()


def _harmless(value: Any) -> Any:
    dangerous = isinstance(value, str) and value[:1] in ("=", "+", "-", "@")
    return f"'{value}" if dangerous else value


def as_json(columns: tuple[Column, ...], rows: tuple[Row, ...]) -> str:
    """An array of objects."""
    heads = names(columns)
    records = [
        {head: _plain(row, index) for index, head in enumerate(heads)}
        for row in rows
        if not row.heading
    ]
    return json.dumps(records, ensure_ascii=False, indent=2) + "\n"


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
        from elconsole.ui.app import ConsoleApp

        grid = self._grid
        write = as_csv if form == "csv" else as_json
        text = write(grid.table.columns, grid.rows)
        now = cast("ConsoleApp", self.app).now()
        path = free_path(Path.cwd(), f"elconsole-{grid.id or 'table'}", form, now)
        try:
            path.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            self.app.notify(f"Not written: {error}", severity="error", markup=False)
            return
        self.app.notify(f"Written: {path}", markup=False)

"""Units per day, stored by a sync so that every reader finds them counted.

A full refresh counts the whole table once. A merge takes the rows that it is about to
replace out of the counts and puts what they became in, within its own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from psycopg import sql

from elconsole.core.record import record
from elconsole.engine.quality.statements import (
    HASHING,
    UNHASHING,
    QualityTarget,
    counts_statement,
    hashing,
    read_columns,
)
from elconsole.engine.sql.names import MARK, METADATA
from elconsole.engine.sql.quoting import constant
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from psycopg import Connection

MOST_STORED = 200_000
"""More combinations than this are not stored: reading them would be no faster than a scan."""
COUNTS_BYTES = 64 * 2**20
"""What so many combinations may have."""
UNITS = "pg_temp.elconsole_units"


def store_daily_counts(connection: Connection[Any], target: QualityTarget) -> dict[str, int]:
    """Count a table's units per day; takes one scan of the table.

    Call it after publishing, when rows changed and `UnitCounting` did not see them. Returns
    the units that `passed` and `failed`; empty, and nothing stored, where a column is missing.
    """
    version, definition = target.stored_version, target.definition
    columns = read_columns(connection, target)
    if definition.status not in columns or not definition.by:
        return {}
    if not set(definition.by) <= set(columns):
        return {}
    query = counts_statement(target, columns, definition.by, "day")
    # INSERT … SELECT would forgo parallel workers, so the few counts pass through here.
    with hashing(connection):
        rows = connection.execute(_bounded(query)).fetchall()
    inspected, passed = (rows[0][-2], rows[0][-1]) if rows else (0, 0)
    stored = version if len(rows) <= MOST_STORED else None
    with connection.transaction():
        connection.execute(
            "DELETE FROM elconsole.quality_daily"
            " WHERE target_schema = %(schema)s AND target_table = %(table)s",
            target.names,
        )
        if stored is not None:
            _copy_counts(connection, target, rows)
        connection.execute(
            "UPDATE elconsole.targets"
            " SET units_passed = %(passed)s, units_failed = %(failed)s, units_version = %(stored)s"
            " WHERE target_schema = %(schema)s AND target_table = %(table)s",
            {**target.names, "passed": passed, "failed": inspected - passed, "stored": stored},
        )
    return {"passed": passed, "failed": inspected - passed}


def _bounded(counts: sql.Composable) -> sql.Composed:
    """The counts, no more of them than tell that they are too many, each with all units
    inspected and passed."""
    return sql.SQL(
        "SELECT c.*, (pg_catalog.sum(inspected) OVER ())::int8,"
        " (pg_catalog.sum(passed) OVER ())::int8 FROM ({counts}) AS c LIMIT {most}"
    ).format(counts=counts, most=sql.Literal(MOST_STORED + 1))


def _copy_counts(
    connection: Connection[Any], target: QualityTarget, rows: Iterable[tuple[Any, ...]]
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY elconsole.quality_daily (target_schema, target_table, period,"
            " values, defect, inspected, passed, newest, extracted, changed) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row((target.target_schema, target.target_table, *row[:-2]))


@record(frozen=True, slots=True)
class UnitCounting:
    """SQL that keeps the daily counts in step with a merge; to run inside its transaction.

    In order: `begin`, the statements that write rows, each with `moved` in it, `finish`."""

    target: QualityTarget
    columns: Mapping[str, str]
    """The raw table's columns and their types."""

    def begin(self) -> str:
        return f"{HASHING}; {statement('quality/units_stage')}"

    @property
    def read(self) -> list[str]:
        """The raw table's columns that counting a row reads."""
        made_of = self.target.definition
        named = [made_of.status, made_of.time, *made_of.by, made_of.defect]
        return [name for name in dict.fromkeys([*named, *METADATA, MARK]) if name in self.columns]

    def moved(self, *, left: str = "", arrived: str = "") -> str:
        """An INSERT that notes the rows of FROM items, which `left` the table or `arrived`."""
        counted = [self._counted(left, "-", "false")] if left else []
        if arrived:
            counted.append(self._counted(arrived, "", "true"))
        return f"INSERT INTO {UNITS} {' UNION ALL '.join(counted)}"

    def finish(self) -> str:
        """Move the counts; selects the units passed and failed, or nothing where a recount
        is needed."""
        named = {name: constant(value) for name, value in self.target.names.items()}
        moved = sql.SQL(statement("quality/units_move")).format(**named).as_string()
        emptied = (
            sql.SQL(
                "DELETE FROM elconsole.quality_daily"
                " WHERE target_schema = {schema} AND target_table = {table} AND inspected = 0"
            )
            .format(**named)
            .as_string()
        )
        return f"{moved}; {emptied}; {UNHASHING}"

    def _counted(self, rows: str, sign: str, arrived: str) -> str:
        by = self.target.definition.by
        query = counts_statement(self.target, self.columns, by, "day", sql.SQL(rows))
        return (
            f"SELECT period, values, defect, {sign}inspected, {sign}passed, newest, extracted,"
            f" {sign}changed, {arrived} FROM ({query.as_string()}) AS counts"
        )

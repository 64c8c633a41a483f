"""SQL that counts units, composed from the fixed statements and a table's own columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from psycopg import sql

from elconsole.core.errors import TargetTaken
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text
from elconsole.engine.sql.names import MARK
from elconsole.engine.sql.quoting import constant, constants
from elconsole.engine.sql.statements import statement, trusting

if TYPE_CHECKING:
    from psycopg import Connection

    from elconsole.core.results import Period

NONE_VALUE = "(none)"
"""Stands for NULL among the values of a dimension."""

_TIME_TYPES = ("timestamp with time zone", "timestamp without time zone", "date")
_STEPS = {"day": "1 day", "hour": "1 hour"}
_LABELS = {"day": "YYYY-MM-DD", "hour": 'YYYY-MM-DD"T"HH24:00:00"Z"'}


class UnitDefinition(Protocol):
    """Which rows are units and when they passed: the settings of a table's pass rates."""

    @property
    def status(self) -> str: ...
    @property
    def passed(self) -> tuple[str, ...]: ...
    @property
    def time(self) -> str: ...
    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def defect(self) -> str: ...
    @property
    def shift(self) -> str: ...
    @property
    def batch(self) -> str: ...


@record(frozen=True, slots=True, kw_only=True)
class QualityTarget:
    """A raw table whose units are counted."""

    source: str
    table: str
    target_schema: str
    target_table: str
    definition: UnitDefinition
    explicit: bool = True
    """Whether settings ask for this table's pass rates, so that a missing column matters."""
    content_run_id: str | None = None
    """What names the published content, e.g. the run that last changed it; without it the
    stored daily counts are not used."""
    counted_version: str | None = None
    """What the stored daily counts were counted from."""
    complete_until: datetime | None = None
    """The last sync's snapshot: later periods are incomplete. None: now."""

    @property
    def target(self) -> str:
        return f"{self.target_schema}.{self.target_table}"

    @property
    def names(self) -> dict[str, str]:
        return {"schema": self.target_schema, "table": self.target_table}

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.target_schema, self.target_table)

    def of_content(self, run_id: str | None) -> QualityTarget:
        """The same table with other rows."""
        return replace(self, content_run_id=run_id)

    @property
    def stored_version(self) -> str | None:
        """The version under which daily counts are stored: content and settings."""
        if self.content_run_id is None:
            return None
        made_of = self.definition
        counted = [made_of.status, made_of.passed, made_of.time, made_of.by, made_of.defect]
        return f"{self.content_run_id} {json.dumps(counted)}"


def read_columns(connection: Connection[Any], target: QualityTarget) -> dict[str, str]:
    """The raw table's columns and their types; empty where it does not exist.

    Raises TargetTaken where it is somebody else's, who would run code in whoever reads it."""
    rows = connection.execute(trusting("quality/columns"), target.names).fetchall()
    strangers = {stranger for _, _, stranger in rows if stranger is not None}
    if strangers:
        raise TargetTaken(
            f"{target.target} belongs to {clean_text(strangers.pop())}, not to elconsole's role;"
            " it was not read",
            hint="see what it is; then rename it, drop it or change its owner",
        )
    return {name: type_text for name, type_text, _ in rows}


HASHING: LiteralString = "SET LOCAL enable_sort = off"
"""After it the planner groups by hashing: the groups are few, whatever it expects."""
UNHASHING: LiteralString = "SET LOCAL enable_sort TO DEFAULT"


@contextmanager
def hashing(connection: Connection[Any]) -> Iterator[None]:
    """Within it, the planner groups by hashing."""
    with connection.transaction():
        connection.execute(HASHING)
        yield
        # A caller's transaction may go on after this savepoint.
        connection.execute(UNHASHING)


def has_time(target: QualityTarget, columns: Mapping[str, str]) -> bool:
    """Whether the time column exists and is a time."""
    return columns.get(target.definition.time) in _TIME_TYPES


def counts_statement(
    target: QualityTarget,
    columns: Mapping[str, str],
    dimensions: Sequence[str],
    period: Period,
    rows: sql.Composable | None = None,
) -> sql.Composed:
    """Counts of every combination of the dimensions' values, period and defect; of the whole
    table, or of the rows of a FROM item."""
    names = [sql.Identifier(f"value_{place}") for place in range(1, len(dimensions) + 1)]
    selected = sql.SQL(", ").join(
        sql.SQL("{}::text AS {}").format(sql.Identifier(column), name)
        for column, name in zip(dimensions, names, strict=True)
    )
    none = constant(NONE_VALUE)
    return sql.SQL(statement("quality/counts")).format(
        values=sql.SQL(", ").join(sql.SQL("coalesce({}, {})").format(n, none) for n in names),
        dimensions=selected,
        names=sql.SQL(", ").join(names),
        period=_period(target, columns, period),
        passed=passed_condition(target.definition, "status"),
        status=sql.Identifier(target.definition.status),
        defect=_text_or_null(target.definition.defect, columns),
        time=_time(target, columns),
        extracted=_extracted(columns),
        changed=_changed(columns),
        there=there_condition(columns),
        table=rows or target.identifier,
    )


def periods_statement(counts: sql.Composable, period: Period) -> sql.Composed:
    """Sums per dimension, value, period and defect of such counts.

    Columns: place of the dimension, value, label and position of the period, defect,
    inspected, passed, newest unit's and extraction's epoch seconds, changed rows.
    """
    position = sql.SQL("NULL::float8")
    if period in _STEPS:
        position = sql.SQL("extract(epoch FROM counts.period)::float8")
    elif period in ("batch", "shift"):
        position = sql.SQL("extract(epoch FROM pg_catalog.max(counts.newest))::float8")
    label: sql.Composable = sql.SQL("counts.period::text")
    if period in _LABELS:
        label = sql.SQL("pg_catalog.to_char(counts.period AT TIME ZONE 'UTC', {})").format(
            constant(_LABELS[period])
        )
    return sql.SQL(statement("quality/periods")).format(
        label=label, position=position, counts=counts
    )


def passed_condition(definition: UnitDefinition, column: str | None = None) -> sql.Composed:
    """True where a unit passed, false otherwise, NULL never. `column`: not the status's own."""
    return sql.SQL("coalesce({}::text = ANY({}), false)").format(
        sql.Identifier(column or definition.status), constants(definition.passed)
    )


def there_condition(columns: Mapping[str, str]) -> sql.Composable:
    """True for a row that its source still has: one that is gone is no unit any more."""
    if MARK not in columns:
        return sql.SQL("true")
    return sql.SQL("{} IS NULL").format(sql.Identifier(MARK))


def dimension_expression(column: str) -> sql.Composed:
    """A dimension's value as it is shown."""
    return sql.SQL("coalesce({}::text, {})").format(sql.Identifier(column), constant(NONE_VALUE))


def _time(target: QualityTarget, columns: Mapping[str, str]) -> sql.Composable:
    if not has_time(target, columns):
        return sql.SQL("NULL::timestamptz")
    name = sql.Identifier(target.definition.time)
    if columns[target.definition.time] == "timestamp with time zone":
        return name
    return sql.SQL("({}::timestamp AT TIME ZONE 'UTC')").format(name)


def _period(target: QualityTarget, columns: Mapping[str, str], period: Period) -> sql.Composable:
    if period == "shift":
        return sql.SQL("{}::text").format(sql.Identifier(target.definition.shift))
    if period == "batch":
        return sql.SQL("{}::text").format(sql.Identifier(target.definition.batch))
    # date_bin is integer arithmetic: a third of the cost of a conversion to a UTC date.
    return sql.SQL("pg_catalog.date_bin({}, {}, '2000-01-01T00:00:00Z')").format(
        constant(_STEPS[period]), _time(target, columns)
    )


def _text_or_null(column: str, columns: Mapping[str, str]) -> sql.Composable:
    if column not in columns:
        return sql.SQL("NULL::text")
    return sql.SQL("{}::text").format(sql.Identifier(column))


def _extracted(columns: Mapping[str, str]) -> sql.Composable:
    if "_airbyte_extracted_at" not in columns:
        return sql.SQL("NULL::timestamptz")
    return sql.Identifier("_airbyte_extracted_at")


def _changed(columns: Mapping[str, str]) -> sql.Composable:
    if columns.get("_airbyte_meta") != "jsonb":
        return sql.SQL("false")
    return sql.SQL("_airbyte_meta -> 'changes' <> '[]'::jsonb")

"""Signals of pass rates, raised once each after a sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elconsole.core.events import QualitySignal
from elconsole.core.results import QualityReport, QualityRow, QualityTable
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from psycopg import Connection


def raise_signals(
    connection: Connection[Any], report: QualityReport, run_id: str, now: datetime
) -> tuple[QualitySignal, ...]:
    """The signals of a report over all data that no sync raised before, now remembered."""
    with connection.transaction():
        return tuple(
            _event(table, row, run_id, now)
            for table, row in _signalling(report.tables)
            if _is_new(connection, table, row, run_id, now)
        )


def _signalling(tables: Iterable[QualityTable]) -> Iterator[tuple[QualityTable, QualityRow]]:
    for table in tables:
        for row in table.rows:
            if row.judged == "signal" and row.signal_period is not None:
                yield table, row


def _is_new(
    connection: Connection[Any], table: QualityTable, row: QualityRow, run_id: str, now: datetime
) -> bool:
    remembered = connection.execute(
        statement("quality/raise_signal"),
        [
            table.target,
            table.dimension,
            row.value,
            # A run that goes on is no new signal every day.
            row.signal_since or row.signal_period,
            min(row.rules),
            row.signal_pass_rate,
            row.signal,
            run_id,
            now,
        ],
    )
    return remembered.fetchone() is not None


def _event(table: QualityTable, row: QualityRow, run_id: str, now: datetime) -> QualitySignal:
    return QualitySignal(
        run_id=run_id,
        at=now,
        source=table.source,
        table=table.table,
        target=table.target,
        dimension=table.dimension,
        value=row.value,
        period=row.signal_period or "",
        rule=min(row.rules),
        pass_rate=row.signal_pass_rate or 0.0,
        finding=row.signal or "",
    )

"""The facts that the advisors judge, gathered from ledger, catalogs and plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString, TypeGuard

from elconsole.advisors.facts import Facts, PastLoad, RefusedTable, TableFacts
from elconsole.config.patterns import typed
from elconsole.core.errors import EXIT_UNREACHABLE, ElconsoleError
from elconsole.core.quoting import printable_identifier
from elconsole.core.results import QualityTable
from elconsole.engine.connect.pool import Pool
from elconsole.engine.ledger.places import Place
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from psycopg import Connection

    from elconsole.config.models import Settings

SOURCE_TIMEOUT_S = 10.0
NEWEST_FIRST: LiteralString = "SET LOCAL enable_bitmapscan = off"
"""Statistics that know no table's share expect five loads of it, and would sort all of them."""


def read_facts(
    warehouse: Connection[Any],
    planned: Iterable[TableTask | Refused],
    sources: Mapping[str, Pool],
    quality: Iterable[QualityTable],
    settings: Settings,
    now: datetime,
) -> Facts:
    """Everything known now. A source that does not answer leaves its indexes unknown."""
    everything = list(planned)
    tasks = [one for one in everything if isinstance(one, TableTask)]
    loads = _read_loads(warehouse)
    raw = _read_raw_tables(warehouse, tasks)
    tables = [_table_facts(task, loads, raw) for task in tasks]
    tables = [
        replace(facts, cursor_indexed=_cursor_indexed(task, sources))
        if task.strategy == "cursor"
        else facts
        for task, facts in zip(tasks, tables, strict=True)
    ]
    return Facts(
        now=now,
        tables=tuple(tables),
        refused=tuple(_refused(one) for one in everything if _is_refused_for_good(one)),
        quality=tuple(quality),
        workers=settings.workers,
        cores=os.cpu_count() or 1,
        last_run_seconds=_last_run_seconds(warehouse),
    )


def is_unreachable(one: TableTask | Refused) -> TypeGuard[Refused]:
    """Whether its source could not be asked."""
    return isinstance(one, Refused) and one.error.exit_code == EXIT_UNREACHABLE


def _is_refused_for_good(one: TableTask | Refused) -> TypeGuard[Refused]:
    """Whether waiting won't help, as it may where a source does not answer."""
    return isinstance(one, Refused) and not one.error.retryable and not is_unreachable(one)


def _refused(one: Refused) -> RefusedTable:
    return RefusedTable(
        source=one.source,
        table=one.label,
        kind=one.error.kind,
        message=one.error.message.removeprefix(f"{one.source}.{one.label}: "),
        hint=one.error.hint,
    )


def _table_facts(
    task: TableTask,
    loads: Mapping[int, tuple[PastLoad, ...]],
    raw: Mapping[Place, tuple[int, frozenset[str]]],
) -> TableFacts:
    target = task.target
    scans, leading = raw.get(task.standing, (0, frozenset()))
    time = task.settings.quality.time if task.settings.quality else None
    names = {column.name for column in task.columns}
    return TableFacts(
        source=task.source,
        table=task.label,
        target=task.target_text,
        argument=typed(task.source, task.label),
        sql_name=_sql_name(task),
        mode=task.mode,
        strategy=task.strategy,
        primary_key=task.primary_key,
        cursor=task.settings.cursor if task.settings.strategy == "cursor" else None,
        rows=target.row_count if target else None,
        raw_scans=scans,
        time_column=time if time in names else None,
        time_indexed=time in leading,
        loads=loads.get(target.target_id, ()) if target else (),
        # Before the first load every column is new, which is no news.
        drift=task.changes if target and target.generation else (),
    )


def _sql_name(task: TableTask) -> str:
    relation = task.relation
    bare = task.label == relation.name
    return ".".join(
        map(printable_identifier, [relation.name] if bare else [relation.schema, relation.name])
    )


def _read_loads(warehouse: Connection[Any]) -> dict[int, tuple[PastLoad, ...]]:
    found: dict[int, list[PastLoad]] = {}
    with warehouse.transaction():
        warehouse.execute(NEWEST_FIRST)
        rows = warehouse.execute(statement("advice/loads")).fetchall()
    for row in rows:
        found.setdefault(row[0], []).append(
            PastLoad(
                finished_at=row[1],
                strategy=row[2],
                rows_read=row[3],
                rows_written=row[4],
                rows_deleted=row[5],
                bytes=row[6],
                extract_seconds=row[7],
                duration_seconds=row[8],
            )
        )
    return {target_id: tuple(loads) for target_id, loads in found.items()}


def _read_raw_tables(
    warehouse: Connection[Any], tasks: Iterable[TableTask]
) -> dict[Place, tuple[int, frozenset[str]]]:
    schemas = sorted({task.standing.schema for task in tasks})
    rows = warehouse.execute(statement("advice/raw_tables"), [schemas]).fetchall()
    return {
        Place(schema, name): (scans, frozenset(leading)) for schema, name, scans, leading in rows
    }


def _cursor_indexed(task: TableTask, sources: Mapping[str, Pool]) -> bool | None:
    pool = sources.get(task.source)
    if pool is None:
        return None
    try:
        with pool.session() as session, session.within(SOURCE_TIMEOUT_S):
            query = statement("advice/leading_columns")
            rows = session.execute(query, [task.relation.oid]).fetchall()
    except ElconsoleError:
        return None
    return task.settings.cursor in {row[0] for row in rows}


def _last_run_seconds(warehouse: Connection[Any]) -> float | None:
    row = warehouse.execute(
        "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM elconsole.runs"
        " WHERE status = 'succeeded' ORDER BY run_number DESC LIMIT 1"
    ).fetchone()
    return float(row[0]) if row and row[0] is not None else None

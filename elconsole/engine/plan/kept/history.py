"""`history = true`: where the versions of a table's rows are kept, and whether they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from elconsole.core.errors import PlanError, SchemaConflict, TargetTaken
from elconsole.engine.catalog.warehouse import RawColumn, RawRelation, WarehouseState
from elconsole.engine.ledger.names import NAME_BYTES, TableKey
from elconsole.engine.ledger.places import Place
from elconsole.engine.plan.drift import PlannedColumn, holds, same_type, widening
from elconsole.engine.plan.task import HistoryTable, TableTask
from elconsole.engine.sql.names import VERSION_COLUMNS

TEXT_OID = 25


def with_history(
    task: TableTask, state: WarehouseState, places: Mapping[TableKey, Place]
) -> TableTask:
    """The task with its history table, or with a note that it is kept no more.

    Raises PlanError where versions can't be told or their table can't be named, TargetTaken
    where something else has its name."""
    if not task.settings.history:
        gone = f"history: kept no more; {_place(task)} stays as it is"
        return replace(task, notes=(*task.notes, gone))
    _check_key(task)
    _check_name(task, places)
    stands = task.standing.history
    relation = state.relations.get(stands)
    columns = state.columns.get(relation.oid, {}) if relation else {}
    _check_ours(task, relation, columns)
    if task.moved_from and state.relations.get(task.target_place.history):
        raise TargetTaken(
            f"{task.source}.{task.label}: its history can't become {_place(task)}, where"
            " something stands; both were left alone",
            hint="rename or drop it, or set another target",
        )
    history = HistoryTable(
        name=stands.name,
        oid=relation.oid if relation else None,
        columns=columns,
        key=_key(task, relation),
        is_indexed=bool(relation and relation.leaf_key),
        in_step=relation is not None and _is_in_step(task),
    )
    return replace(task, history=history, notes=(*task.notes, *_notes(task, history)))


def _place(task: TableTask) -> str:
    return task.target_place.history.text


def _check_key(task: TableTask) -> None:
    where = f"{task.source}.{task.label}"
    if not task.primary_key:
        raise PlanError(
            f"{where} has no primary key, so history = true can't tell its rows apart",
            hint=f"set primary_key for {where} in settings"
            " (columns that are unique and not NULL), or history = false",
        )
    for column in task.columns:
        if column.name in VERSION_COLUMNS:
            raise PlanError(
                f"{where}: the column {column.name} has a name that histories keep for themselves",
                hint=f'exclude it: exclude_columns = ["{column.name}"]',
            )


def _check_name(task: TableTask, places: Mapping[TableKey, Place]) -> None:
    where, name = f"{task.source}.{task.label}", task.target_place.history.name
    rename = f'set target = "…" for {where}, or history = false'
    if len(name.encode()) > NAME_BYTES:
        raise PlanError(
            f"{where}: the history's name {name} is longer than PostgreSQL's {NAME_BYTES} bytes",
            hint=rename,
        )
    for (source, schema, table), taken in places.items():
        # One that came after the history was made is refused itself.
        if taken == task.target_place.history and not _was_made(task):
            raise PlanError(
                f"{where}: its history would be {_place(task)}, which is the raw table of"
                f" {source}.{schema}.{table}",
                hint=rename,
            )


def _was_made(task: TableTask) -> bool:
    return task.target is not None and task.target.history_run_id is not None


def _check_ours(
    task: TableTask, relation: RawRelation | None, columns: Mapping[str, RawColumn]
) -> None:
    if relation is None:
        return
    where = f"{task.source}.{task.label}"
    if not _was_made(task) or relation.kind != "r":
        raise TargetTaken(
            f"{where}: {_place(task)} stands where its history belongs, and elconsole did not make"
            " it; it was left alone",
            hint=f'rename or drop it, set target = "…" for {where}, or history = false',
        )
    missing = [name for name in VERSION_COLUMNS if name not in columns]
    if missing:
        raise SchemaConflict(
            f"{where}: {_place(task)} has no column {missing[0]}",
            hint="rename or drop the table: the next sync begins a new one",
        )


def _key(task: TableTask, relation: RawRelation | None) -> tuple[str, ...]:
    """By which its versions are told apart now; without its index, as the raw table's rows."""
    found = relation and relation.leaf_key
    return tuple(found or (task.parent and task.parent.leaf_key) or task.primary_key)


def _is_in_step(task: TableTask) -> bool:
    mark, target = task.watermark, task.target
    if task.parent is None or mark is None or target is None:
        return False
    return target.history_run_id == mark.run_id


def stored_type(history: HistoryTable, column: PlannedColumn) -> str:
    """SQL of the type that a column has in the history once the sync is done: one that holds
    the values of both the source and the versions so far; text where there is none other."""
    raw = history.columns.get(column.name)
    if raw is None or same_type(column.type, raw) or widening(raw, column.type) != "conflict":
        return column.type.type_sql
    return raw.type_text if raw.type_oid == TEXT_OID or holds(raw, column.type) else "text"


def _notes(task: TableTask, history: HistoryTable) -> list[str]:
    notes = []
    if history.oid is None:
        notes.append(f"history: versions are kept from now on, in {_place(task)}")
    elif set(history.key) != set(task.primary_key):
        notes.append("history: the primary key changed, so all versions end and new ones begin")
    if task.mode == "incremental" and task.settings.deletes == "ignore":
        notes.append(
            "history: a row gone from the source is seen by full refreshes only;"
            ' deletes = "mark" or "sweep" sees it at once'
        )
    for column in task.columns:
        raw = history.columns.get(column.name)
        if raw and raw.type_oid != TEXT_OID and stored_type(history, column) == "text":
            was = f"{raw.type_text} and {column.type.type_sql}"
            notes.append(f"history: {column.name} becomes text there, to hold {was}")
    kept = sorted(task.hashed_anew & history.columns.keys())
    if kept:
        notes.append(f"history: earlier values of {', '.join(kept)} stay in {_place(task)}")
    return notes

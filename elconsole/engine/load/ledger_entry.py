"""What the ledger keeps of a published table."""

from __future__ import annotations

import psycopg

from elconsole.engine.extract.snapshot import Snapshot
from elconsole.engine.ledger.names import spell
from elconsole.engine.load.context import LoadContext, LoadResult
from elconsole.engine.plan.task import known_target
from elconsole.engine.sql.statements import statement


def table_entry(context: LoadContext, snapshot: Snapshot, result: LoadResult) -> str:
    """SQL that writes watermark, target and table run: part of the publishing transaction."""
    task = context.task
    target = known_target(task)
    cursor = task.settings.cursor if task.settings.strategy == "cursor" else None
    system_identifier, timeline = snapshot.identity or (None, None)
    bind = psycopg.ClientCursor(context.warehouse).mogrify
    watermark = bind(
        statement("ledger/record_watermark"),
        {
            "target_id": target.target_id,
            "run_id": context.run_id,
            "extracted_at": snapshot.taken_at,
            "snapshot": snapshot.text,
            "snapshot_xmin": snapshot.xmin,
            "cursor_column": cursor,
            "cursor_value": snapshot.cursor_value,
            "source_oid": task.relation.oid,
            "partition_oids": list(snapshot.partition_oids),
            "system_identifier": system_identifier,
            "timeline": timeline,
            "selection": task.choice,
            "source_columns": [column.name for column in task.columns],
            "source_numbers": [column.number for column in task.columns],
        },
    )
    moved = bind(
        "UPDATE elconsole.targets SET generation = %s, row_count = %s,"
        " last_synced_at = pg_catalog.clock_timestamp(),"
        " content_run_id = CASE WHEN %s THEN %s::uuid ELSE content_run_id END,"
        " units_version = CASE WHEN %s THEN %s ELSE units_version END"
        " WHERE target_id = %s",
        [
            result.generation,
            result.row_count,
            result.changed,
            context.run_id,
            result.changed and bool(result.quality_flags),
            context.quality and context.quality.of_content(context.run_id).stored_version,
            target.target_id,
        ],
    )
    entry = bind(
        statement("ledger/record_table_run"),
        {
            "run_id": context.run_id,
            "target_id": target.target_id,
            "source": task.source,
            "table_name": task.label,
            "strategy": result.strategy,
            "records_extracted": result.rows_read,
            "records_loaded": result.rows_written,
            "records_deleted": result.rows_deleted,
            "bytes": result.bytes,
            "generation": result.generation,
            "extract_seconds": result.extract_seconds,
            "duration_seconds": result.duration_seconds,
            "attempts": context.attempt,
            "notes": [spell(note, context.warehouse.encoding) for note in task.notes],
        },
    )
    statements = [watermark, moved, entry]
    if target.place != task.target_place:
        place = {"schema": task.target_schema, "name": task.target_name}
        old = {"old_schema": target.place.schema, "old_name": target.place.name}
        known = {**place, **old, "target_id": target.target_id}
        statements.append(bind(statement("ledger/move_target"), known))
    return ";".join(statements)

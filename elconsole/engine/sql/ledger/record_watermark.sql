INSERT INTO elconsole.watermarks AS w (
  target_id, run_id, extracted_at, snapshot, snapshot_xmin, cursor_column, cursor_value,
  source_oid, leaf_oids, system_identifier, timeline, selection, source_columns,
  source_numbers
) VALUES (
  %(target_id)s, %(run_id)s, %(extracted_at)s, %(snapshot)s, %(snapshot_xmin)s,
  %(cursor_column)s, %(cursor_value)s, %(source_oid)s, %(partition_oids)s::bigint[],
  %(system_identifier)s, %(timeline)s, %(selection)s, %(source_columns)s::text[],
  %(source_numbers)s::integer[]
)
ON CONFLICT (target_id) DO UPDATE SET
  run_id = excluded.run_id,
  extracted_at = excluded.extracted_at,
  snapshot = excluded.snapshot,
  snapshot_xmin = excluded.snapshot_xmin,
  cursor_column = excluded.cursor_column,
  cursor_value = excluded.cursor_value,
  source_oid = excluded.source_oid,
  leaf_oids = excluded.leaf_oids,
  system_identifier = excluded.system_identifier,
  timeline = excluded.timeline,
  selection = excluded.selection,
  source_columns = excluded.source_columns,
  source_numbers = excluded.source_numbers,
  updated_at = pg_catalog.clock_timestamp()

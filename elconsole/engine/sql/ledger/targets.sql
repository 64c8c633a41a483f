-- What the ledger knows of every target, whichever settings feed it. A ledger that no sync has
-- migrated yet has no home_schema.
SELECT t.target_id, coalesce(pg_catalog.to_jsonb(t) ->> 'home_schema', t.target_schema),
       t.source, t.source_schema, t.source_table, t.target_schema, t.target_table, t.generation,
       t.row_count, t.analyzed_rows, t.last_synced_at,
       t.content_run_id::text, t.units_passed, t.units_failed,
       t.units_version,
       w.snapshot, w.snapshot_xmin, w.extracted_at, w.cursor_column, w.cursor_value,
       w.source_oid, w.leaf_oids, w.system_identifier, w.timeline, w.selection,
       w.source_columns, w.source_numbers, w.run_id::text
  FROM elconsole.targets t
  LEFT JOIN elconsole.watermarks w USING (target_id)

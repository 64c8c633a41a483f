-- The tables of the runs in $1, in their order.
SELECT run_id::text, source, table_name, target, mode, strategy, status, records_extracted,
       records_loaded, records_deleted, bytes, rows_estimated, started_at, finished_at,
       CASE WHEN status = 'running'
            THEN extract(epoch FROM pg_catalog.clock_timestamp() - started_at)::float8
            ELSE duration_seconds END,
       attempts, schema_changes, notes, error_kind, error_message, error_hint, error_sqlstate,
       extract_seconds, load_seconds, source_schema, source_address
  FROM elconsole.table_runs
 WHERE run_id = ANY (%s::uuid[])
 ORDER BY run_id, position

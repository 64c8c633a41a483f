-- The tables of the runs in $1, in their order; a ledger that is to be migrated lacks columns.
SELECT run_id::text, source, table_name, target, mode, strategy, status, records_extracted,
       records_loaded, records_deleted,
       coalesce((pg_catalog.to_jsonb(t) ->> 'records_marked')::bigint, 0),
       coalesce((pg_catalog.to_jsonb(t) ->> 'versions')::bigint, 0), bytes, rows_estimated, started_at, finished_at,
       CASE WHEN status = 'running'
            THEN extract(epoch FROM pg_catalog.clock_timestamp() - started_at)::float8
            ELSE duration_seconds END,
       attempts, schema_changes, notes, error_kind, error_message, error_hint, error_sqlstate,
       extract_seconds, (pg_catalog.to_jsonb(t) ->> 'load_seconds')::float8,
       pg_catalog.to_jsonb(t) ->> 'source_schema', pg_catalog.to_jsonb(t) ->> 'source_address'
  FROM elconsole.table_runs t
 WHERE run_id = ANY (%s::uuid[])
 ORDER BY run_id, position

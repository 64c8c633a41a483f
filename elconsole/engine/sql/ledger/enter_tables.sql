-- The tables of a run as they are planned, in their order.
INSERT INTO elconsole.table_runs (
  run_id, source, table_name, position, target, target_id, mode, strategy, status,
  rows_estimated, schema_changes, notes, error_kind, error_message, error_hint, error_sqlstate,
  finished_at, source_schema, source_address
)
SELECT %(run_id)s, p.source, p.table_name, p.position - 1, p.target, k.target_id, p.mode,
       p.strategy, p.status, p.rows_estimated, p.schema_changes,
       ARRAY(SELECT pg_catalog.jsonb_array_elements_text(p.notes)), p.error_kind, p.error_message,
       p.error_hint, p.error_sqlstate, p.finished_at, p.source_schema, p.source_address
  FROM unnest(%(sources)s::text[], %(tables)s::text[], %(targets)s::text[], %(modes)s::text[],
              %(strategies)s::text[], %(statuses)s::text[], %(estimates)s::bigint[],
              %(changes)s::jsonb[], %(notes)s::jsonb[], %(kinds)s::text[], %(messages)s::text[],
              %(hints)s::text[], %(sqlstates)s::text[], %(finished)s::timestamptz[],
              %(schemas)s::text[], %(addresses)s::text[])
       WITH ORDINALITY
       AS p (source, table_name, target, mode, strategy, status, rows_estimated, schema_changes,
             notes, error_kind, error_message, error_hint, error_sqlstate, finished_at,
             source_schema, source_address, position)
  LEFT JOIN elconsole.targets k
    ON k.source = p.source AND k.target_schema || '.' || k.target_table = p.target

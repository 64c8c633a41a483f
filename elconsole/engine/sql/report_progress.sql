-- Refresh the running tables of a run: one statement however many there are.
UPDATE elconsole.table_runs t
   SET status = p.status,
       records_extracted = p.records_extracted,
       bytes = p.bytes,
       attempts = p.attempts,
       strategy = p.strategy,
       started_at = coalesce(t.started_at, p.started_at)
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::int[],
              %s::timestamptz[], %s::text[])
       AS p (source, table_name, status, records_extracted, bytes, attempts, started_at, strategy)
 WHERE t.run_id = %s
   AND t.source = p.source
   AND t.table_name = p.table_name
   AND t.status IN ('pending', 'running')

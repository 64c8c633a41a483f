-- Write what became of a run's tables since the last report, and tell whoever listens: one
-- statement however many there are. A table that published wrote its own end. Selects who asked
-- the run to stop, if anybody did.
WITH reported AS (
  UPDATE elconsole.table_runs t
     SET status = p.status,
         records_extracted = p.records_extracted,
         bytes = p.bytes,
         attempts = p.attempts,
         strategy = p.strategy,
         started_at = coalesce(t.started_at, p.started_at),
         finished_at = CASE WHEN p.status <> 'running' THEN pg_catalog.clock_timestamp() END,
         duration_seconds = p.duration_seconds,
         error_kind = p.error_kind,
         error_message = p.error_message,
         error_hint = p.error_hint,
         error_sqlstate = p.error_sqlstate
    FROM unnest(%(sources)s::text[], %(tables)s::text[], %(statuses)s::text[],
                %(records)s::bigint[], %(bytes)s::bigint[], %(attempts)s::int[],
                %(strategies)s::text[], %(started)s::timestamptz[], %(durations)s::float8[],
                %(kinds)s::text[], %(messages)s::text[], %(hints)s::text[], %(sqlstates)s::text[])
         AS p (source, table_name, status, records_extracted, bytes, attempts, strategy,
               started_at, duration_seconds, error_kind, error_message, error_hint, error_sqlstate)
   WHERE t.run_id = %(run_id)s
     AND t.source = p.source
     AND t.table_name = p.table_name
     AND CASE WHEN p.status = 'running' THEN t.status IN ('pending', 'running')
              ELSE t.status <> 'succeeded' END
)
SELECT coalesce(cancel_requested_by, ''), pg_catalog.pg_notify(%(channel)s, %(run_id)s::text)
  FROM (VALUES (true)) AS one (row)
  LEFT JOIN elconsole.runs ON run_id = %(run_id)s AND cancel_requested_at IS NOT NULL

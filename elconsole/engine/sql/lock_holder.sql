-- The other run that works on a target.
SELECT r.run_number, r.host, r.pid,
       extract(epoch FROM clock_timestamp() - r.started_at)::int8
  FROM elconsole.table_runs t
  JOIN elconsole.runs r USING (run_id)
 WHERE t.run_id <> %s AND t.target_id = %s AND t.status = 'running' AND r.status = 'running'
 ORDER BY t.started_at DESC
 LIMIT 1

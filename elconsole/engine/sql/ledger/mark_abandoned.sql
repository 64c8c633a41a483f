-- Close the books of runs whose process died, as of when they were last heard of: nobody
-- who could have entered them holds their lock.
WITH dead AS (
  UPDATE elconsole.runs r
     SET status = 'abandoned',
         finished_at = (
           SELECT greatest(r.started_at, pg_catalog.max(t.started_at), pg_catalog.max(t.finished_at))
             FROM elconsole.table_runs t
            WHERE t.run_id = r.run_id)
   WHERE r.status = 'running'
     AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_locks l
            JOIN pg_catalog.pg_stat_get_activity(l.pid) a
              ON pg_catalog.has_table_privilege(a.usesysid, 'elconsole.runs'::regclass, 'INSERT')
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
              AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
              AND l.classid = %s AND l.objid = (r.run_number %% 2147483647))
  RETURNING r.run_id, r.finished_at
), orphans AS (
  UPDATE elconsole.table_runs t
     SET status = 'failed', finished_at = dead.finished_at,
         duration_seconds = coalesce(extract(epoch FROM dead.finished_at - t.started_at), 0),
         error_kind = %s, error_message = %s, error_hint = %s
    FROM dead
   WHERE t.run_id = dead.run_id AND t.status IN ('pending', 'running')
     AND t.run_id = ANY (ARRAY(SELECT run_id FROM dead))  -- an index's, whatever the planner expects
)
SELECT pg_catalog.count(*) FROM dead

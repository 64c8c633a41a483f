-- Close the books of runs whose process died, as of when they were last heard of: nobody
-- holds their lock.
WITH dead AS (
  UPDATE elconsole.runs r
     SET status = 'abandoned',
         finished_at = (
           SELECT greatest(r.started_at, max(t.started_at), max(t.finished_at))
             FROM elconsole.table_runs t
            WHERE t.run_id = r.run_id)
   WHERE r.status = 'running'
     AND NOT EXISTS (
           SELECT FROM pg_locks l
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND l.classid = %s AND l.objid = (r.run_number %% 2147483647))
  RETURNING r.run_id, r.finished_at
), orphans AS (
  UPDATE elconsole.table_runs t
     SET status = 'failed', finished_at = dead.finished_at,
         error_kind = 'abandoned',
         error_message = 'the process that ran this sync died',
         error_hint = 'nothing was half-loaded; sync again'
    FROM dead
   WHERE t.run_id = dead.run_id AND t.status IN ('pending', 'running')
)
SELECT count(*) FROM dead

-- The other run that works on a target, while its process lives.
SELECT r.run_number, r.host, r.pid,
       extract(epoch FROM pg_catalog.clock_timestamp() - r.started_at)::int8
  FROM elconsole.runs r
 CROSS JOIN LATERAL (
         SELECT target_id, status, started_at FROM elconsole.table_runs WHERE run_id = r.run_id
         OFFSET 0  -- reads the tables of living runs, not all that happened to the target
       ) t
 WHERE r.run_id <> %s AND t.target_id = %s AND t.status IN ('pending', 'running')
   AND r.status = 'running'
   AND EXISTS (
         SELECT FROM pg_catalog.pg_locks l
          JOIN pg_catalog.pg_stat_get_activity(l.pid) a
            ON pg_catalog.has_table_privilege(a.usesysid, 'elconsole.runs'::regclass, 'INSERT')
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            AND l.classid = %s AND l.objid = (r.run_number %% 2147483647))
 ORDER BY t.status DESC, t.started_at DESC NULLS LAST
 LIMIT 1

-- Runs, newest first; one whose process died is abandoned whatever its row says.
SELECT r.run_id::text AS run_id,
       r.run_number,
       CASE WHEN r.status = 'running' AND NOT EXISTS (
              SELECT FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND l.classid = {lock_class} AND l.objid = (r.run_number %% 2147483647)
            ) THEN 'abandoned' ELSE r.status END AS status,
       r.mode, r.host, r.pid, r.user_name AS "user", r.started_at, r.finished_at,
       extract(epoch FROM coalesce(r.finished_at, clock_timestamp()) - r.started_at)::float8
         AS duration_seconds,
       coalesce(t.records_extracted, r.records_extracted)::int8 AS records_extracted,
       coalesce(t.records_loaded, r.records_loaded)::int8 AS records_loaded,
       coalesce(t.bytes, r.bytes)::int8 AS bytes,
       r.tables_total,
       coalesce(t.tables_failed, r.tables_failed)::int4 AS tables_failed
  FROM elconsole.runs r
  LEFT JOIN LATERAL (
         SELECT sum(records_extracted) AS records_extracted, sum(records_loaded) AS records_loaded,
                sum(bytes) AS bytes,
                count(*) FILTER (WHERE status IN ('failed', 'locked')) AS tables_failed
           FROM elconsole.table_runs WHERE run_id = r.run_id
       ) t ON r.status IN ('running', 'abandoned')
 WHERE {condition}
 ORDER BY r.run_number DESC
 LIMIT {limit}

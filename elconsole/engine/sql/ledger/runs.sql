-- Runs, newest first; one whose process died is abandoned whatever its row says, as of when
-- it was last heard of. A lock tells of a run only in the hands of a role that can enter one.
SELECT r.run_id::text AS run_id,
       r.run_number,
       CASE WHEN l.dead THEN 'abandoned' ELSE r.status END AS status,
       r.mode, r.host, r.pid, r.user_name AS "user", r.started_at, e.finished_at,
       extract(epoch FROM coalesce(e.finished_at, pg_catalog.clock_timestamp()) - r.started_at)::float8
         AS duration_seconds,
       coalesce(t.rows_read, r.records_extracted)::int8 AS rows_read,
       coalesce(t.rows_written, r.records_loaded)::int8 AS rows_written,
       coalesce(t.bytes, r.bytes)::int8 AS bytes,
       r.tables_total,
       coalesce(t.tables_failed, r.tables_failed)::int4 AS tables_failed,
       -- The ledger of an older elconsole has no such columns.
       coalesce(pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'backfill', '') AS backfill,
       CASE r.status WHEN 'cancelled' THEN
         coalesce(pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'cancel_requested_by', '')
         ELSE '' END AS cancelled_by
  FROM elconsole.runs r
 CROSS JOIN LATERAL (
         SELECT r.status = 'running' AND NOT EXISTS (
                  SELECT FROM pg_catalog.pg_locks l
                   JOIN pg_catalog.pg_stat_get_activity(l.pid) a
                     ON pg_catalog.has_table_privilege(a.usesysid, 'elconsole.runs'::regclass, 'INSERT')
                   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                     AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                        WHERE datname = pg_catalog.current_database())
                     AND l.classid = {lock_class} AND l.objid = (r.run_number %% 2147483647)
                ) AS dead
        OFFSET 0  -- asks for the locks once a run
       ) l
  LEFT JOIN LATERAL (
         SELECT pg_catalog.sum(records_extracted) AS rows_read, pg_catalog.sum(records_loaded) AS rows_written,
                pg_catalog.sum(bytes) AS bytes,
                pg_catalog.count(*) FILTER (WHERE status IN ('failed', 'locked')
                                    OR l.dead AND status IN ('pending', 'running'))
                  AS tables_failed,
                greatest(pg_catalog.max(started_at), pg_catalog.max(finished_at)) AS heard_of_at
           FROM elconsole.table_runs WHERE run_id = r.run_id
       ) t ON r.status IN ('running', 'abandoned')
 CROSS JOIN LATERAL (
         SELECT CASE WHEN l.dead THEN greatest(r.started_at, t.heard_of_at)
                     ELSE r.finished_at END AS finished_at
       ) e
 WHERE {condition}
 ORDER BY r.run_number DESC
 LIMIT {limit}

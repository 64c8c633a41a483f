-- The last 20 successful loads of every table, newest first.
SELECT t.target_id, l.finished_at, l.strategy, l.records_extracted, l.records_loaded,
       l.records_deleted, l.bytes, coalesce(l.extract_seconds, 0)::float8,
       l.duration_seconds::float8
  FROM elconsole.targets t
 CROSS JOIN LATERAL (
         SELECT *
           FROM elconsole.table_runs
          WHERE target_id = t.target_id AND status = 'succeeded' AND finished_at IS NOT NULL
          ORDER BY finished_at DESC
          LIMIT 20
       ) l
 ORDER BY t.target_id, l.finished_at DESC

-- The last 20 successful loads of every table, newest first.
SELECT target_id, finished_at, strategy, records_extracted, records_loaded, records_deleted,
       bytes, coalesce(extract_seconds, 0)::float8, duration_seconds::float8
FROM (
    SELECT *, pg_catalog.row_number() OVER (PARTITION BY target_id ORDER BY finished_at DESC) AS place
    FROM elconsole.table_runs
    WHERE status = 'succeeded' AND target_id IS NOT NULL AND finished_at IS NOT NULL
) AS loads
WHERE place <= 20
ORDER BY target_id, finished_at DESC

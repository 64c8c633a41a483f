-- The runs that ended longer ago, by the server's clock, than runs are kept; the oldest first.
-- None that a raw table's rows or watermark are of.
SELECT r.run_id, r.started_at, r.tables_total
  FROM elconsole.runs r
 WHERE r.started_at < pg_catalog.statement_timestamp() - pg_catalog.make_interval(secs => %(keep_s)s)
   AND r.finished_at < pg_catalog.statement_timestamp() - pg_catalog.make_interval(secs => %(keep_s)s)
   AND r.run_id NOT IN (
         SELECT content_run_id FROM elconsole.targets WHERE content_run_id IS NOT NULL
          UNION ALL
         SELECT run_id FROM elconsole.watermarks)
 ORDER BY r.started_at

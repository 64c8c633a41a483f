-- When the run began that last synced each table of the target schema $1, backfills aside.
SELECT t.source, t.source_schema, t.source_table, s.started_at
  FROM elconsole.targets t
 CROSS JOIN LATERAL (
         SELECT r.started_at
           FROM elconsole.table_runs x
           JOIN elconsole.runs r ON r.run_id = x.run_id
          WHERE x.target_id = t.target_id AND x.status = 'succeeded'
            -- The ledger of an older elconsole has no such column.
            AND pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'backfill' IS NULL
          ORDER BY x.finished_at DESC
          LIMIT 1
       ) s
 WHERE coalesce(pg_catalog.to_jsonb(t) OPERATOR(pg_catalog.->>) 'home_schema', t.target_schema)
       OPERATOR(pg_catalog.=) %s

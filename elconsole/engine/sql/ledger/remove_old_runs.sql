-- Remove the oldest of the old runs: as many as have so many tables together, but one at least.
-- Those that somebody else is removing are left to them.
WITH old AS (
  {old} LIMIT %(runs)s FOR UPDATE OF r SKIP LOCKED
), counted AS (
  SELECT run_id, tables_total,
         pg_catalog.sum(tables_total) OVER (ORDER BY started_at, run_id) AS tables_up_to
    FROM old
)
DELETE FROM elconsole.runs r
 USING counted c
 WHERE r.run_id = c.run_id AND (c.tables_up_to <= %(tables)s OR c.tables_up_to = c.tables_total)

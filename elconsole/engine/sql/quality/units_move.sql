-- Add the staged differences to the daily counts, unless the newest unit may have left: how
-- new the next one is, only a scan can tell. Equality of the coalesced values lets the
-- planner hash; the comparison beside it tells NULL from what stands for it.
WITH newest AS (
    SELECT pg_catalog.max(newest) FILTER (WHERE NOT arrived) AS lost, pg_catalog.max(newest) FILTER (WHERE arrived) AS won
    FROM pg_temp.elconsole_units
), sound AS (
    SELECT lost IS NULL OR won >= lost OR lost < (
        SELECT pg_catalog.max(newest) FROM elconsole.quality_daily
        WHERE target_schema = {schema} AND target_table = {table}
    ) AS holds
    FROM newest
), moved AS MATERIALIZED (
    SELECT period, values, defect, pg_catalog.sum(inspected)::bigint AS inspected,
           pg_catalog.sum(passed)::bigint AS passed, pg_catalog.max(newest) FILTER (WHERE arrived) AS newest,
           pg_catalog.max(extracted) FILTER (WHERE arrived) AS extracted, pg_catalog.sum(changed)::bigint AS changed
    FROM pg_temp.elconsole_units
    WHERE (SELECT holds FROM sound)
    GROUP BY period, values, defect
), known AS (
    UPDATE elconsole.quality_daily AS daily
    SET inspected = daily.inspected + moved.inspected,
        passed = daily.passed + moved.passed,
        newest = greatest(daily.newest, moved.newest),
        extracted = greatest(daily.extracted, moved.extracted),
        changed = daily.changed + moved.changed
    FROM moved
    WHERE daily.target_schema = {schema} AND daily.target_table = {table}
      AND daily.values = moved.values
      AND coalesce(daily.period, '-infinity') = coalesce(moved.period, '-infinity')
      AND daily.period IS NOT DISTINCT FROM moved.period
      AND coalesce(daily.defect, '') = coalesce(moved.defect, '')
      AND daily.defect IS NOT DISTINCT FROM moved.defect
    RETURNING moved.period, moved.values, moved.defect
), fresh AS (
    INSERT INTO elconsole.quality_daily
        (target_schema, target_table, period, values, defect, inspected, passed, newest,
         extracted, changed)
    SELECT {schema}, {table}, moved.period, moved.values, moved.defect, moved.inspected,
           moved.passed, moved.newest, moved.extracted, moved.changed
    FROM moved
    LEFT JOIN known
      ON known.values = moved.values
     AND coalesce(known.period, '-infinity') = coalesce(moved.period, '-infinity')
     AND known.period IS NOT DISTINCT FROM moved.period
     AND coalesce(known.defect, '') = coalesce(moved.defect, '')
     AND known.defect IS NOT DISTINCT FROM moved.defect
    WHERE known.values IS NULL AND moved.inspected > 0
)
UPDATE elconsole.targets AS target
SET units_passed = target.units_passed + total.passed,
    units_failed = target.units_failed + total.inspected - total.passed
FROM (SELECT coalesce(pg_catalog.sum(inspected), 0)::bigint AS inspected,
             coalesce(pg_catalog.sum(passed), 0)::bigint AS passed FROM moved) AS total
WHERE (SELECT holds FROM sound)
  AND target.target_schema = {schema} AND target.target_table = {table}
RETURNING target.units_passed, target.units_failed

-- Units of every combination of period, dimension values, status and defect, in one scan
-- that parallel workers can share (grouping sets could not). Whether a status passed is
-- asked once a combination, not once a row.
--
-- The empty branch of the UNION ALL hides from the planner that `period` is made of a
-- column with as many values as rows: expecting as many groups, it would sort the whole
-- table, or leave the workers nothing to aggregate.
WITH grouped AS (
    SELECT period, {names}, status, defect,
           pg_catalog.count(*) AS inspected, pg_catalog.max(newest) AS newest, pg_catalog.max(extracted) AS extracted,
           pg_catalog.count(*) FILTER (WHERE changed) AS changed
    FROM (
        SELECT {period} AS period, {dimensions}, {status}::text AS status, {defect} AS defect,
               {time} AS newest, {extracted} AS extracted, {changed} AS changed
        FROM {table} WHERE {there}
        UNION ALL
        SELECT {period} AS period, {dimensions}, {status}::text AS status, {defect} AS defect,
               {time} AS newest, {extracted} AS extracted, {changed} AS changed
        FROM {table} WHERE false
    ) AS units
    GROUP BY period, {names}, status, defect
)
SELECT period, values, defect, pg_catalog.sum(inspected)::bigint AS inspected,
       pg_catalog.sum(passed)::bigint AS passed, pg_catalog.max(newest) AS newest, pg_catalog.max(extracted) AS extracted,
       pg_catalog.sum(changed)::bigint AS changed
FROM (
    SELECT period, ARRAY[{values}]::text[] AS values,
           CASE WHEN {passed} THEN NULL ELSE defect END AS defect,
           inspected, CASE WHEN {passed} THEN inspected ELSE 0 END AS passed,
           newest, extracted, changed
    FROM grouped
) AS combinations
GROUP BY period, values, defect

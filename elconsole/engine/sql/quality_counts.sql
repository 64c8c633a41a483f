-- Units of every combination of dimension values, period and defect, in one scan that
-- parallel workers can share (grouping sets could not).
SELECT period, ARRAY[{values}]::text[] AS values, defect,
       inspected, passed, newest, extracted, changed
FROM (
    SELECT {period} AS period,
           {dimensions},
           CASE WHEN {passed} THEN NULL ELSE {defect} END AS defect,
           count(*) AS inspected,
           count(*) FILTER (WHERE {passed}) AS passed,
           max({time}) AS newest,
           max({extracted}) AS extracted,
           count(*) FILTER (WHERE {changed}) AS changed
    FROM {table}
    GROUP BY {groups}
) AS grouped

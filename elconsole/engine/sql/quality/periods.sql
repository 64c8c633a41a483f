-- The combinations of one table, summed for each dimension on its own.
SELECT dimension.place::int, dimension.value,
       {label} AS label,
       {position} AS position,
       counts.defect,
       sum(counts.inspected)::bigint, sum(counts.passed)::bigint,
       extract(epoch FROM max(counts.newest))::float8,
       extract(epoch FROM max(counts.extracted))::float8,
       sum(counts.changed)::bigint
FROM ({counts}) AS counts
CROSS JOIN LATERAL unnest(counts.values) WITH ORDINALITY AS dimension (value, place)
GROUP BY dimension.place, dimension.value, counts.period, counts.defect

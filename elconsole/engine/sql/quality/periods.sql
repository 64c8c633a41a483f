-- The combinations of one table, summed for each dimension on its own.
SELECT dimension.place::int, dimension.value,
       {label} AS label,
       {position} AS position,
       counts.defect,
       pg_catalog.sum(counts.inspected)::bigint, pg_catalog.sum(counts.passed)::bigint,
       extract(epoch FROM pg_catalog.max(counts.newest))::float8,
       extract(epoch FROM pg_catalog.max(counts.extracted))::float8,
       pg_catalog.sum(counts.changed)::bigint
FROM ({counts}) AS counts
CROSS JOIN LATERAL pg_catalog.unnest(counts.values) WITH ORDINALITY AS dimension (value, place)
GROUP BY dimension.place, dimension.value, counts.period, counts.defect

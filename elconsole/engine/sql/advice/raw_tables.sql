-- Per table of the target schemas $1: scans of its leaves, and the columns its indexes begin with.
SELECT n.nspname, p.relname,
       coalesce(pg_catalog.sum(s.seq_scan), 0)::int8,
       coalesce(pg_catalog.array_agg(DISTINCT a.attname::text) FILTER (WHERE a.attname IS NOT NULL), '{}')
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_class AS p ON p.relnamespace = n.oid
JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.oid
LEFT JOIN pg_catalog.pg_stat_user_tables AS s ON s.relid = i.inhrelid
LEFT JOIN pg_catalog.pg_index AS x ON x.indrelid = p.oid
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.oid AND a.attnum = x.indkey[0]
WHERE n.nspname = ANY (%s::name[]) AND p.relkind = 'p'
GROUP BY p.oid, n.nspname, p.relname

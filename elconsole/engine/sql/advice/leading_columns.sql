-- The columns with which a source table's usable indexes begin.
SELECT DISTINCT a.attname
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
WHERE x.indrelid = %s::oid AND x.indisvalid AND x.indpred IS NULL

-- The columns of each unique index of the relations in $1 that leaves out no row.
SELECT i.indrelid::int8,
       (SELECT pg_catalog.array_agg(a.attname::text)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))
  FROM pg_catalog.pg_index i
 WHERE i.indrelid = ANY (%s::oid[])
   AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
   AND i.indpred IS NULL AND i.indexprs IS NULL

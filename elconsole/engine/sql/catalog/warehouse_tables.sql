-- The relations of the target schemas $1 and, of those in our layout, the one leaf; what a role
-- that is not trusted has to do with them.
WITH trusted (oid) AS MATERIALIZED ({trusted})
SELECT c.oid::int8 AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relkind = 'p' AND pg_catalog.pg_get_partkeydef(c.oid) = 'LIST (_airbyte_generation_id)'
         AS is_ours,
       c.relnatts::int4 AS numbers_used,
       leaf.oid::int8 AS leaf_oid,
       leaf.relname AS leaf_name,
       CASE c.relkind WHEN 'p' THEN
         (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
            FROM pg_catalog.pg_constraint k
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
           WHERE k.conrelid = leaf.oid AND k.contype = 'p')
       WHEN 'r' THEN
         (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
            FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
           WHERE i.indrelid = c.oid AND i.indisunique
             AND pg_catalog.pg_get_expr(i.indpred, c.oid) = '(_elconsole_valid_to IS NULL)')
       END AS leaf_key,
       (SELECT pg_catalog.min(other.inhrelid::regclass::text)
          FROM pg_catalog.pg_inherits other
         WHERE other.inhparent = c.oid AND c.relkind = 'p'
           AND other.inhrelid IS DISTINCT FROM leaf.oid) AS other_partition,
       CASE WHEN c.relowner <> ALL (ARRAY(SELECT oid FROM trusted))
            THEN pg_catalog.pg_get_userbyid(c.relowner)::text
            WHEN leaf.relowner <> ALL (ARRAY(SELECT oid FROM trusted))
            THEN pg_catalog.pg_get_userbyid(leaf.relowner)::text
       END AS stranger,
       c.relkind = 'p' AND (c.relhastriggers OR coalesce(leaf.relhastriggers, false)
                            OR leaf.relacl IS NOT NULL)
         OR c.relkind = 'r' AND c.relhastriggers AS may_run_code
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
  LEFT JOIN (pg_catalog.pg_inherits i
             JOIN pg_catalog.pg_class leaf
               ON leaf.oid = i.inhrelid
              AND leaf.relnamespace = pg_catalog.to_regnamespace('elconsole_storage'))
    ON i.inhparent = c.oid AND c.relkind = 'p'
 WHERE n.nspname = ANY (%s::name[])
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I')

-- The relations of the target schema $1 and, of those in our layout, the one leaf.
SELECT c.oid::int8 AS oid,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relkind = 'p' AND pg_get_partkeydef(c.oid) = 'LIST (_airbyte_generation_id)'
         AS is_ours,
       leaf.oid::int8 AS leaf_oid,
       leaf.relname AS leaf_name
  FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhparent = c.oid AND c.relkind = 'p'
  LEFT JOIN pg_class leaf
    ON leaf.oid = i.inhrelid AND leaf.relnamespace = to_regnamespace('elconsole_storage')
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s))
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I')

-- The columns of the relations in $1, in order, each with its primary-key position.
SELECT a.attrelid::int8 AS relation,
       a.attname AS name,
       a.attnum::int4 AS number,
       a.atttypid::int8 AS type_oid,
       a.atttypmod AS typmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_text,
       CASE WHEN a.attcollation <> t.typcollation
            THEN (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                    FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                   WHERE co.oid = a.attcollation)
       END AS collation,
       pg_catalog.array_position(k.conkey, a.attnum) AS key_position,
       a.atthasmissing OR ((c.relkind = 'p' OR (c.relkind = 'r' AND c.relhassubclass)) AND EXISTS (
         WITH RECURSIVE family (oid) AS (
           SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
            UNION
           SELECT i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid
         )
         SELECT FROM family f
           JOIN pg_catalog.pg_attribute m ON m.attrelid = f.oid AND m.attname = a.attname
          WHERE m.atthasmissing)) AS has_missing,
       NOT a.attnotnull AS nullable,
       a.attgenerated = 'v' AS is_virtual
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
 WHERE a.attrelid = ANY (%s::oid[])
   AND a.attnum > 0
   AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum

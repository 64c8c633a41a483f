-- The columns of the relations in $1.
SELECT a.attrelid::int8 AS relation,
       a.attname AS name,
       a.atttypid::int8 AS type_oid,
       a.atttypmod AS typmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_text,
       a.attnotnull AS not_null,
       a.attgenerated <> '' AS is_generated
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = ANY (%s::oid[])
   AND a.attnum > 0
   AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum

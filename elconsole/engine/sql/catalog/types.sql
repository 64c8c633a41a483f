-- The types in $1 and all that they are made of: domains' base types, arrays' elements.
-- An array is the type that its element names as its array: int2vector, oidvector and other
-- types with subscripts have an element too.
WITH RECURSIVE wanted (oid) AS (
  SELECT pg_catalog.unnest(%s::oid[])
  UNION
  SELECT part.oid
    FROM wanted w
    JOIN pg_catalog.pg_type t ON t.oid = w.oid
   CROSS JOIN LATERAL (VALUES (t.typbasetype),
                              ((SELECT e.oid FROM pg_catalog.pg_type e
                                 WHERE e.oid = t.typelem AND e.typarray = t.oid))) part (oid)
   WHERE part.oid <> 0
)
SELECT t.oid::int8 AS oid,
       n.nspname AS schema,
       t.typname AS name,
       t.typtype::text AS kind,
       t.typbasetype::int8 AS base_oid,
       t.typtypmod AS base_typmod,
       coalesce((SELECT e.oid FROM pg_catalog.pg_type e
                  WHERE e.oid = t.typelem AND e.typarray = t.oid), 0)::int8 AS element_oid,
       t.typarray::int8 AS array_oid,
       t.typdelim::text AS delimiter
  FROM wanted w
  JOIN pg_catalog.pg_type t ON t.oid = w.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace

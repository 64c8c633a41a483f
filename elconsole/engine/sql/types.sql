-- The types in $1 and all that they are made of: domains' base types, arrays' elements.
-- int2vector (22) and oidvector (30) look like arrays in the catalog but are types of their own.
WITH RECURSIVE wanted (oid) AS (
  SELECT unnest(%s::oid[])
  UNION
  SELECT part.oid
    FROM wanted w
    JOIN pg_type t ON t.oid = w.oid
   CROSS JOIN LATERAL (VALUES (t.typbasetype),
                              (CASE WHEN t.typlen = -1 AND t.oid NOT IN (22, 30)
                                    THEN t.typelem ELSE 0 END)) part (oid)
   WHERE part.oid <> 0
)
SELECT t.oid::int8 AS oid,
       n.nspname AS schema,
       t.typname AS name,
       t.typtype::text AS kind,
       t.typbasetype::int8 AS base_oid,
       t.typtypmod AS base_typmod,
       CASE WHEN t.typlen = -1 AND t.oid NOT IN (22, 30)
            THEN t.typelem::int8 ELSE 0 END AS element_oid,
       t.typarray::int8 AS array_oid,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_text
  FROM wanted w
  JOIN pg_type t ON t.oid = w.oid
  JOIN pg_namespace n ON n.oid = t.typnamespace

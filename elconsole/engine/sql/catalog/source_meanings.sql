-- What the stored values of the columns of $1 depend on beside their bytes, as digests: of each
-- label of an enum, of a composite's attributes, of a virtual column's expression.
WITH RECURSIVE part (relation, name, type) AS (
  SELECT a.attrelid, a.attname, a.atttypid
    FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
     AND a.atttypid >= 16384
   UNION
  SELECT p.relation, p.name, made.type
    FROM part p
    JOIN pg_catalog.pg_type t ON t.oid = p.type
   CROSS JOIN LATERAL (
           SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL
           SELECT t.typelem WHERE t.typelem <> 0
            UNION ALL
           SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
            UNION ALL
           SELECT a.atttypid FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
         ) AS made (type)
   WHERE made.type >= 16384
), meaning (relation, name, text) AS (
  SELECT p.relation, p.name, e.oid::text || e.enumlabel
    FROM part p JOIN pg_catalog.pg_enum e ON e.enumtypid = p.type
   UNION ALL
  SELECT p.relation, p.name, pg_catalog.string_agg(
           a.attnum::text || ' ' || a.atttypid::text || ' ' || a.atttypmod::text, ',' ORDER BY a.attnum)
    FROM part p
    JOIN pg_catalog.pg_type t ON t.oid = p.type AND t.typtype = 'c'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
   GROUP BY p.relation, p.name, p.type
   UNION ALL
  SELECT a.attrelid, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attgenerated = 'v'
)
SELECT relation::int8, name::text, pg_catalog.array_agg(pg_catalog.substr(pg_catalog.md5(text), 1, 8))
  FROM meaning
 GROUP BY relation, name

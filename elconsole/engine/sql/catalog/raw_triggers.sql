-- Of the raw tables $1: a trigger, on the table or its leaf, made of what a role owns that is not
-- trusted; and such a role that may put triggers on the leaf.
WITH trusted (oid) AS MATERIALIZED ({trusted}),
raw (oid, part) AS (
  SELECT t.oid, part.oid
    FROM pg_catalog.unnest(%s::oid[]) AS t (oid)
   CROSS JOIN LATERAL (
           SELECT t.oid UNION ALL SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = t.oid
         ) AS part (oid)
), hung (oid, trigger, maker) AS (
  SELECT raw.oid, t.tgname::text, NULL
    FROM raw
    JOIN pg_catalog.pg_trigger t ON t.tgrelid = raw.part AND NOT t.tgisinternal
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
    LEFT JOIN pg_catalog.pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_operator o
      ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_type y ON d.refclassid = 'pg_type'::regclass AND y.oid = d.refobjid
   WHERE coalesce(f.proowner, o.oprowner, y.typowner) NOT IN (SELECT oid FROM trusted)
   UNION ALL
  SELECT raw.oid, NULL, CASE a.grantee WHEN 0 THEN 'PUBLIC'
                        ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
    FROM raw
    JOIN pg_catalog.pg_class c ON c.oid = raw.part
   CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
   WHERE raw.part <> raw.oid AND a.privilege_type = 'TRIGGER'
     AND a.grantee NOT IN (SELECT oid FROM trusted)
)
SELECT oid::int8, pg_catalog.min(trigger), pg_catalog.min(maker) FROM hung GROUP BY oid

-- Grants and comments of {table} as statements, with the column that each needs.
SELECT NULL::name AS column_name,
       pg_catalog.format('GRANT %s ON %s TO %s%s', a.privilege_type, {table},
              CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(g.rolname) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS ddl
  FROM pg_catalog.pg_class c
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
 WHERE c.oid = {table}::regclass AND a.grantee <> c.relowner
 UNION ALL
SELECT t.attname,
       pg_catalog.format('GRANT %s (%I) ON %s TO %s', a.privilege_type, t.attname, {table},
              CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(g.rolname) END)
  FROM pg_catalog.pg_attribute t
 CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
 WHERE t.attrelid = {table}::regclass AND t.attnum > 0 AND NOT t.attisdropped
 UNION ALL
SELECT t.attname,
       CASE WHEN d.objsubid = 0 THEN pg_catalog.format('COMMENT ON TABLE %s IS %L', {table}, d.description)
            ELSE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', {table}, t.attname, d.description) END
  FROM pg_catalog.pg_description d
  LEFT JOIN pg_catalog.pg_attribute t ON t.attrelid = d.objoid AND t.attnum = d.objsubid AND d.objsubid > 0
 WHERE d.classoid = 'pg_class'::regclass AND d.objoid = {table}::regclass

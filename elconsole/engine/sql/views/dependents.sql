-- What must be taken down for columns of {table} to change: the views upon {columns}, of which
-- {dropped} go, or upon any column where {whole}; the views upon these; by what statements, run
-- by which role, each is made again; and what can't be. One JSON document.
WITH RECURSIVE changed (attnum, attname, gone) AS MATERIALIZED (
  SELECT attnum, attname, attname = ANY ({dropped})
    FROM pg_catalog.pg_attribute
   WHERE attrelid = {table} AND attnum > 0 AND NOT attisdropped
     AND (attname = ANY ({columns}) OR attname = ANY ({dropped}) OR {whole})
), uses (rule, name, made, used, attnum) AS MATERIALIZED (
  SELECT r.oid, r.rulename, r.ev_class, d.refobjid, d.refobjsubid
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
   WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.deptype = 'n' AND r.ev_class <> d.refobjid
), taken (oid) AS (
  SELECT made FROM uses WHERE used = {table} AND ({whole} OR attnum IN (SELECT attnum FROM changed))
   UNION
  SELECT u.made FROM taken t JOIN uses u ON u.used = t.oid WHERE u.made <> {table}
), found AS MATERIALIZED (
  SELECT c.oid, c.relkind, c.relowner, c.relnamespace, c.relpersistence, c.reltype, c.relacl,
         pg_catalog.pg_get_userbyid(c.relowner) AS owner,
         pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, n.nspname,
         (SELECT ' WITH (' || pg_catalog.string_agg(
                   pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                                     pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
            FROM pg_catalog.unnest(c.reloptions) o) AS options
    FROM taken t
    JOIN pg_catalog.pg_class c ON c.oid = t.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), views AS MATERIALIZED (
  SELECT * FROM found WHERE relkind = 'v'
), granted AS MATERIALIZED (
  SELECT v.oid, v.name, NULL::name AS attname, v.relacl AS acl FROM views v
   UNION ALL
  SELECT v.oid, v.name, a.attname, a.attacl
    FROM views v JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid
   WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
), grants AS MATERIALIZED (
  -- In the order in which they were given: who gives on was given before.
  SELECT g.oid, i.place, a.grantor,
         pg_catalog.format('GRANT %s%s ON %s TO %s%s', a.privilege_type,
                           CASE WHEN g.attname IS NOT NULL THEN pg_catalog.format(' (%I)', g.attname) END,
                           g.name,
                           CASE a.grantee WHEN 0 THEN 'PUBLIC'
                           ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
                           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END) AS ddl
    FROM granted g
   CROSS JOIN LATERAL pg_catalog.unnest(g.acl) WITH ORDINALITY AS i (item, place)
   CROSS JOIN LATERAL pg_catalog.aclexplode(ARRAY[i.item]) a
), steps (view, phase, place, role, ddl) AS (
  SELECT oid, 1, 0, relowner,
         pg_catalog.format('CREATE VIEW %s%s AS %s', name, options, pg_catalog.pg_get_viewdef(oid))
    FROM views
   UNION ALL
  SELECT v.oid, 2, d.adnum, v.relowner,
         pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', v.name, a.attname,
                           pg_catalog.pg_get_expr(d.adbin, d.adrelid))
    FROM views v
    JOIN pg_catalog.pg_attrdef d ON d.adrelid = v.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.adnum
   UNION ALL
  SELECT v.oid, 3, r.oid::int8, v.relowner, pg_catalog.pg_get_ruledef(r.oid)
    FROM views v JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid AND r.rulename <> '_RETURN'
   UNION ALL
  SELECT v.oid, 4, t.oid::int8, v.relowner, pg_catalog.pg_get_triggerdef(t.oid)
    FROM views v JOIN pg_catalog.pg_trigger t ON t.tgrelid = v.oid AND NOT t.tgisinternal
   UNION ALL
  SELECT v.oid, 5, d.objsubid, v.relowner,
         CASE d.objsubid WHEN 0 THEN pg_catalog.format('COMMENT ON VIEW %s IS %L', v.name, d.description)
         ELSE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', v.name, a.attname, d.description) END
    FROM views v
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = v.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.objsubid AND d.objsubid > 0
   UNION ALL
  SELECT v.oid, 5, d.objoid::int8, v.relowner,
         pg_catalog.format('COMMENT ON RULE %I ON %s IS %L', r.rulename, v.name, d.description)
    FROM views v
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_rewrite'::regclass AND d.objoid = r.oid
   UNION ALL
  SELECT v.oid, 5, d.objoid::int8, v.relowner,
         pg_catalog.format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, v.name, d.description)
    FROM views v
    JOIN pg_catalog.pg_trigger t ON t.tgrelid = v.oid
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
   UNION ALL
  SELECT v.oid, 6, s.objsubid, v.relowner,
         CASE s.objsubid WHEN 0 THEN pg_catalog.format('SECURITY LABEL FOR %I ON VIEW %s IS %L', s.provider, v.name, s.label)
         ELSE pg_catalog.format('SECURITY LABEL FOR %I ON COLUMN %s.%I IS %L', s.provider, v.name, a.attname, s.label) END
    FROM views v
    JOIN pg_catalog.pg_seclabel s ON s.classoid = 'pg_class'::regclass AND s.objoid = v.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum = s.objsubid AND s.objsubid > 0
   UNION ALL
  SELECT v.oid, 7, 0, v.relowner,
         pg_catalog.format('REVOKE ALL ON %s FROM %I', v.name, v.owner)
    FROM views v WHERE v.relacl IS NOT NULL
   UNION ALL
  SELECT oid, 8, place, grantor, ddl FROM grants
), blocked (name, why, what) AS (
  SELECT name, CASE relkind WHEN 'm' THEN 'materialized' ELSE 'rule' END, '' FROM found WHERE relkind <> 'v'
   UNION
  SELECT name, 'temporary', '' FROM views WHERE relpersistence = 't'
   UNION
  SELECT v.name, 'column', c.attname
    FROM views v JOIN uses u ON u.made = v.oid AND u.used = {table}
    JOIN changed c ON c.attnum = u.attnum AND c.gone
   UNION
  SELECT v.name, 'owner', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.oid))
    FROM views v
    JOIN pg_catalog.pg_roles r
      ON r.oid = v.relowner OR r.oid IN (SELECT grantor FROM grants WHERE oid = v.oid)
   WHERE NOT (pg_catalog.pg_has_role(session_user, r.oid, {may_become})
              AND pg_catalog.pg_has_role(current_user, r.oid, {may_become}))
   UNION
  SELECT v.name, 'schema', pg_catalog.format('USAGE, CREATE ON SCHEMA %I TO %I', v.nspname, v.owner)
    FROM views v
   WHERE v.relpersistence <> 't'
     AND NOT (pg_catalog.has_schema_privilege(v.relowner, v.relnamespace, 'USAGE')
              AND pg_catalog.has_schema_privilege(v.relowner, v.relnamespace, 'CREATE'))
   UNION
  SELECT v.name, 'dependent', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM views v
    JOIN pg_catalog.pg_type t ON t.oid = v.reltype
    JOIN pg_catalog.pg_depend d
      ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid)
      OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray))
   WHERE d.deptype IN ('n', 'e')
     AND NOT (d.classid = 'pg_rewrite'::regclass
              AND d.objid IN (SELECT r.oid FROM pg_catalog.pg_rewrite r
                               WHERE r.ev_class IN (SELECT f.oid FROM found f)))
     AND NOT (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT f.oid FROM found f))
   UNION
  SELECT v.name, 'dependent', pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)
    FROM views v
    JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_class'::regclass AND d.objid = v.oid AND d.deptype = 'e'
)
SELECT pg_catalog.json_build_object(
  'views', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
              'oid', v.oid::int8, 'name', v.name, 'role', pg_catalog.quote_ident(v.owner),
              'after', (SELECT pg_catalog.json_agg(DISTINCT u.used::int8)
                          FROM uses u
                         WHERE u.made = v.oid AND u.name = '_RETURN'
                           AND u.used IN (SELECT w.oid FROM views w)),
              'rules', (SELECT pg_catalog.json_agg(pg_catalog.quote_ident(r.rulename) ORDER BY r.rulename)
                          FROM pg_catalog.pg_rewrite r
                         WHERE r.ev_class = v.oid AND r.rulename <> '_RETURN'))
              ORDER BY v.oid) FROM views v),
  'steps', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
              'view', s.view::int8, 'phase', s.phase, 'ddl', s.ddl,
              'role', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(s.role)))
              ORDER BY s.phase, s.view, s.place, s.ddl) FROM steps s),
  'blocked', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                'name', b.name, 'why', b.why, 'what', b.what)
                ORDER BY b.name, b.why, b.what) FROM blocked b))

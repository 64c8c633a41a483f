-- Whether there is a ledger, and the first thing about it and the schemas that a role which is
-- not trusted made, or could make, to run code of its own as whoever syncs or reads.
WITH trusted (oid) AS MATERIALIZED ({trusted}),
schemas AS (
  SELECT n.oid, n.nspname AS name, n.nspowner AS owner, n.nspacl AS acl
    FROM pg_catalog.pg_namespace n
   WHERE n.nspname = ANY (%(schemas)s::name[])
), relations AS MATERIALIZED (
  SELECT c.oid, s.name || '.' || c.relname AS name, c.relowner AS owner, c.relacl AS acl,
         c.relkind, c.relhasrules, c.relhastriggers
    FROM schemas s
    JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid
   WHERE s.name = 'elconsole' AND c.relname = ANY (%(relations)s::name[])
), parts (relation, class, oid) AS (
  -- What a relation is made of, and what is evaluated where it is read or written.
  SELECT oid, 'pg_class'::regclass, oid FROM relations
   UNION ALL
  SELECT indrelid, 'pg_class'::regclass, indexrelid
    FROM pg_catalog.pg_index WHERE indrelid IN (SELECT oid FROM relations)
   UNION ALL
  SELECT adrelid, 'pg_attrdef'::regclass, oid
    FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM relations)
   UNION ALL
  SELECT conrelid, 'pg_constraint'::regclass, oid
    FROM pg_catalog.pg_constraint WHERE conrelid IN (SELECT oid FROM relations)
   UNION ALL
  SELECT stxrelid, 'pg_statistic_ext'::regclass, oid
    FROM pg_catalog.pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM relations)
), traps (rank, name, trap, what, role) AS (
  SELECT 1, name, 'schema', NULL, owner
    FROM schemas WHERE owner NOT IN (SELECT oid FROM trusted)
   UNION ALL
  SELECT 2, s.name, 'create', NULL, a.grantee
    FROM schemas s CROSS JOIN LATERAL pg_catalog.aclexplode(s.acl) a
   WHERE s.name IN ('elconsole', 'elconsole_storage') AND a.privilege_type = 'CREATE'
     AND a.grantee NOT IN (SELECT oid FROM trusted)
   UNION ALL
  SELECT 3, name, 'owner', NULL, owner
    FROM relations WHERE owner NOT IN (SELECT oid FROM trusted)
   UNION ALL
  SELECT 4, name, 'kind', relkind::text, owner FROM relations WHERE relkind NOT IN ('r', 'S')
   UNION ALL
  SELECT 5, name, 'trigger', t.tgname, owner
    FROM relations r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid
   WHERE r.relhastriggers AND NOT t.tgisinternal
   UNION ALL
  SELECT 5, name, 'rule', w.rulename, owner
    FROM relations r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid WHERE r.relhasrules
   UNION ALL
  SELECT 5, name, 'policy', p.polname, owner
    FROM relations r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
   UNION ALL
  SELECT 5, name, 'child', i.inhrelid::regclass::text, owner
    FROM relations r JOIN pg_catalog.pg_inherits i ON i.inhparent = r.oid
   UNION ALL
  SELECT 5, name, 'parent', i.inhparent::regclass::text, owner
    FROM relations r JOIN pg_catalog.pg_inherits i ON i.inhrelid = r.oid
   UNION ALL
  SELECT 5, r.name, 'code', pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0), r.owner
    FROM parts p
    JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.oid
    JOIN relations r ON r.oid = p.relation
   -- Ours are made of nothing but what initdb made.
   WHERE d.refobjid >= 16384
     AND d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass,
                          'pg_opclass'::regclass, 'pg_opfamily'::regclass,
                          'pg_collation'::regclass)
   UNION ALL
  SELECT 6, r.name, 'right', NULL, a.grantee
    FROM relations r CROSS JOIN LATERAL pg_catalog.aclexplode(r.acl) a
   WHERE r.relkind = 'r' AND a.privilege_type = 'TRIGGER'
     AND a.grantee NOT IN (SELECT oid FROM trusted)
)
SELECT EXISTS (SELECT FROM relations WHERE name = 'elconsole.migrations') AS is_there,
       t.name, t.trap, t.what,
       CASE t.role WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(t.role)::text END AS role
  FROM (VALUES (true)) AS one (row)
  LEFT JOIN (SELECT * FROM traps ORDER BY rank, name, trap, what LIMIT 1) t ON true

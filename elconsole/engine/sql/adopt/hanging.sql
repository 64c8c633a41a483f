-- What hangs on the table {table}, of whose columns a new one keeps {kept}, with the key {key};
-- {ours} where it is a raw table already, which stays what it is but for its column numbers:
-- phase 0 names what can't come along; 1 goes before the table steps aside, 2 onto the empty new
-- one, 3 and 4 after its rows are there. Statements name the table as it is called now.
WITH old AS MATERIALIZED (
  SELECT c.oid, c.reltype, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
         c.reltoastrelid, c.reltablespace, c.relreplident, c.relacl, c.reloftype,
         pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = {table}::regclass
), col AS MATERIALIZED (
  SELECT a.*, t.typstorage, a.attname = ANY ({kept}) AS kept, old.name
    FROM old
    JOIN pg_catalog.pg_attribute a ON a.attrelid = old.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
), upon_gone AS MATERIALIZED (
  -- A raw table's indexes, constraints and statistics go with the column, as they always do.
  SELECT d.classid, d.objid, d.objsubid, col.attname
    FROM col JOIN pg_catalog.pg_depend d
      ON d.refclassid = 'pg_class'::regclass AND d.refobjid = col.attrelid AND d.refobjsubid = col.attnum
   WHERE NOT col.kept
), keyed AS MATERIALIZED (
  -- Of the old table's unique indexes, those that the new one has by itself.
  SELECT i.indexrelid
    FROM old JOIN pg_catalog.pg_index i ON i.indrelid = old.oid
   WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
     AND i.indnkeyatts = pg_catalog.cardinality({key}) AND i.indnatts = i.indnkeyatts
     AND (SELECT pg_catalog.bool_and(col.attname = ANY ({key}))
            FROM col WHERE col.attnum = ANY (i.indkey::int2[]))
), ind AS MATERIALIZED (
  SELECT i.indexrelid, i.indisunique, i.indisclustered, c.relname, c.reltablespace, k.oid AS con,
         i.indexrelid IN (SELECT keyed.indexrelid FROM keyed) AS by_itself
    FROM old JOIN pg_catalog.pg_index i ON i.indrelid = old.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = old.oid
), stat AS MATERIALIZED (
  SELECT s.oid, s.stxowner, pg_catalog.to_jsonb(s) ->> 'stxstattarget' AS target,
         pg_catalog.format('%I.%I', n.nspname, s.stxname) AS name
    FROM old JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = old.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
), pub AS MATERIALIZED (
  -- Column lists and conditions came with PostgreSQL 15.
  SELECT p.pubname, p.pubviaroot, p.pubowner,
         CASE WHEN pg_catalog.to_jsonb(r) ->> 'prattrs' IS NOT NULL THEN
           ' (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.name), ', ')
                      FROM pg_catalog.jsonb_array_elements_text(v.found -> 'attnames') AS a (name)) || ')'
         END AS columns,
         ' WHERE (' || (v.found ->> 'rowfilter') || ')' AS condition
    FROM old
    JOIN pg_catalog.pg_publication_rel r ON r.prrelid = old.oid
    JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    LEFT JOIN LATERAL (SELECT pg_catalog.to_jsonb(w) AS found FROM pg_catalog.pg_publication_tables w
                        WHERE (w.pubname, w.schemaname, w.tablename) = (p.pubname, old.nspname, old.relname)
                      ) v ON true
), commented AS (
  SELECT d.objoid, d.classoid, d.objsubid, d.description FROM pg_catalog.pg_description d
)
SELECT 0 AS phase, pg_catalog.format('foreign key %I of %s', conname, conrelid::regclass) AS text
  FROM old JOIN pg_catalog.pg_constraint ON contype = 'f' AND confrelid = old.oid
 UNION ALL
SELECT 0, pg_catalog.format('trigger %I', tgname)
  FROM old JOIN pg_catalog.pg_trigger ON tgrelid = old.oid AND NOT tgisinternal WHERE NOT {ours}
 UNION ALL
SELECT 0, pg_catalog.format('rule %I', rulename) FROM old JOIN pg_catalog.pg_rewrite ON ev_class = old.oid
 WHERE NOT {ours}
 UNION ALL
SELECT 0, pg_catalog.format('child table %s', inhrelid::regclass)
  FROM old JOIN pg_catalog.pg_inherits ON inhparent = old.oid WHERE NOT {ours}
 UNION ALL
SELECT 0, pg_catalog.format('parent table %s', inhparent::regclass)
  FROM old JOIN pg_catalog.pg_inherits ON inhrelid = old.oid
 UNION ALL
SELECT 0, pg_catalog.format('type %s', reloftype::regtype) FROM old WHERE reloftype <> 0
 UNION ALL
SELECT 0, pg_catalog.format('owner %I', pg_catalog.pg_get_userbyid(relowner)) FROM old
 WHERE pg_catalog.pg_get_userbyid(relowner) <> current_user
 UNION ALL
SELECT 0, pg_catalog.format('storage parameter %s', o)
  FROM old LEFT JOIN pg_catalog.pg_class toast ON toast.oid = old.reltoastrelid
 CROSS JOIN LATERAL (SELECT pg_catalog.unnest(old.reloptions) AS o
                      UNION ALL SELECT 'toast.' || pg_catalog.unnest(toast.reloptions)) every
 UNION ALL
SELECT 0, pg_catalog.format('tablespace %I', s.spcname)
  FROM old JOIN pg_catalog.pg_tablespace s
    ON s.oid = old.reltablespace OR s.oid IN (SELECT ind.reltablespace FROM ind)
 UNION ALL
SELECT 0, CASE relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN 'REPLICA IDENTITY NOTHING'
          ELSE 'REPLICA IDENTITY USING INDEX' END
  FROM old WHERE relreplident <> 'd' AND (relreplident = 'i' OR NOT {ours})
 UNION ALL
SELECT 0, pg_catalog.format(CASE WHEN indisclustered THEN 'CLUSTER ON index %I' WHEN con IS NULL THEN 'unique index %I'
                            ELSE 'constraint %I' END, relname)
  FROM ind WHERE indisclustered OR (NOT {ours} AND NOT by_itself AND (indisunique OR con IS NOT NULL))
 UNION ALL
SELECT 0, pg_catalog.format('constraint %I', k.conname)
  FROM old JOIN pg_catalog.pg_constraint k ON k.conrelid = old.oid
 WHERE (k.contype = 'c' AND k.connoinherit) OR (k.contype = 'f' AND NOT k.convalidated)
 UNION ALL
SELECT 0, pg_catalog.format('generated column %I', attname) FROM col WHERE attgenerated <> '' AND kept
 UNION ALL
SELECT 0, pg_catalog.format('sequence %s', d.objid::regclass)
  FROM old JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = old.oid AND d.classid = 'pg_class'::regclass
  JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
 UNION ALL
SELECT 0, pg_catalog.format('statistics %s of %I', name, pg_catalog.pg_get_userbyid(stxowner)) FROM stat
 WHERE pg_catalog.pg_get_userbyid(stxowner) <> current_user
 UNION ALL
SELECT 0, pg_catalog.format(CASE WHEN pubviaroot THEN 'publication %I of %I'
                            ELSE 'publication %I without publish_via_partition_root' END,
                            pubname, pg_catalog.pg_get_userbyid(pubowner))
  FROM pub WHERE (NOT pubviaroot AND NOT {ours}) OR NOT pg_catalog.pg_has_role(pubowner, 'USAGE')
 UNION ALL
SELECT 0, 'subscription' FROM old
 WHERE EXISTS (SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = old.oid)
 UNION ALL
SELECT 0, pg_catalog.format('%s, upon the column %I that is gone',
                            pg_catalog.pg_describe_object(d.classid, d.objid, 0), d.attname)
  FROM upon_gone d
 WHERE d.classid IN ('pg_policy'::regclass, 'pg_publication_rel'::regclass)
    OR (NOT {ours}
        AND (d.classid = 'pg_statistic_ext'::regclass
             OR (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT indexrelid FROM ind))
             OR (d.classid = 'pg_constraint'::regclass
                 AND (SELECT k.contype <> 'n' FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid))))
 UNION ALL
SELECT 0, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM old JOIN pg_catalog.pg_type t ON t.oid = old.reltype
  JOIN pg_catalog.pg_depend d
    ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = old.oid)
    OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray))
 WHERE d.deptype = 'n'
   AND (d.classid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_cast'::regclass, 'pg_operator'::regclass)
        OR (d.classid = 'pg_class'::regclass AND d.objid <> old.oid)
        OR (d.classid = 'pg_policy'::regclass
            AND (SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE p.oid = d.objid) <> old.oid))
 UNION ALL
SELECT 0, pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM old JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_class'::regclass AND d.objid = old.oid AND d.objsubid = 0 AND d.deptype = 'e'
 UNION ALL
SELECT 1, pg_catalog.format('DROP STATISTICS %s', name) FROM stat
 UNION ALL
SELECT 2, pg_catalog.pg_get_indexdef(indexrelid) FROM ind WHERE ({ours} OR NOT indisunique) AND con IS NULL
   AND indexrelid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', old.name, k.conname,
                            pg_catalog.pg_get_constraintdef(k.oid))
  FROM old JOIN pg_catalog.pg_constraint k
    ON k.conrelid = old.oid AND (k.contype IN ('c', 'f') OR ({ours} AND k.contype IN ('p', 'u', 'x')))
 WHERE k.conparentid = 0 AND k.oid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', name, attname) FROM col
 WHERE kept AND attnotnull AND attname !~ '^_airbyte_' AND ({ours} OR attname <> ALL ({key}))
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', col.name, col.attname,
                            pg_catalog.pg_get_expr(d.adbin, d.adrelid))
  FROM col JOIN pg_catalog.pg_attrdef d ON d.adrelid = col.attrelid AND d.adnum = col.attnum
 WHERE kept AND attgenerated = ''
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', name, attname, attstattarget)
  FROM col WHERE kept AND attstattarget >= 0
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', name, attname,
                            pg_catalog.array_to_string(attoptions, ', '))
  FROM col WHERE kept AND attoptions IS NOT NULL
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', name, attname,
                            CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                            WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
  FROM col WHERE kept AND attstorage <> typstorage
 UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION %s', name, attname,
                            CASE attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END)
  FROM col WHERE kept AND attcompression IN ('l', 'p')
 UNION ALL
SELECT 3, pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name) FROM old WHERE relrowsecurity
 UNION ALL
SELECT 3, pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name) FROM old WHERE relforcerowsecurity
 UNION ALL
SELECT 3, pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, old.name,
         CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
         CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
         WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
         (SELECT pg_catalog.string_agg(CASE r WHEN 0 THEN 'PUBLIC'
                   ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ')
            FROM pg_catalog.unnest(p.polroles) r),
         ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
         ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  FROM old JOIN pg_catalog.pg_policy p ON p.polrelid = old.oid
 UNION ALL
SELECT 3, pg_catalog.format('ALTER PUBLICATION %I ADD TABLE %s%s%s', pub.pubname, old.name, pub.columns, pub.condition)
  FROM old CROSS JOIN pub
 UNION ALL
SELECT 3, pg_catalog.pg_get_statisticsobjdef(oid) FROM stat
 WHERE oid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 3, pg_catalog.pg_get_ruledef(r.oid)
  FROM old JOIN pg_catalog.pg_rewrite r ON r.ev_class = old.oid
 UNION ALL
SELECT 3, pg_catalog.pg_get_triggerdef(t.oid)
  FROM old JOIN pg_catalog.pg_trigger t ON t.tgrelid = old.oid AND NOT t.tgisinternal
 UNION ALL
SELECT 4, pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', old.name,
         CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname)
  FROM old JOIN pg_catalog.pg_trigger t ON t.tgrelid = old.oid AND NOT t.tgisinternal AND t.tgenabled <> 'O'
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, old.name, d.description)
  FROM old JOIN pg_catalog.pg_trigger t ON t.tgrelid = old.oid AND NOT t.tgisinternal
  JOIN commented d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
 UNION ALL
SELECT 4, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', name,
                            CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
  FROM old WHERE relreplident IN ('f', 'n')
 UNION ALL
SELECT 4, pg_catalog.format('ALTER STATISTICS %s SET STATISTICS %s', name, target) FROM stat
 WHERE target::int >= 0 AND oid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON STATISTICS %s IS %L', stat.name, d.description)
  FROM stat JOIN commented d ON d.classoid = 'pg_statistic_ext'::regclass AND d.objoid = stat.oid
 WHERE stat.oid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON POLICY %I ON %s IS %L', p.polname, old.name, d.description)
  FROM old JOIN pg_catalog.pg_policy p ON p.polrelid = old.oid
  JOIN commented d ON d.classoid = 'pg_policy'::regclass AND d.objoid = p.oid
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON INDEX %I.%I IS %L', old.nspname, ind.relname, d.description)
  FROM old CROSS JOIN ind
  JOIN commented d ON d.classoid = 'pg_class'::regclass AND d.objoid = ind.indexrelid
 WHERE ({ours} OR NOT ind.indisunique) AND ind.indexrelid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, old.name, d.description)
  FROM old JOIN pg_catalog.pg_constraint k ON k.conrelid = old.oid AND (k.contype IN ('c', 'f') OR {ours})
  JOIN commented d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid
 WHERE k.oid NOT IN (SELECT objid FROM upon_gone)
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON TABLE %s IS %L', old.name, d.description)
  FROM old JOIN commented d ON d.classoid = 'pg_class'::regclass AND d.objoid = old.oid AND d.objsubid = 0
 UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', col.name, col.attname, d.description)
  FROM col JOIN commented d
    ON d.classoid = 'pg_class'::regclass AND d.objoid = col.attrelid AND d.objsubid = col.attnum
 WHERE kept
 UNION ALL
SELECT 4, pg_catalog.format('SECURITY LABEL FOR %I ON %s IS %L', s.provider,
         CASE s.objsubid WHEN 0 THEN 'TABLE ' || old.name
         ELSE 'COLUMN ' || old.name || '.' || pg_catalog.quote_ident(col.attname) END, s.label)
  FROM old JOIN pg_catalog.pg_seclabel s ON s.classoid = 'pg_class'::regclass AND s.objoid = old.oid
  LEFT JOIN col ON col.attnum = s.objsubid
 WHERE s.objsubid = 0 OR col.kept
 UNION ALL
SELECT 4, pg_catalog.format('GRANT %s ON %s TO %s%s', a.privilege_type, old.name,
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
  FROM old CROSS JOIN LATERAL pg_catalog.aclexplode(old.relacl) a
 WHERE a.grantee <> old.relowner
 UNION ALL
SELECT 4, pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, col.attname, col.name,
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
  FROM col CROSS JOIN LATERAL pg_catalog.aclexplode(col.attacl) a
 WHERE kept
 ORDER BY 1, 2

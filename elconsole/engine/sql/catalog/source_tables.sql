-- Every relation of the database that a sync could read, system schemas left out.
SELECT c.oid::int8 AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relispartition AS is_partition,
       EXISTS (
         SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
       ) AS of_extension,
       CASE WHEN c.relkind <> 'p' THEN c.reltuples::float8
            ELSE (SELECT pg_catalog.sum(nullif(l.reltuples, -1))::float8
                    FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid
                   WHERE t.isleaf)
       END AS rows_estimated,
       CASE WHEN c.relkind <> 'p' THEN c.relpages::int8 * 8192
            ELSE (SELECT pg_catalog.sum(l.relpages)::int8 * 8192
                    FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid
                   WHERE t.isleaf)
       END AS bytes_estimated,
       coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS is_readable,
       c.relkind = 'p' AND EXISTS (
         SELECT FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid
          WHERE l.relkind = 'f'
       ) AS has_foreign_partition,
       n.nspname IN ('elconsole', 'elconsole_storage')
         OR (c.relkind = 'p' AND pg_catalog.pg_get_partkeydef(c.oid) = 'LIST (_airbyte_generation_id)')
         AS is_ours,
       c.relkind = 'r' AND c.relhassubclass AND EXISTS (
         SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
       ) AS has_children,
       false AS reads_children
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema'
   AND n.nspname !~ '^pg_'
 ORDER BY n.nspname, c.relname

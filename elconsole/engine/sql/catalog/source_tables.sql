-- Every relation of the database that a sync could read, system schemas left out. Partitions are
-- looked up in the catalog: pg_partition_tree() locks each of them, and a server has only so many.
WITH RECURSIVE part (root, oid) AS (
  SELECT c.oid, i.inhrelid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i ON i.inhparent = c.oid
   WHERE c.relkind = 'p'
   UNION ALL
  SELECT p.root, i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
), whole (root, rows, pages, has_foreign) AS MATERIALIZED (
  SELECT p.root, pg_catalog.sum(nullif(l.reltuples, -1))::float8, pg_catalog.sum(l.relpages)::int8,
         pg_catalog.bool_or(l.relkind = 'f')
    FROM part p JOIN pg_catalog.pg_class l ON l.oid = p.oid AND l.relkind <> 'p'
   GROUP BY p.root
)
SELECT c.oid::int8 AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relispartition AS is_partition,
       EXISTS (
         SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
       ) AS of_extension,
       CASE WHEN c.relkind <> 'p' THEN c.reltuples::float8 ELSE w.rows END AS rows_estimated,
       CASE WHEN c.relkind <> 'p' THEN c.relpages::int8 ELSE w.pages END * 8192 AS bytes_estimated,
       coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS is_readable,
       coalesce(w.has_foreign, false) AS has_foreign_partition,
       n.nspname IN ('elconsole', 'elconsole_storage')
         OR (c.relkind = 'p' AND pg_catalog.pg_get_partkeydef(c.oid) = 'LIST (_airbyte_generation_id)')
         AS is_ours,
       c.relkind = 'r' AND c.relhassubclass AND EXISTS (
         SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
       ) AS has_children,
       false AS reads_children
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN whole w ON w.root = c.oid
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema'
   AND n.nspname !~ '^pg_'
 ORDER BY n.nspname, c.relname

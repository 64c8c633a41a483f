-- The published tables of settings with the warehouse schema $1: rows, size with indexes, last sync.
SELECT t.target_schema || '.' || t.target_table AS target,
       t.source,
       CASE WHEN pg_catalog.count(*) OVER (PARTITION BY t.source, t.source_table) > 1
            THEN t.source_schema || '.' ELSE ''
       END || t.source_table AS "table",
       coalesce(t.row_count, l.reltuples::int8, 0)::int8 AS rows,
       coalesce(pg_catalog.pg_total_relation_size(l.oid), 0)::int8 AS bytes,
       t.last_synced_at,
       t.generation
  FROM elconsole.targets t
  JOIN pg_catalog.pg_class p ON p.relname = t.target_table
   AND p.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(t.target_schema)) AND p.relkind = 'p'
  LEFT JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
  LEFT JOIN pg_catalog.pg_class l ON l.oid = i.inhrelid
 WHERE coalesce(pg_catalog.to_jsonb(t) ->> 'home_schema', t.target_schema) = %s AND t.generation > 0
 ORDER BY t.target_id

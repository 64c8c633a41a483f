-- The snapshot of this transaction, and the table as it stands in it. Its leaves are its
-- partitions and, where it is read with {children}, what inherits from it. The cluster's
-- identity is read here, since a failover may come at any time.
WITH RECURSIVE leaf (oid) AS (
  (SELECT p.relid::oid FROM pg_catalog.pg_partition_tree({oid}) p WHERE p.isleaf AND p.relid <> {oid}
    UNION ALL
   SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = {oid} AND {children})
   UNION
  SELECT i.inhrelid FROM leaf f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid WHERE {children}
)
SELECT pg_catalog.pg_current_snapshot()::text AS snapshot,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::int8 AS xmin,
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::int8 AS xmax,
       pg_catalog.clock_timestamp() AS taken_at,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.atttypid::int8, a.atttypmod)
                        ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT pg_catalog.array_agg(oid::int8 ORDER BY oid) FROM leaf) AS partition_oids,
       (SELECT c.relfilenode = coalesce(pg_catalog.pg_relation_filenode({oid}), 0)
          FROM pg_catalog.pg_class c WHERE c.oid = {oid}) AS unmoved,
       -- In pages, of the table or its largest leaf, where ctid may be read.
       (SELECT CASE WHEN c.relkind IN ('r', 'p') AND pg_catalog.has_column_privilege(c.oid, 'ctid', 'SELECT')
                    THEN (SELECT CASE WHEN pg_catalog.count(*) = 0 THEN pg_catalog.pg_relation_size(c.oid)
                                      WHEN pg_catalog.bool_and(l.relkind = 'r')
                                      THEN greatest(pg_catalog.pg_relation_size(c.oid), pg_catalog.max(pg_catalog.pg_relation_size(l.oid)))
                                      ELSE 0 END
                            FROM leaf f JOIN pg_catalog.pg_class l ON l.oid = f.oid)
                    ELSE 0 END / pg_catalog.current_setting('block_size')::int8
          FROM pg_catalog.pg_class c WHERE c.oid = {oid})::int8 AS pages,
       {system_identifier} AS system_identifier,
       {timeline} AS timeline

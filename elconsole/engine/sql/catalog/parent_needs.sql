-- What a leaf must have before it is attached to {parent} without scan or build: every index,
-- constraint and NOT NULL of the parent, those that are unique where {unique}; and the settings of
-- its columns. Statements carry the leaf's name.
SELECT pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', {leaf}, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS ddl
  FROM pg_catalog.pg_constraint k
 WHERE k.conrelid = {parent} AND (k.contype IN ('c', 'f') OR ({unique} AND k.contype IN ('p', 'u', 'x')))
   -- A foreign key to a partitioned table has a child for each of its partitions.
   AND (k.contype <> 'f' OR k.conparentid = 0)
UNION ALL
SELECT pg_catalog.format('CREATE %sINDEX ON %s %s',
              CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
              {leaf},
              pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), d.skip))
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 CROSS JOIN LATERAL (
        SELECT pg_catalog.length(pg_catalog.format('CREATE %sINDEX %I ON %s%I.%I ',
                             CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
                             c.relname, CASE t.relkind WHEN 'p' THEN 'ONLY ' END,
                             n.nspname, t.relname)) + 1 AS skip
      ) d
 WHERE i.indrelid = {parent} AND ({unique} OR NOT i.indisunique)
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = {parent} AND k.conindid = i.indexrelid)
UNION ALL
SELECT pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', {leaf}, a.attname)
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = {parent} AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
   AND a.attname !~ '^_airbyte_'
UNION ALL
SELECT pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I %s', {leaf}, a.attname, s.setting)
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 CROSS JOIN LATERAL (VALUES
         (CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' || a.attstattarget END),
         ('SET (' || pg_catalog.array_to_string(a.attoptions, ', ') || ')'),
         (CASE WHEN a.attstorage <> t.typstorage
               THEN 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                                      WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END),
         (CASE a.attcompression WHEN 'l' THEN 'SET COMPRESSION lz4' WHEN 'p' THEN 'SET COMPRESSION pglz' END)
       ) s (setting)
 WHERE a.attrelid = {parent} AND a.attnum > 0 AND NOT a.attisdropped AND s.setting IS NOT NULL

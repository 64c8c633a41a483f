-- What hangs on {table} and would not survive its replacement.
SELECT pg_catalog.format('view %s', r.ev_class::regclass)
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = {table}::regclass
   AND r.ev_class <> {table}::regclass
 UNION
SELECT pg_catalog.format('foreign key %s of %s', conname, conrelid::regclass)
  FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = {table}::regclass
 UNION
SELECT pg_catalog.format('policy %I', polname) FROM pg_catalog.pg_policy WHERE polrelid = {table}::regclass
 UNION
SELECT pg_catalog.format('trigger %I', tgname)
  FROM pg_catalog.pg_trigger WHERE tgrelid = {table}::regclass AND NOT tgisinternal
 UNION
SELECT pg_catalog.format('child table %s', inhrelid::regclass)
  FROM pg_catalog.pg_inherits WHERE inhparent = {table}::regclass
 ORDER BY 1

-- What hangs on {table} and would not survive its replacement.
SELECT format('view %s', r.ev_class::regclass)
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = {table}::regclass
   AND r.ev_class <> {table}::regclass
 UNION
SELECT format('foreign key %s of %s', conname, conrelid::regclass)
  FROM pg_constraint WHERE contype = 'f' AND confrelid = {table}::regclass
 UNION
SELECT format('policy %I', polname) FROM pg_policy WHERE polrelid = {table}::regclass
 UNION
SELECT format('trigger %I', tgname)
  FROM pg_trigger WHERE tgrelid = {table}::regclass AND NOT tgisinternal
 UNION
SELECT format('child table %s', inhrelid::regclass)
  FROM pg_inherits WHERE inhparent = {table}::regclass
 ORDER BY 1

-- The session that holds the advisory lock $1, $2.
SELECT l.pid, coalesce(pg_catalog.pg_get_userbyid(a.usesysid)::text, '?'), a.application_name
  FROM pg_catalog.pg_locks l
  LEFT JOIN LATERAL pg_catalog.pg_stat_get_activity(l.pid) a ON true
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
   AND l.database = (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname = pg_catalog.current_database())
   AND l.classid = %s AND l.objid = %s AND l.pid <> pg_catalog.pg_backend_pid()
 LIMIT 1

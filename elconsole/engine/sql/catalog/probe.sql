-- How a server is: version, standby, replay lag, size, oldest transaction; and what the role
-- that asks is, owns and is a member of.
SELECT pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS version,
       pg_catalog.pg_is_in_recovery() AS is_standby,
       CASE WHEN pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_last_wal_receive_lsn() IS DISTINCT FROM
                 pg_catalog.pg_last_wal_replay_lsn()
            THEN extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())::float8
            WHEN pg_catalog.pg_is_in_recovery() THEN 0::float8
       END AS lag_s,
       pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes,
       (SELECT extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(xact_start))::float8
          FROM pg_catalog.pg_stat_activity
         WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()) AS oldest_transaction_s,
       r.rolsuper AS is_superuser,
       (SELECT coalesce(
                 (SELECT 'the database ' || d.datname FROM pg_catalog.pg_database d
                   WHERE d.datname = pg_catalog.current_database() AND d.datdba = r.oid),
                 (SELECT 'the schema ' || n.nspname FROM pg_catalog.pg_namespace n
                   WHERE n.nspowner = r.oid AND n.nspname !~ '^pg_(toast_)?temp' LIMIT 1),
                 (SELECT 'the table ' || c.relname FROM pg_catalog.pg_class c
                   WHERE c.relowner = r.oid AND c.relpersistence <> 't' LIMIT 1),
                 (SELECT 'the function ' || p.proname FROM pg_catalog.pg_proc p
                   WHERE p.proowner = r.oid LIMIT 1),
                 (SELECT 'the type ' || t.typname FROM pg_catalog.pg_type t
                   WHERE t.typowner = r.oid LIMIT 1))) AS owns,
       (SELECT pg_catalog.string_agg(g.rolname, ', ' ORDER BY g.rolname)
          FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
         WHERE m.member = r.oid) AS member_of
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user

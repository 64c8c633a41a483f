-- How a server is: version, standby, replay lag, size, oldest transaction.
SELECT split_part(current_setting('server_version'), ' ', 1),
       pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM
                 pg_last_wal_replay_lsn()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
            WHEN pg_is_in_recovery() THEN 0::float8
       END,
       pg_database_size(current_database()),
       (SELECT extract(epoch FROM clock_timestamp() - min(xact_start))::float8
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid())

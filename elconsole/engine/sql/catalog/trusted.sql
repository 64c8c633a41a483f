-- The roles of which nothing can be a trap: the one that asks, and those that could do anything
-- to it. Not those that it is a member of: others are, too, and up to PostgreSQL 15 a role makes
-- whom it likes its member. Whoever only reads believes the ledger's owner, where {reads}.
SELECT r.oid
  FROM pg_catalog.pg_roles r
 WHERE r.rolname IN (current_user, 'pg_database_owner') OR r.rolsuper
UNION ALL
SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT n.nspowner
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname = 'elconsole' AND {reads}
   AND NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')

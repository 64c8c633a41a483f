-- Columns of a table or view, with their types; its owner where that is a role that is not
-- trusted. No row: it does not exist.
SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL),
       CASE WHEN c.relowner NOT IN ({trusted})
            THEN pg_catalog.pg_get_userbyid(c.relowner)::text END
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- The same combinations, as the last sync stored them.
SELECT period, values, defect, inspected, passed, newest, extracted, changed
FROM elconsole.quality_daily
WHERE target_schema = {schema} AND target_table = {table} AND version = {version}

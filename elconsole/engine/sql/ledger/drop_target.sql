-- A raw table is gone for good: so is what was known of it. Its runs stay.
DELETE FROM elconsole.quality_daily
 WHERE target_schema = %(schema)s AND target_table = %(name)s;
DELETE FROM elconsole.quality_baselines
 WHERE target_schema = %(schema)s AND target_table = %(name)s;
DELETE FROM elconsole.quality_signals WHERE target = %(schema)s || '.' || %(name)s;
DELETE FROM elconsole.targets WHERE target_id = %(target_id)s

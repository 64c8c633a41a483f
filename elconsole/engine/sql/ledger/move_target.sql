-- A raw table has another place: what is known of pass rates by its place goes with it, over
-- what an earlier table of that place left.
UPDATE elconsole.targets SET target_schema = %(schema)s, target_table = %(name)s
 WHERE target_id = %(target_id)s;
DELETE FROM elconsole.quality_daily
 WHERE target_schema = %(schema)s AND target_table = %(name)s;
UPDATE elconsole.quality_daily SET target_schema = %(schema)s, target_table = %(name)s
 WHERE target_schema = %(old_schema)s AND target_table = %(old_name)s;
DELETE FROM elconsole.quality_baselines
 WHERE target_schema = %(schema)s AND target_table = %(name)s;
UPDATE elconsole.quality_baselines SET target_schema = %(schema)s, target_table = %(name)s
 WHERE target_schema = %(old_schema)s AND target_table = %(old_name)s;
DELETE FROM elconsole.quality_signals WHERE target = %(schema)s || '.' || %(name)s;
UPDATE elconsole.quality_signals SET target = %(schema)s || '.' || %(name)s
 WHERE target = %(old_schema)s || '.' || %(old_name)s
